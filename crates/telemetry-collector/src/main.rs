//! The command line of the collector.
//!
//! stdout of `serve` has one line, the address; that of other commands what they were asked for. Everything else goes
//! to stderr. Exit 0 when done, 1 when something failed, 2 for wrong use.

mod cli;
mod size;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use telemetry_collector::{
    AddressError, CatalogueDoc, DEFAULT_MIN_FREE, DEFAULT_RAW_DAYS, SecretFileError, Server, Settings,
    StartError, clickhouse_ddl, docker_agent,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a request takes on one thread, the writer reads on another: with the system's allocator that costs a quarter of
/// all time spent on taking events.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "telemetry-collector", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Receives events over HTTP, keeps them, and shows what they say.
    Serve {
        /// Address to listen on; port 0 picks one. Other machines can reach it if it is not a loopback address.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4380", value_parser = listen_address)]
        listen: SocketAddr,
        /// Folder for the data; created if it does not exist.
        #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
        data: PathBuf,
        /// Free disk space below which no event is taken.
        #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size::parse)]
        min_free: u64,
        /// Takes the events of another tool, too: what its `telemetry explain --json` printed; may be repeated.
        #[arg(long, value_name = "FILE")]
        catalogue: Vec<PathBuf>,
        /// Days that events are kept for; what a day's events add up to is kept for good.
        #[arg(long, value_name = "N", default_value_t = DEFAULT_RAW_DAYS, value_parser = clap::value_parser!(u16).range(1..))]
        raw_days: u16,
        #[command(flatten)]
        access: cli::access::AccessArgs,
        #[command(flatten)]
        store: Box<cli::store::StoreArgs>,
    },
    /// Takes records from files.
    Ingest(cli::ingest::IngestArgs),
    /// Makes up a population and takes its events, to try the collector with.
    Seed(cli::seed::SeedArgs),
    /// Answers a SELECT about the stored events.
    Query(cli::query::Query),
    /// Writes all stored events as they were sent.
    Export(cli::export::Export),
    /// Describes the HTTP interface and the SQL views.
    Api(cli::api::Api),
    /// Says whether everything in a data folder fits together.
    Check(cli::maintenance::FolderArgs),
    /// Makes everything again that is derived from events.
    Rebuild(cli::maintenance::FolderArgs),
    /// Copies the data into one file, also while a collector is using it.
    Backup(cli::maintenance::BackupArgs),
    /// Copies a data folder into a database that collectors share, and compares.
    Migrate(cli::store::MigrateArgs),
    /// Removes everything about one installation.
    Forget(cli::maintenance::ForgetArgs),
}

fn main() -> ExitCode {
    debug_assert_eq!(size::parse("512MiB"), Ok(DEFAULT_MIN_FREE));
    let result = match Cli::parse().command {
        Command::Serve { store, .. } if store.print_ddl => return print_ddl(),
        Command::Serve { store, .. } if store.lacks_address() => Cli::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                "--store-password-file is for a shared store: give its address with --store",
            )
            .exit(),
        Command::Serve { listen, data, min_free, catalogue, raw_days, access, store } => {
            settings(listen, data, min_free, &catalogue, &access).and_then(|mut settings| {
                settings.raw_days = raw_days;
                settings.store = store.shared()?;
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
                runtime.map_err(Failure::Runtime)?.block_on(serve(settings))
            })
        }
        Command::Migrate(args) => return cli::store::migrate(&args),
        Command::Check(args) => return cli::maintenance::check(&args),
        Command::Rebuild(args) => return cli::maintenance::rebuild(&args),
        Command::Backup(args) => return cli::maintenance::back_up(&args),
        Command::Forget(args) => return cli::maintenance::forget(&args),
        Command::Query(query) => return query.run(),
        Command::Export(export) => return export.run(),
        Command::Api(api) => return api.run(),
        Command::Ingest(args) => return cli::ingest::run(&args),
        Command::Seed(args) => return cli::seed::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            match failure {
                Failure::Start(StartError::NotLoopback { .. } | StartError::TooFewDays(_)) => {
                    ExitCode::from(2)
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn print_ddl() -> ExitCode {
    match std::io::stdout().write_all(clickhouse_ddl().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The same number on Linux, macOS and the BSDs.
const SIGXFSZ: i32 = 25;

/// Why the collector ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the built-in catalogue cannot be read: {0}")]
    Catalogue(String),
    #[error("{}: {problem}\n  give what the tool's `telemetry explain --json` prints", file.display())]
    File { file: PathBuf, problem: String },
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Store(#[from] AddressError),
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot write the address to stdout: {0}")]
    Stdout(std::io::Error),
}

fn settings(
    listen: SocketAddr,
    data: PathBuf,
    min_free: u64,
    catalogues: &[PathBuf],
    access: &cli::access::AccessArgs,
) -> Result<Settings, Failure> {
    let mut settings = Settings::new(listen, data, docker_agent().map_err(Failure::Catalogue)?);
    settings.min_free = min_free;
    settings.access = access.access()?;
    settings.tls = access.tls();
    for file in catalogues {
        add_catalogue(&mut settings, file)
            .map_err(|problem| Failure::File { file: file.clone(), problem })?;
    }
    Ok(settings)
}

fn add_catalogue(settings: &mut Settings, file: &std::path::Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    settings.catalogues.add(CatalogueDoc::from_json(&text)?)
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    // Before the address is printed: whoever reads it may signal at once.
    let terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
    // A limit on the size of files ends a process unless it handles this; then the write fails, as on a full disk.
    let _file_too_large = signal(SignalKind::from_raw(SIGXFSZ)).map_err(Failure::Runtime)?;
    let server = Server::bind(settings).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {}", server.url()).map_err(Failure::Stdout)?;
    stdout.flush().map_err(Failure::Stdout)?;
    server.run(first_of(terminate, interrupt)).await;
    Ok(())
}

async fn first_of(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// `ADDRESS:PORT`, where the address may be `localhost`.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| "expected ADDRESS:PORT, for instance 127.0.0.1:4380 or [::1]:4380".to_owned())
}
