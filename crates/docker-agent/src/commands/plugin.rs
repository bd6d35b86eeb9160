//! `docker-agent plugin install|uninstall`: a link to this program where docker looks for plugins.
//!
//! Docker runs whatever the link leads to, so the program must not be one that others can replace.
//! A file that is not such a link is somebody else's: it is neither replaced nor removed.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use agent_telemetry::{Ended, ErrorClass};

use crate::args::PluginCommand;
use crate::failure::Failure;
use crate::output;
use crate::wrapper::Outcome;

/// The name under which docker finds us as `docker agent`.
const FILE: &str = "docker-agent";

/// Write permission for others than the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Runs one of them.
pub(crate) fn run(command: PluginCommand) -> Outcome {
    let program = std::env::current_exe().and_then(fs::canonicalize).map_err(|error| {
        Failure::new(ErrorClass::Io, "cannot find out where this program is").because(&error)
    })?;
    let link = folder()?.join(FILE);
    match command {
        PluginCommand::Install => install(&program, &link),
        PluginCommand::Uninstall => uninstall(&program, &link),
    }
}

/// Where docker looks for plugins of this user.
fn folder() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
    docker.map(|folder| folder.join("cli-plugins")).ok_or_else(|| {
        Failure::new(ErrorClass::Config, "there is no folder for docker's plugins: HOME is not set")
            .hint("set HOME, or DOCKER_CONFIG to docker's configuration folder")
    })
}

fn install(program: &Path, link: &Path) -> Outcome {
    refuse_what_others_can_replace(program)?;
    let broken = |error: io::Error| {
        Failure::new(ErrorClass::Io, format_args!("cannot make the link {}", link.display())).because(&error)
    };
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder).map_err(broken)?;
    }
    match symlink(program, link) {
        Ok(()) => {
            let text = format!("installed: {} -> {}\n", link.display(), program.display());
            output::data(&text)?;
            output::note("now `docker agent run agent.yaml` works, too");
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match owner(program, link) {
            Owner::Us => output::data(&format!("already installed: {}\n", link.display()))?,
            Owner::Somebody(what) => {
                return Err(foreign(link, &what).hint("remove it yourself if docker should use this program"));
            }
        },
        Err(error) => return Err(broken(error)),
    }
    Ok(Ended::SUCCESS)
}

fn uninstall(program: &Path, link: &Path) -> Outcome {
    if fs::symlink_metadata(link).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        output::data("not installed\n")?;
        return Ok(Ended::SUCCESS);
    }
    if let Owner::Somebody(what) = owner(program, link) {
        return Err(foreign(link, &what).hint("remove it yourself if nobody needs it"));
    }
    fs::remove_file(link).map_err(|error| {
        Failure::new(ErrorClass::Io, format_args!("cannot remove {}", link.display())).because(&error)
    })?;
    output::data(&format!("removed: {}\n", link.display()))?;
    Ok(Ended::SUCCESS)
}

/// Whose the file is that stands where our link belongs.
enum Owner {
    Us,
    /// What it is instead.
    Somebody(String),
}

fn owner(program: &Path, link: &Path) -> Owner {
    let Ok(target) = fs::read_link(link) else { return Owner::Somebody("a file".to_owned()) };
    // A link that leads nowhere may have been anybody's.
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (fs::metadata(link), fs::metadata(program)) {
        (Ok(linked), Ok(own)) if same(&linked, &own) => Owner::Us,
        _ => Owner::Somebody(format!("a link to {}", target.display())),
    }
}

fn foreign(link: &Path, what: &str) -> Failure {
    Failure::new(ErrorClass::Config, format_args!("{} is {what}, not a link of ours", link.display()))
}

/// Docker would run what others put in the program's place, with this user's rights.
fn refuse_what_others_can_replace(program: &Path) -> Result<(), Failure> {
    for path in program.parent().into_iter().chain([program]) {
        let metadata = fs::metadata(path).map_err(|error| {
            Failure::new(ErrorClass::Io, format_args!("cannot look at {}", path.display())).because(&error)
        })?;
        if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
            let path = path.display();
            return Err(Failure::new(
                ErrorClass::Config,
                format_args!("others can write {path} (mode {:o})", metadata.mode() & 0o7777),
            )
            .hint(format!("docker would run what they put there; chmod go-w {path}, or move the program")));
        }
    }
    Ok(())
}
