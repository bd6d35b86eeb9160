//! Everything the outside says about telemetry: environment, env-files, folders.
//!
//! Collected once, as data, so that every decision after it is a pure function.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::consent;
use crate::value::{Caller, LanguageTag};

/// What the environment says.
///
/// Values are kept as written; [`consent`](crate::consent) decides what they mean.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Inputs {
    /// `TELEMETRY_ENABLED`.
    pub enabled: Option<String>,
    /// `DO_NOT_TRACK`.
    pub do_not_track: Option<String>,
    /// `TELEMETRY_ENABLED` in a file given with `--env-from-file`.
    pub file_enabled: Option<String>,
    /// `DO_NOT_TRACK` in a file given with `--env-from-file`.
    pub file_do_not_track: Option<String>,
    /// `TELEMETRY_NAMES`.
    pub names: Option<String>,
    /// `TELEMETRY_ENDPOINT`.
    pub endpoint: Option<String>,
    /// `TELEMETRY_API_KEY`.
    pub api_key: Option<String>,
    /// `TELEMETRY_ALLOW_HTTP`.
    pub allow_http: Option<String>,
    /// `TELEMETRY_TAGS`, which is ignored; kept to say so.
    pub tags: Option<String>,
    /// Whether the notice is hidden: by the tool's own variable.
    pub hide_notice: bool,
    /// The endpoint compiled into the tool.
    pub built_in_endpoint: Option<&'static str>,
    /// The key compiled into the tool, for its compiled-in endpoint only.
    pub built_in_api_key: Option<&'static str>,
    /// Language and region of the locale.
    pub language: Option<LanguageTag>,
    /// Who started the tool.
    pub caller: Option<Caller>,
    /// Words that no name may contain: login, home folder, host.
    pub private_words: Vec<String>,
}

/// Variables that agents set for the programs they run.
const AGENT_VARIABLES: [&str; 5] =
    ["AI_AGENT", "CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "DOCKER_AGENT_SESSION"];
/// Variables that build services set; any value but empty, `0` and `false` counts.
const CI_VARIABLES: [&str; 4] = ["CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "TF_BUILD"];

impl Inputs {
    /// Reads this process's environment, and the host's name, which no name may contain.
    #[must_use]
    pub fn from_process() -> Self {
        let inputs = Self::from_lookup(|name| std::env::var_os(name));
        match host() {
            Some(host) => inputs.private_word(host_label(&host)),
            None => inputs,
        }
    }

    /// Reads an environment given as a function.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| lookup(name).map(|value| value.to_string_lossy().into_owned());
        let filled = |name: &str| text(name).filter(|value| !value.trim().is_empty());
        let is_set = |name: &&str| filled(name).is_some_and(|value| !matches!(value.trim(), "0" | "false"));
        let caller = if AGENT_VARIABLES.iter().any(is_set) {
            Caller::Agent
        } else if CI_VARIABLES.iter().any(is_set) {
            Caller::Ci
        } else {
            Caller::Human
        };
        let locale =
            ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| filled(name)).unwrap_or_default();
        let login = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| filled(name));
        let home = ["HOME", "USERPROFILE"].iter().filter_map(|name| filled(name));
        let home_names = home
            .filter_map(|path| Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()));
        let host = ["HOSTNAME", "COMPUTERNAME"].iter().filter_map(|name| filled(name));
        let host = host.map(|name| host_label(&name).to_owned());
        Self {
            enabled: text("TELEMETRY_ENABLED"),
            do_not_track: text("DO_NOT_TRACK"),
            names: filled("TELEMETRY_NAMES"),
            endpoint: filled("TELEMETRY_ENDPOINT"),
            api_key: filled("TELEMETRY_API_KEY"),
            allow_http: filled("TELEMETRY_ALLOW_HTTP"),
            tags: filled("TELEMETRY_TAGS"),
            language: Some(LanguageTag::from_locale(&locale)),
            caller: Some(caller),
            private_words: login.chain(home_names).chain(host).collect(),
            ..Self::default()
        }
    }

    /// Adds what a file given with `--env-from-file` says; it can say off, its "on" is ignored.
    ///
    /// For several files call it once for each: what says off stays, whatever the others say.
    #[must_use]
    pub fn env_file(mut self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let keep_no = |known: Option<String>, more: Option<String>, says_no: fn(Option<&str>) -> bool| {
            if says_no(known.as_deref()) { known } else { more.or(known) }
        };
        self.file_enabled = keep_no(self.file_enabled, lookup("TELEMETRY_ENABLED"), consent::enabled_says_no);
        self.file_do_not_track =
            keep_no(self.file_do_not_track, lookup("DO_NOT_TRACK"), consent::do_not_track_says_no);
        self
    }

    /// Hides the notice; what is hidden is not shown, so events stay held.
    #[must_use]
    pub fn hide_notice(mut self, hide: bool) -> Self {
        self.hide_notice = hide;
        self
    }

    /// Sets the endpoint and key that were compiled in.
    #[must_use]
    pub fn built_in(mut self, endpoint: Option<&'static str>, api_key: Option<&'static str>) -> Self {
        self.built_in_endpoint = endpoint.filter(|url| !url.is_empty());
        self.built_in_api_key = api_key.filter(|key| !key.is_empty());
        self
    }

    /// Adds a word that no name may contain, beside login, home folder and host.
    #[must_use]
    pub fn private_word(mut self, word: impl Into<String>) -> Self {
        self.private_words.push(word.into());
        self
    }
}

