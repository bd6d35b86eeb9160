//! Delivery over HTTP(S) with ureq and rustls (ring): blocking, one keep-alive connection, no redirects.
//!
//! The only module that names the HTTP client.
//! The system's root certificates are loaded here, on the sender's thread, and only for HTTPS.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Failure, Request, Transport};
use crate::delivery::Response;
use crate::endpoint::Endpoint;

/// The most of an answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

struct Http {
    agent: ureq::Agent,
}

/// A transport for an endpoint; loopback bypasses proxies.
pub(crate) fn connect(endpoint: &Endpoint) -> Box<dyn Transport> {
    let proxy = if endpoint.is_loopback() { None } else { ureq::Proxy::try_from_env() };
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(1)
        .accept("")
        .accept_encoding("")
        .proxy(proxy);
    if endpoint.url().is_some_and(|url| url.starts_with("https://")) {
        config = config.tls_config(tls());
    }
    Box::new(Http { agent: config.build().into() })
}

fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

impl Transport for Http {
    fn send(&mut self, request: &Request, timeout: Duration) -> Result<Response, Failure> {
        let mut call = self.agent.post(&request.url);
        for (name, value) in &request.headers {
            call = call.header(*name, value);
        }
        let call = call.config().timeout_global(Some(timeout)).build();
        let mut response = call.send(&request.body[..]).map_err(|error| classify(&error))?;
        let status = response.status().as_u16();
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (retry_after, date) = (header("retry-after"), header("date"));
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut body);
        match read {
            Ok(_) => Ok(Response { status, retry_after, date, body }),
            // The status alone settles what became of the records.
            Err(_) if !(200..300).contains(&status) => {
                Ok(Response { status, retry_after, date, body: Vec::new() })
            }
            Err(error) => Err(classify_io(&error)),
        }
    }
}

fn classify(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound => Failure::Resolve,
        ureq::Error::Timeout(_) => Failure::Timeout,
        ureq::Error::ConnectionFailed => Failure::Connect,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Failure::Tls,
        ureq::Error::Io(error) => classify_io(error),
        _ => Failure::Broken,
    }
}

/// What TLS finds wrong with a certificate, and what the client finds wrong while a body is read, come as an I/O error
/// around their own.
fn classify_io(error: &io::Error) -> Failure {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => classify(inner),
        None if inner.is_some_and(|inner| inner.is::<rustls::Error>()) => Failure::Tls,
        None => match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Connect,
            io::ErrorKind::TimedOut => Failure::Timeout,
            _ => Failure::Broken,
        },
    }
}
