//! HTTP to model providers. The only module that names the HTTP client and the TLS library.
//!
//! Clients are built when the first request needs one; the system's root certificates are loaded only for
//! `https`. Requests to this machine never use a proxy. Redirects are not followed: a provider's answer to a
//! POST with a key is an answer, not a direction.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::environment::Environment;
use crate::provider::endpoint::{host_of, is_loopback_url};
use crate::transport::{Outgoing, TransportError};

/// Time limits, sizes, proxies and the name we give.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// `User-Agent`.
    pub user_agent: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer and between two pieces of it.
    pub idle_timeout: Duration,
    /// Largest answer, in bytes.
    pub max_response_bytes: u64,
    proxies: Proxies,
}

/// Proxies as the usual variables name them.
#[derive(Clone, Debug, Default)]
struct Proxies {
    http: Option<String>,
    https: Option<String>,
    except: Option<String>,
}

impl Options {
    /// The usual limits; proxies from `http_proxy`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` of the environment
    /// (`HTTP_PROXY` in capitals is left alone, as curl does).
    #[must_use]
    pub fn new(user_agent: impl Into<String>, environment: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
        Self {
            user_agent: user_agent.into(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            max_response_bytes: 64 * 1024 * 1024,
            proxies: Proxies {
                http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
                https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
                except: first(&["no_proxy", "NO_PROXY"]),
            },
        }
    }

    /// Sets the longest wait for the head of an answer and between two pieces of it.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the longest wait for a connection.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the largest answer, in bytes.
    #[must_use]
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = bytes;
        self
    }
}

/// Sends requests.
#[derive(Debug)]
pub struct Http {
    options: Options,
    /// For this machine, without and with TLS, and for elsewhere, without and with TLS.
    clients: [OnceLock<reqwest::Client>; 4],
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
}

/// The body of an answer, piece by piece.
#[derive(Debug)]
pub(crate) struct Body {
    response: reqwest::Response,
    idle_timeout: Duration,
    remaining: u64,
}

impl Http {
    /// Prepares to send; touches nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, clients: Default::default() }
    }

    /// Posts a JSON body and waits for the head of the answer.
    pub(crate) async fn post(&self, request: &Outgoing) -> Result<Answer, TransportError> {
        let client = self.client(&request.url)?;
        let mut builder = client
            .post(&request.url)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json");
        for (name, value) in &request.headers {
            let mut value = reqwest::header::HeaderValue::from_str(value.reveal()).map_err(|_| {
                TransportError::Request(format!("the value for the header {name} is no header value"))
            })?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        let sending = builder.body(request.body.clone()).send();
        let response = tokio::time::timeout(self.options.idle_timeout, sending)
            .await
            .map_err(|_| self.silent(&request.url))?
            .map_err(|error| explain(error, &request.url))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = retry_after(header);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after,
            body: Body {
                response,
                idle_timeout: self.options.idle_timeout,
                remaining: self.options.max_response_bytes,
            },
        })
    }

    fn silent(&self, url: &str) -> TransportError {
        TransportError::Timeout(format!("{} said nothing for {:?}", host_of(url), self.options.idle_timeout))
    }

    fn client(&self, url: &str) -> Result<&reqwest::Client, TransportError> {
        let (local, tls) = (is_loopback_url(url), url.starts_with("https://"));
        let slot = &self.clients[usize::from(tls) + 2 * usize::from(!local)];
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = self.build(local, tls)?;
        Ok(slot.get_or_init(|| client))
    }

    fn build(&self, local: bool, tls: bool) -> Result<reqwest::Client, TransportError> {
        let setup = |error: &dyn std::fmt::Display| TransportError::Request(format!("http client: {error}"));
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.options.user_agent)
            .connect_timeout(self.options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(tls_config(tls).map_err(|error| setup(&error))?);
        if !local {
            let proxies = &self.options.proxies;
            let except = proxies.except.as_deref().and_then(reqwest::NoProxy::from_string);
            if let Some(url) = &proxies.http {
                let proxy = reqwest::Proxy::http(url).map_err(|_| setup(&"the proxy for http is no URL"))?;
                builder = builder.proxy(proxy.no_proxy(except.clone()));
            }
            if let Some(url) = &proxies.https {
                let proxy =
                    reqwest::Proxy::https(url).map_err(|_| setup(&"the proxy for https is no URL"))?;
                builder = builder.proxy(proxy.no_proxy(except));
            }
        }
        builder.build().map_err(|error| setup(&error))
    }
}