/// What this machine calls itself; shells rarely export it.
#[cfg(unix)]
fn host() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// The environment says it.
#[cfg(not(unix))]
fn host() -> Option<String> {
    None
}

/// A host's own name, without its domain: whoever names something after a machine leaves that out.
fn host_label(host: &str) -> &str {
    host.trim().split('.').next().unwrap_or_default()
}

/// Where telemetry keeps its files; `None` where there is no home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dirs {
    /// The folder of `telemetry.json`.
    pub config: Option<PathBuf>,
    /// The folders where `telemetry.json` is by default; an off there counts too.
    pub default_configs: Vec<PathBuf>,
    /// The folder that holds `telemetry/`.
    pub state: Option<PathBuf>,
}

impl Dirs {
    /// The folders of a tool after the XDG base directory specification, from this process's environment.
    #[must_use]
    pub fn standard(app: &str) -> Self {
        Self::from_lookup(app, |name| std::env::var_os(name))
    }

    /// The folders of a tool, from an environment given as a function.
    ///
    /// `<APP>_CONFIG_DIR` and `<APP>_DATA_DIR` come first, then `XDG_CONFIG_HOME` and `XDG_STATE_HOME`, then `HOME`.
    #[must_use]
    pub fn from_lookup(app: &str, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let prefix = app.to_ascii_uppercase().replace('-', "_");
        let path = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |name: &str| path(name).filter(|path| path.is_absolute());
        let home = || absolute("HOME").or_else(|| absolute("USERPROFILE"));
        let in_xdg = absolute("XDG_CONFIG_HOME").map(|base| base.join(app));
        let in_home = home().map(|home| home.join(".config").join(app));
        let default_state = absolute("XDG_STATE_HOME")
            .or_else(|| home().map(|home| home.join(".local").join("state")))
            .map(|base| base.join(app));
        Self {
            config: path(&format!("{prefix}_CONFIG_DIR"))
                .or_else(|| in_xdg.clone())
                .or_else(|| in_home.clone()),
            default_configs: in_xdg.into_iter().chain(in_home).collect(),
            state: path(&format!("{prefix}_DATA_DIR")).or(default_state),
        }
    }

    /// Uses another configuration folder; the default ones are still read.
    #[must_use]
    pub fn config(mut self, dir: Option<PathBuf>) -> Self {
        self.config = dir.or(self.config);
        self
    }

    /// Uses another state folder.
    #[must_use]
    pub fn state(mut self, dir: Option<PathBuf>) -> Self {
        self.state = dir.or(self.state);
        self
    }

    /// The telemetry folder below the state folder.
    #[must_use]
    pub fn telemetry(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("telemetry"))
    }
}
