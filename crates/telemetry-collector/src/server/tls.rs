//! TLS with a certificate from files: rustls with ring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Where the certificate chain and its key are, both as PEM.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The two files.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into() }
    }
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {} for TLS: {problem}\n  {hint}", file.display())]
pub struct TlsError {
    file: PathBuf,
    problem: String,
    hint: &'static str,
}

/// Reads the files.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let wrong_certificate = |problem: String| TlsError {
        file: files.certificate.clone(),
        problem,
        hint: "give the certificate chain as PEM with --tls-cert",
    };
    let wrong_key = |problem: String| TlsError {
        file: files.key.clone(),
        problem,
        hint: "give the certificate's private key as PEM with --tls-key",
    };
    let chain = certificates(&files.certificate).map_err(wrong_certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong_key(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong_certificate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong_key(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(chain) }
}
