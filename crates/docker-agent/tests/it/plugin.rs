//! `plugin install` and `uninstall`: a link of ours, and nothing of anybody else's.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::{Home, Ran, shape};
use crate::tools::tool;

/// A copy of the program in a folder of its own, so that its permissions are the test's.
struct Installed {
    home: Home,
    program: PathBuf,
}

impl Installed {
    fn new(home: Home) -> Self {
        let program = home.path().join("bin/docker-agent");
        fs::create_dir(home.path().join("bin")).expect("a folder");
        // By another process: a file that this one has open for writing cannot be run, and a child that another test
        // is starting may have inherited it.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_docker-agent")).arg(&program).status();
        assert!(copied.expect("cp").success());
        let installed = Self { home, program };
        installed.allow("bin", 0o755);
        installed.allow("bin/docker-agent", 0o755);
        installed
    }

    fn allow(&self, path: &str, mode: u32) {
        let path = self.home.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    fn link(&self) -> PathBuf {
        self.home.path().join(".docker/cli-plugins/docker-agent")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let direct = self.home.command(&[]);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().current_dir(self.home.path());
        command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ran::of(&command.output().expect("the program"))
    }
}

#[test]
fn a_link_is_made_and_removed_and_both_are_said() {
    let installed = Installed::new(Home::quiet());
    let link = installed.link();
    let first = installed.run(&["plugin", "install"]).ok();
    assert_eq!(fs::read_link(&link).expect("a link"), installed.program);
    assert!(first.stdout.starts_with("installed: "), "{first:?}");
    assert!(installed.run(&["plugin", "install"]).ok().stdout.starts_with("already installed: "));
    assert!(installed.run(&["plugin", "uninstall"]).ok().stdout.starts_with("removed: "));
    assert!(fs::symlink_metadata(&link).is_err());
    assert_eq!(installed.run(&["plugin", "uninstall"]).ok().stdout, "not installed\n");
}

#[test]
fn docker_finds_what_was_installed() {
    let Some(docker) = tool("docker") else { return };
    let installed = Installed::new(Home::quiet());
    let _ran = installed.run(&["plugin", "install"]).ok();
    let mut command = Command::new(docker);
    command.args(["agent", "version"]).env_clear().env("HOME", installed.home.path());
    let ran = Ran::of(&command.env("TELEMETRY_ENABLED", "false").output().expect("docker")).ok();
    assert!(ran.stdout.starts_with("docker-agent version"), "{ran:?}");
}

#[test]
fn dockers_own_configuration_folder_counts() {
    let home = Home::quiet();
    let folder = home.path().join("elsewhere");
    let installed = Installed::new(home.with("DOCKER_CONFIG", folder.to_str().expect("UTF-8")));
    let _ran = installed.run(&["plugin", "install"]).ok();
    assert!(folder.join("cli-plugins/docker-agent").is_symlink());
    assert!(!installed.link().is_symlink());
}

#[test]
fn what_is_not_ours_is_neither_replaced_nor_removed() {
    type Put = fn(&Path);
    let put: [(&str, Put); 3] = [
        ("is a file,", |link| fs::write(link, "#!/bin/sh\n").expect("a file")),
        ("is a link to /bin/sh,", |link| symlink("/bin/sh", link).expect("a link")),
        ("is a link to /gone/docker-agent,", |link| symlink("/gone/docker-agent", link).expect("a link")),
    ];
    for (what, put) in put {
        let installed = Installed::new(Home::quiet());
        let link = installed.link();
        fs::create_dir_all(link.parent().expect("a parent")).expect("a folder");
        put(&link);
        let before = (fs::read_link(&link).ok(), fs::read(&link).ok());
        for command in ["install", "uninstall"] {
            let ran = installed.run(&["plugin", command]);
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(ran.stderr.contains(what) && ran.stderr.contains("hint: remove it yourself"), "{ran:?}");
            assert_eq!((fs::read_link(&link).ok(), fs::read(&link).ok()), before);
        }
    }
}

#[test]
fn a_program_that_others_can_replace_is_not_installed() {
    for (path, mode) in [("bin", 0o775), ("bin", 0o757), ("bin", 0o1777), ("bin/docker-agent", 0o775)] {
        let installed = Installed::new(Home::new());
        installed.allow(path, mode);
        let ran = installed.run(&["plugin", "install"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("others can write") && ran.stderr.contains("chmod go-w"), "{ran:?}");
        assert!(!installed.link().is_symlink());
        assert_eq!(shape(&installed.home.pending()), ["plugin install 1 config"]);
    }
}

#[test]
fn the_probe_touches_no_file_of_ours_and_no_socket() {
    let Some(strace) = tool("strace") else { return };
    let home = Home::new().with("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker");
    let program = env!("CARGO_BIN_EXE_docker-agent");
    let direct = home.command(&[]);
    for words in [&["docker-cli-plugin-metadata"] as &[&str], &["__complete", "agent", ""]] {
        let mut command = Command::new(&strace);
        command
            .args(["-f", "-qq", "-e", "trace=%network,%file,clone,clone3,fork,vfork", program])
            .args(words);
        command.env_clear().envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.current_dir(home.path()).output().expect("strace");
        assert!(output.status.success());
        let trace = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(trace.contains("execve("), "strace saw nothing: {trace}");
        // What the loader and the standard library open before `main`.
        let opened_by_it = "newfstatat(3, \"\"";
        let starting = ["execve(", "/lib", "/usr/lib", "/etc/ld.so.", "/proc/self/", "/sys/", opened_by_it];
        let ours: Vec<&str> = trace
            .lines()
            .filter(|line| !line.starts_with("---") && !line.starts_with("+++"))
            .filter(|line| !starting.iter().any(|known| line.contains(known)))
            .collect();
        assert_eq!(ours, [] as [&str; 0], "{words:?}");
    }
    assert_eq!(home.files("."), [] as [PathBuf; 0]);
}