impl Body {
    /// The next piece, or nothing at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let host = self.response.url().host_str().unwrap_or_default().to_owned();
        let chunk = tokio::time::timeout(self.idle_timeout, self.response.chunk())
            .await
            .map_err(|_| TransportError::Timeout(format!("{host} said nothing for {:?}", self.idle_timeout)))?
            .map_err(|error| explain(error, &format!("//{host}")))?;
        if let Some(chunk) = &chunk {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            self.remaining = self.remaining.checked_sub(length).ok_or(TransportError::TooLarge)?;
        }
        Ok(chunk)
    }
}

/// How long an answer asks to be left alone.
///
/// Some providers are more exact in a header of their own. A date (RFC 9110, section 10.2.3) is compared with the date of
/// the answer, so that it means the same whatever the clocks here and there say.
fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    let number = |name| header(name).and_then(|value| value.trim().parse().ok());
    let date = |name| header(name).and_then(|value| httpdate::parse_http_date(value.trim()).ok());
    let until = || {
        let (then, now) = (date("retry-after")?, date("date")?);
        Some(then.duration_since(now).unwrap_or_default())
    };
    let exact = number("retry-after-ms").map(Duration::from_millis);
    exact.or_else(|| number("retry-after").map(Duration::from_secs)).or_else(until)
}

fn tls_config(load_roots: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if load_roots {
        let loaded = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            return Err("no root certificates were found on this system".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Says what happened without repeating the URL, which may carry a token in its query.
fn explain(error: reqwest::Error, url: &str) -> TransportError {
    let (timeout, connect, request) = (error.is_timeout(), error.is_connect(), error.is_builder());
    let error = error.without_url();
    let mut source: &dyn std::error::Error = &error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    let host = host_of(url);
    if timeout {
        TransportError::Timeout(format!("{host}: {source}"))
    } else if request {
        TransportError::Request(format!("{host}: {source}"))
    } else if connect {
        TransportError::Network(format!("cannot connect to {}: {source}", place_of(url)))
    } else {
        TransportError::Network(format!("{host}: {source}"))
    }
}

/// The host of a URL, and its port where it names one; nothing of what else may be in it.
fn place_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&str, &'static str)]) -> Option<Duration> {
        retry_after(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn how_long_an_answer_asks_to_be_left_alone() {
        let (now, then) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        let seconds = Duration::from_secs;
        let table = [
            (asked(&[("retry-after", " 30 ")]), Some(seconds(30))),
            (asked(&[("retry-after", "30"), ("retry-after-ms", "1500")]), Some(Duration::from_millis(1500))),
            (asked(&[("retry-after", then), ("date", now)]), Some(seconds(30))),
            // The older forms of a date are read, too.
            (asked(&[("retry-after", "Sunday, 06-Nov-94 08:50:07 GMT"), ("date", now)]), Some(seconds(30))),
            (asked(&[("retry-after", now), ("date", then)]), Some(Duration::ZERO)),
            (asked(&[("retry-after", then)]), None),
            (asked(&[("retry-after", "soon"), ("date", now)]), None),
            (asked(&[("retry-after", "-1"), ("date", now)]), None),
            (asked(&[("date", now)]), None),
        ];
        for (row, (found, expected)) in table.into_iter().enumerate() {
            assert_eq!(found, expected, "row {row}");
        }
    }
}
