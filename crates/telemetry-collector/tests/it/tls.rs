//! Connections that are encrypted here, without a proxy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use telemetry_collector::TlsFiles;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::harness::{Collector, reply};
use crate::process::run;

/// A certificate for `localhost`, its key, and the root that vouches for it; the client's tests have them.
fn data(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-telemetry/tests/data");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Writes a certificate for `localhost` and its key into a folder.
pub(crate) fn server_files(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("certificate"), folder.join("key"));
    std::fs::write(&certificate, data("server.pem")).unwrap();
    std::fs::write(&key, data("server.key.pem")).unwrap();
    (certificate, key)
}

/// A client that trusts that certificate, and goes only where it is sent.
pub(crate) fn trusting_agent() -> ureq::Agent {
    let roots = vec![Certificate::from_pem(data("root.pem").as_bytes()).unwrap()];
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder().tls_config(tls);
    config.max_redirects(0).max_redirects_will_error(false).build().into()
}

#[test]
fn a_client_that_trusts_the_certificate_is_served() {
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = server_files(files.path());
    let collector = Collector::with(|settings| settings.tls = Some(TlsFiles::new(&certificate, &key)));
    let url = format!("https://localhost:{}", collector.address.port());
    let agent = trusting_agent();
    assert_eq!(reply(agent.get(format!("{url}/healthz")).call().unwrap()).status, 200);
    let page = agent.get(format!("{url}/healthz")).header("origin", &url).call().unwrap();
    assert_eq!(reply(page).status, 200, "its own pages come over TLS");
    assert!(ureq::get(collector.url("/healthz")).call().is_err(), "not without TLS");
}

#[test]
fn files_that_are_no_certificate_or_key_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
    let (good_certificate, good_key) = (&data("server.pem"), &data("server.key.pem"));
    let data = folder.path().join("data");
    let serve = || {
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let data = data.to_str().unwrap();
        run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data,
            "--tls-cert",
            certificate,
            "--tls-key",
            key,
        ])
    };
    for (certificate_text, key_text, named) in [
        ("", good_key, &certificate),
        ("rubbish", good_key, &certificate),
        (good_certificate, &String::new(), &key),
        (good_certificate, good_certificate, &key),
    ] {
        std::fs::write(&certificate, certificate_text).unwrap();
        std::fs::write(&key, key_text).unwrap();
        let (code, stderr) = serve();
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(named.to_str().unwrap()) && stderr.contains("--tls-"), "{stderr}");
    }
    assert!(!data.exists(), "nothing was created");
}
