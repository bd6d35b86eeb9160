//! The `docker-agent` program; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    docker_agent::main()
}
