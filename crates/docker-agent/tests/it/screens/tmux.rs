//! A terminal that can be looked at: the program in a tmux of its own.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::server::PATIENCE;
use crate::setup::Home;
use crate::tools::tool;

/// A terminal with the program in it; it is gone when this is dropped.
pub(super) struct Tmux {
    program: PathBuf,
    socket: PathBuf,
}

impl Tmux {
    /// Starts the program in a terminal of that width. What it leaves behind is said after its end.
    pub(super) fn start(home: &Home, width: usize, arguments: &[&str]) -> Option<Self> {
        // Ctrl-C reaches the shell, too, which has to say what became of the program.
        Self::start_by(home, width, arguments, "trap : INT; {}")
    }

    /// Starts the program as a job in the background. If it stops there, `stopped` is said, and it is brought to the
    /// front by a line that is typed.
    pub(super) fn start_behind(home: &Home, width: usize, arguments: &[&str]) -> Option<Self> {
        let script = "set -m; {} & wait $!; status=$?; if [ $status -gt 128 ]; then echo stopped; read -r go; \
                      fg >/dev/null; status=$?; fi; (exit $status)";
        Self::start_by(home, width, arguments, script)
    }

    fn start_by(home: &Home, width: usize, arguments: &[&str], script: &str) -> Option<Self> {
        let program = tool("tmux")?;
        let settings = "set -g status off\nset -g escape-time 0\nset -g default-terminal screen-256color\n";
        let settings = home.write("tmux.conf", settings);
        let direct = home.command(arguments);
        let mut call = String::from("env -i");
        for (name, value) in direct.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            let _ = write!(call, " {}={}", name.display(), quoted(&value.to_string_lossy()));
        }
        let _ = write!(call, " TERM=screen-256color {}", env!("CARGO_BIN_EXE_docker-agent"));
        for argument in arguments {
            let _ = write!(call, " {}", quoted(argument));
        }
        let script = script.replace("{}", &call);
        let script = script
            + "; echo \"exit $?, $(stty -a | grep -ow -e '-*echo' -e '-*icanon' | tr '\\n' ' ')\"; exec cat";
        // A server that is ending still has its socket.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let tmux = Self { program, socket: home.path().join(format!("tmux-{number}.socket")) };
        let (width, settings) = (width.to_string(), settings.display().to_string());
        tmux.ask(&["-f", &settings, "new-session", "-d", "-x", &width, "-y", "24", &script]);
        Some(tmux)
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.arg("-u").arg("-S").arg(&self.socket).args(arguments).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let folder = self.socket.parent().expect("a folder");
        command.env("LANG", "C.UTF-8").env("TERM", "xterm").env("SHELL", "/bin/sh").current_dir(folder);
        let output = command.output().expect("tmux");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What the terminal shows, without empty lines at its end, and with `(T)` for each time that something took.
    pub(super) fn screen(&self) -> String {
        let screen = self.ask(&["capture-pane", "-p"]);
        let lines: Vec<String> = screen.trim_end().lines().map(|line| timeless(line.trim_end())).collect();
        lines.join("\n")
    }

    /// Waits until the terminal shows a text, and answers all that it shows.
    #[track_caller]
    pub(super) fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "waited for {text:?}, saw\n{screen}");
        }
    }

    /// Types a text.
    pub(super) fn write(&self, text: &str) {
        self.ask(&["send-keys", "-l", text]);
    }

    /// Presses a key, by tmux' name for it.
    pub(super) fn press(&self, key: &str) {
        self.ask(&["send-keys", key]);
    }

    /// Gives the terminal another width.
    pub(super) fn resize(&self, width: usize) {
        self.ask(&["resize-window", "-x", &width.to_string(), "-y", "24"]);
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut command = Command::new(&self.program);
        let _ = command.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `(12 ms)`, `(failed, 1.2 s)` as `(T)`, `(failed, T)`.
fn timeless(line: &str) -> String {
    let Some(open) = line.rfind('(').filter(|_| line.ends_with(" ms)") || line.ends_with(" s)")) else {
        return line.to_owned();
    };
    let how = line[open + 1..].rfind(", ").map_or("", |end| &line[open + 1..open + end + 3]);
    format!("{}({how}T)", &line[..open])
}
