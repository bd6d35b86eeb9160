//! An nginx that takes the same requests and writes nothing but its access log.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::{START_LIMIT, stage};
use crate::process::{Guard, Interrupt};

/// A running nginx with its own configuration and folder.
#[derive(Debug)]
pub(super) struct Nginx {
    _server: Guard,
    _folder: TempDir,
    address: String,
}

impl Nginx {
    /// Starts it; `None` if there is none.
    pub(super) fn start(interrupt: &Interrupt) -> anyhow::Result<Option<Self>> {
        let Some(program) =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).is_file())
        else {
            return Ok(None);
        };
        let folder = stage()?;
        // Free a moment ago; nginx cannot say which port it picked.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(folder.path(), &address)).context("cannot write nginx.conf")?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Guard::new(command.spawn().context("cannot start nginx")?, "nginx");
        let begun = Instant::now();
        interrupt.wait_until(|| TcpStream::connect(&address).is_ok() || begun.elapsed() > START_LIMIT)?;
        if begun.elapsed() > START_LIMIT {
            bail!("nginx does not listen on {address}");
        }
        Ok(Some(Self { _server: server, _folder: folder, address }))
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

/// One process, so that the guard ends all of it; more would not help, since the load needs a processor too.
fn configuration(folder: &Path, address: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    keepalive_requests 1000000000;
    server {{
        listen {address};
        location / {{
            default_type application/json;
            return 200 '{{\"accepted\":1,\"duplicates\":0,\"rejected\":[]}}';
        }}
    }}
}}
"
    )
}
