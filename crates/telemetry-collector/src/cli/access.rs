//! The options of `serve` that say who may do what.

use std::num::NonZeroU32;
use std::path::PathBuf;

use telemetry_collector::{Access, IngestAccess, Secret, SecretFileError, TlsFiles};

#[derive(Debug, clap::Args)]
pub(crate) struct AccessArgs {
    /// File with the token that the API demands (`Authorization: Bearer`); one line, readable by you alone.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// File with the keys that clients send as `x-api-key`: one a line, a name may follow, `#` begins a comment.
    #[arg(long, value_name = "FILE")]
    ingest_keys_file: Option<PathBuf>,
    /// Takes events without a key even where other machines can send them.
    #[arg(long, conflicts_with = "ingest_keys_file")]
    open_ingest: bool,
    /// A name under which the collector is addressed, for instance by a proxy; may be repeated.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Requests a second that one key may make; without keys, all clients together.
    #[arg(long, value_name = "REQUESTS")]
    rate: Option<NonZeroU32>,
    /// Certificate chain (PEM); connections are encrypted then.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl AccessArgs {
    /// Reads the files.
    pub(crate) fn access(&self) -> Result<Access, SecretFileError> {
        let mut access = Access::default();
        access.admin_token = self.admin_token_file.as_deref().map(Secret::from_file).transpose()?;
        access.ingest = match &self.ingest_keys_file {
            Some(file) => IngestAccess::from_file(file)?,
            None if self.open_ingest => IngestAccess::Open,
            None => IngestAccess::Unsaid,
        };
        access.hosts.clone_from(&self.host);
        access.rate = self.rate;
        Ok(access)
    }

    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles::new(self.tls_cert.as_ref()?, self.tls_key.as_ref()?))
    }
}
