//! `check`, `rebuild`, `backup` and `forget`: what can be done to a data folder beside serving it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use telemetry_collector::{ClickHouseAddress, DataFolder, MaintenanceError, backup, forget_in};
use uuid::Uuid;

#[derive(Args)]
pub(crate) struct FolderArgs {
    /// The data folder; no collector may be using it.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
    data: PathBuf,
}

#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The copy; must not exist yet.
    file: PathBuf,
    /// The data folder; a collector may be using it.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
    data: PathBuf,
}

#[derive(Args)]
pub(crate) struct ForgetArgs {
    /// The installation's id, as `docker-agent telemetry status` shows it.
    #[arg(value_name = "UUID")]
    id: Uuid,
    #[command(flatten)]
    folder: FolderArgs,
    /// Removes it from a database that collectors share, instead of a folder. Forget it in the folders of the collectors
    /// first: what waits there to be shipped would come after.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "data")]
    store: Option<ClickHouseAddress>,
    #[command(flatten)]
    reach: super::store::ReachArgs,
}

/// Exit 0 when all is well, 1 when something does not fit together or cannot be read.
pub(crate) fn check(args: &FolderArgs) -> ExitCode {
    let findings = DataFolder::open(&args.data).and_then(DataFolder::check);
    told(findings, |findings, out| {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        match findings.is_empty() {
            true => writeln!(out, "all is well").map(|()| ExitCode::SUCCESS),
            false => Ok(ExitCode::FAILURE),
        }
    })
}

pub(crate) fn rebuild(args: &FolderArgs) -> ExitCode {
    told(DataFolder::open(&args.data).and_then(DataFolder::rebuild), |segments, out| {
        writeln!(out, "made {segments} segments").map(|()| ExitCode::SUCCESS)
    })
}

pub(crate) fn back_up(args: &BackupArgs) -> ExitCode {
    told(backup(&args.data, &args.file), |events, out| {
        writeln!(out, "copied {events} events to {}", args.file.display()).map(|()| ExitCode::SUCCESS)
    })
}

/// Exit 1 when nothing is known of the installation.
pub(crate) fn forget(args: &ForgetArgs) -> ExitCode {
    let forgotten = match &args.store {
        None => DataFolder::open(&args.folder.data).and_then(|folder| folder.forget(args.id)),
        Some(address) => match args.reach.store(address) {
            Ok(store) => forget_in(&store, args.id),
            Err(error) => Err(MaintenanceError::Store(error.to_string())),
        },
    };
    told(forgotten, |forgotten, out| match forgotten {
        Some(gone) => {
            let (events, sessions, counters) = (gone.events, gone.sessions, gone.counters);
            writeln!(
                out,
                "removed {events} events, {sessions} sessions, {counters} counters of {}",
                args.id
            )?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            writeln!(out, "nothing is stored about {}", args.id)?;
            Ok(ExitCode::FAILURE)
        }
    })
}

fn told<T>(
    result: Result<T, MaintenanceError>,
    tell: impl FnOnce(T, &mut dyn Write) -> std::io::Result<ExitCode>,
) -> ExitCode {
    match result {
        Ok(value) => tell(value, &mut std::io::stdout()).unwrap_or(ExitCode::FAILURE),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
