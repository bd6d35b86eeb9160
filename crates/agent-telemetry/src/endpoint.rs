//! Where events go, and with which key.

use crate::inputs::Inputs;

/// The endpoint, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Nothing was configured and nothing compiled in.
    None,
    /// A URL that events may be sent to.
    Url {
        /// The full URL.
        url: String,
        /// Its host, as people read it.
        host: String,
        /// Whether it is on this machine.
        loopback: bool,
        /// The key that belongs to it.
        api_key: Option<String>,
    },
    /// A setting that cannot be used.
    Refused {
        /// The setting as given, without credentials.
        given: String,
        /// Why not.
        reason: &'static str,
    },
}

impl Endpoint {
    /// `TELEMETRY_ENDPOINT`, else what was compiled in, else none.
    #[must_use]
    pub fn from_inputs(inputs: &Inputs) -> Self {
        let (given, api_key) = match (&inputs.endpoint, inputs.built_in_endpoint) {
            (Some(url), _) => (url.trim().to_owned(), inputs.api_key.clone()),
            (None, Some(url)) => (url.to_owned(), inputs.built_in_api_key.map(str::to_owned)),
            (None, None) => return Self::None,
        };
        let allow_http = inputs.allow_http.as_deref().is_some_and(|value| value.trim() == "1");
        match parse(&given) {
            Err(reason) => Self::Refused { given: without_credentials(&given), reason },
            Ok(parsed) if !parsed.secure && !parsed.loopback && !allow_http => Self::Refused {
                given: without_credentials(&given),
                reason: "plain HTTP to another machine; use https:// or set TELEMETRY_ALLOW_HTTP=1",
            },
            Ok(parsed) => Self::Url { url: given, host: parsed.host, loopback: parsed.loopback, api_key },
        }
    }

    /// The URL, when there is one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Url { url, .. } => Some(url),
            _ => None,
        }
    }

    /// The host, when there is one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Url { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Whether events would stay on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self, Self::Url { loopback: true, .. })
    }

    /// Why nothing can be sent.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::None => Some("no endpoint in this build"),
            Self::Refused { reason, .. } => Some(reason),
            Self::Url { .. } => None,
        }
    }

    /// The endpoint in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::None => "none in this build".to_owned(),
            Self::Url { url, .. } => url.clone(),
            Self::Refused { given, reason } => format!("{given}: {reason}"),
        }
    }
}

struct Parsed {
    secure: bool,
    host: String,
    loopback: bool,
}

fn parse(url: &str) -> Result<Parsed, &'static str> {
    const NOT_A_URL: &str = "not a URL of the form https://host:port/path, where :port may be left out";
    let (secure, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err(NOT_A_URL);
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("contains credentials; use TELEMETRY_API_KEY");
    }
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(NOT_A_URL);
    }
    let (name, port) = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']').unwrap_or_default(),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if name.is_empty() || !(port.is_empty() || is_port(port)) {
        return Err(NOT_A_URL);
    }
    let loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    Ok(Parsed { secure, host: authority.to_owned(), loopback })
}

/// `:4380`.
fn is_port(text: &str) -> bool {
    let number = text.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|port| port.parse::<u16>().ok()).is_some_and(|port| port > 0)
}

fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}
