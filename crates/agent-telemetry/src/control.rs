//! What is behind the commands `telemetry status`, `enable`, `disable`, `flush`, `log` and the notice.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::consent::{self, Choice, Notice, SavedChoices, State};
use crate::delivery::{Breaker, remembered};
use crate::files;
use crate::identity;
use crate::journal::Folder;
use crate::notice::NoticeText;
use crate::recorder::Sender;
use crate::request_log::{LogLine, RequestLog};
use crate::sender;
use crate::telemetry::Telemetry;
use crate::value::InstallId;
use crate::wire::Losses;

/// Everything `telemetry status` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// `on`, `held` or `off`.
    pub state: &'static str,
    /// The input that decided.
    pub decided_by: &'static str,
    /// All inputs.
    pub inputs: Vec<StatusInput>,
    /// Where events go.
    pub endpoint: Option<String>,
    /// Why nothing can be sent, when the endpoint is the reason.
    pub endpoint_problem: Option<&'static str>,
    /// Why nothing can be kept here, when that is so: then nothing is recorded, unless the environment says explicitly
    /// that telemetry is on; then events are sent from memory.
    pub not_kept: Option<String>,
    /// The installation's id, when there is one.
    pub user_uuid: Option<String>,
    /// Folders.
    pub dirs: StatusDirs,
    /// What waits.
    pub pending: StatusPending,
    /// Bytes in the local log of requests.
    pub log_bytes: u64,
    /// Events recorded since the journal folder exists.
    pub recorded: u64,
    /// Events given up, by reason.
    pub losses: Losses,
    /// The pause after failures.
    pub breaker: StatusBreaker,
    /// Unix time in milliseconds when the collector last took something.
    #[serde(rename = "last_delivery")]
    pub last_delivery_ms: Option<u64>,
}

/// One input of the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusInput {
    /// Where it comes from.
    pub name: &'static str,
    /// What it says.
    pub value: String,
    /// `off`, `on`, `hold`, `nothing` or `ignored`.
    pub effect: &'static str,
}

/// Folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusDirs {
    /// Where `telemetry.json` is.
    pub config: Option<PathBuf>,
    /// Where the journal and the log are.
    pub telemetry: Option<PathBuf>,
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusPending {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Unix time in milliseconds when the oldest was recorded, to within the life of its process.
    pub oldest_ms: Option<u64>,
}

/// The pause after failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusBreaker {
    /// No attempt before this Unix time in milliseconds; absent when attempts are made.
    pub open_until_ms: Option<u64>,
    /// Failed attempts in a row.
    pub failures: u32,
}

/// What [`Telemetry::flush`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flushed {
    /// Events that are still here.
    pub left: u64,
    /// Why, when some are.
    pub reason: Option<String>,
}

/// What [`Telemetry::disable`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disabled {
    /// The id that was deleted, for those who want their stored data erased.
    pub id: Option<InstallId>,
    /// What could not be deleted, and why; it will never be sent.
    pub not_deleted: Option<String>,
}

impl Telemetry {
    /// The notice, when it is still to be shown.
    #[must_use]
    pub fn notice(&self) -> Option<NoticeText> {
        let decision = self.decision();
        let setup = &self.shared.setup;
        decision
            .notice_due
            .then(|| NoticeText::new(setup.app, setup.catalogue, &setup.endpoint, decision.explicit))
    }

    /// Remembers that the notice was shown: it was written to stderr, and stderr is not `/dev/null`.
    ///
    /// # Errors
    ///
    /// When it cannot be remembered; then it is shown again, and nothing is sent until then.
    pub fn notice_shown(&self) -> io::Result<()> {
        let setup = &self.shared.setup;
        let notice = Notice::shown(&setup.endpoint, files::unix_ms());
        consent::update(&self.config_dir()?, false, |file| file.notice = Some(notice)).map(|_| ())
    }

    fn config_dir(&self) -> io::Result<PathBuf> {
        let missing =
            || io::Error::new(io::ErrorKind::NotFound, "there is no configuration folder: HOME is not set");
        self.shared.setup.dirs.config.clone().ok_or_else(missing)
    }

    /// Saves an explicit yes. Events that an earlier run held are kept, unless there was a no in between.
    ///
    /// # Errors
    ///
    /// When the choice cannot be saved.
    pub fn enable(&self) -> io::Result<()> {
        let saved = consent::update(&self.config_dir()?, true, |file| {
            if file.choice == Some(Choice::Off) {
                file.generation += 1;
            }
            file.choice = Some(Choice::On);
        });
        saved.map(|_| ())
    }

    /// Deletes the id and everything unsent, and saves a no; with `purge` also deletes the local log of what was sent.
    ///
    /// # Errors
    ///
    /// When the choice cannot be saved. What could not be deleted is in the answer.
    pub fn disable(&self, purge: bool) -> io::Result<Disabled> {
        let telemetry = self.shared.setup.dirs.telemetry();
        // First, because on a full disk it makes the room that saving needs.
        let (id, mut not_deleted) =
            telemetry.as_deref().map_or((None, None), |folder| delete_unsent(folder, purge));
        consent::save_off(&self.config_dir()?)?;
        if let Some(folder) = telemetry.filter(|folder| folder.is_dir()) {
            // What a process wrote before it could know.
            not_deleted = delete_unsent(&folder, purge).1.or(not_deleted);
            // Gone when nothing else is in it.
            let _ = fs::remove_dir(&folder);
        }
        Ok(Disabled { id, not_deleted })
    }

    /// Makes a new installation id with the next record and drops everything unsent; returns the old id.
    ///
    /// # Errors
    ///
    /// When it cannot be saved or something cannot be deleted.
    pub fn reset_id(&self) -> io::Result<Option<InstallId>> {
        consent::update(&self.config_dir()?, false, |file| file.generation += 1)?;
        let Some(telemetry) = self.shared.setup.dirs.telemetry() else { return Ok(None) };
        let id = identity::forget(&telemetry);
        Folder::new(&telemetry).purge()?;
        Ok(id)
    }

    /// Sends everything that may be sent, breaker or not, and waits for at most `timeout`.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> Flushed {
        let decision = self.decision();
        let Some(recorder) = self.recorder() else { return Flushed { left: 0, reason: None } };
        let folder = recorder.folder.as_ref();
        let left = || folder.map_or(0, |folder| folder.contents(recorder.generation).events);
        if !recorder.may_send {
            let reason = match decision.state {
                State::Held if decision.decided_by == "notice" => {
                    "held: the notice was not shown before this run".to_owned()
                }
                _ => self.shared.setup.endpoint.problem().unwrap_or("held").to_owned(),
            };
            let left = left();
            return Flushed { left, reason: (left > 0).then_some(reason) };
        }
        let deadline = files::deadline_in(timeout);
        let mut live = recorder.lock();
        live.flush_until = Some(deadline);
        live.look_again = true;
        match live.sender {
            Sender::None | Sender::Impossible => sender::start(recorder, &mut live),
            // It was, until now.
            Sender::Idle => live.sender = Sender::Busy,
            _ => {}
        }
        recorder.changed.notify_all();
        let endpoint = || self.shared.setup.endpoint.describe();
        let reason = loop {
            let now = Instant::now();
            match live.sender {
                Sender::Idle => break None,
                Sender::Impossible => break Some("the system gave no thread to send with".to_owned()),
                Sender::None => break Some("telemetry was turned off or reset meanwhile".to_owned()),
                Sender::Paused if live.flush_until.is_none() => {
                    break Some(format!("{} did not take them; see `telemetry log`", endpoint()));
                }
                _ if now >= deadline => break Some(format!("{} did not answer in time", endpoint())),
                _ => {}
            }
            let wait = deadline.saturating_duration_since(now);
            live = recorder.changed.wait_timeout(live, wait).unwrap_or_else(PoisonError::into_inner).0;
        };
        live.flush_until = None;
        let in_flight = if let Sender::InFlight(since) = live.sender { Some(since) } else { None };
        drop(live);
        if let Some(since) = in_flight {
            sender::remember_no_answer(recorder, since.elapsed());
        }
        let left = left();
        let elsewhere = || "another process is still writing or sending them".to_owned();
        Flushed { left, reason: (left > 0).then(|| reason.unwrap_or_else(elsewhere)) }
    }

    /// Everything `telemetry status` says; reads, but records, sends and changes nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let setup = &self.shared.setup;
        let decision = self.decision();
        let telemetry = setup.dirs.telemetry();
        let folder = telemetry.as_deref().map(Folder::new);
        let contents = folder.as_ref().map(|folder| folder.contents(self.generation()));
        let endpoint = setup.endpoint.url().unwrap_or_default();
        let breaker: Breaker = remembered::recall(telemetry.as_deref(), endpoint);
        let open = !breaker.allows(files::unix_ms(), setup.version);
        Status {
            state: decision.state.as_str(),
            decided_by: decision.decided_by,
            inputs: decision
                .inputs
                .iter()
                .map(|line| StatusInput {
                    name: line.name,
                    value: line.value.clone(),
                    effect: line.effect.as_str(),
                })
                .collect(),
            endpoint: setup.endpoint.url().map(str::to_owned),
            endpoint_problem: setup.endpoint.problem(),
            not_kept: (decision.state != State::Off)
                .then(|| files::why_unwritable(telemetry.as_deref()))
                .flatten(),
            user_uuid: telemetry.as_deref().and_then(identity::peek).map(|id| id.to_string()),
            dirs: StatusDirs { config: setup.dirs.config.clone(), telemetry: telemetry.clone() },
            pending: StatusPending {
                events: contents.as_ref().map_or(0, |contents| contents.events),
                bytes: contents.as_ref().map_or(0, |contents| contents.bytes),
                oldest_ms: contents.as_ref().and_then(|contents| contents.oldest_ms),
            },
            log_bytes: telemetry.as_deref().map_or(0, |telemetry| RequestLog::new(telemetry).bytes()),
            recorded: contents.as_ref().map_or(0, |contents| contents.ledger.recorded),
            losses: contents.as_ref().map_or(Losses::default(), |contents| contents.ledger.losses),
            breaker: StatusBreaker {
                open_until_ms: open.then_some(breaker.open_until_ms),
                failures: breaker.failures,
            },
            last_delivery_ms: breaker.delivered_ms,
        }
    }

    /// The local log of requests, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        let telemetry = self.shared.setup.dirs.telemetry();
        telemetry.map(|telemetry| RequestLog::new(&telemetry).lines()).unwrap_or_default()
    }

    /// The records that wait, as they would be sent, oldest first.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let generation = SavedChoices::read(&self.shared.setup.dirs).generation;
        let folder = self.shared.setup.dirs.telemetry().map(|telemetry| Folder::new(&telemetry));
        let records = folder.map(|folder| folder.pending_records(generation)).unwrap_or_default();
        records.into_iter().map(|record| String::from_utf8_lossy(&record).into_owned()).collect()
    }
}

/// Deletes what could be sent, the id included; answers the id, and what could not be deleted.
fn delete_unsent(telemetry: &Path, purge: bool) -> (Option<InstallId>, Option<String>) {
    let id = identity::forget(telemetry);
    remembered::forget(telemetry);
    files::remove_temporaries(telemetry);
    let log = if purge { RequestLog::new(telemetry).purge() } else { Ok(()) };
    let problem = Folder::new(telemetry).purge().and(log).err();
    (id, problem.map(|error| format!("{}: {error}", telemetry.display())))
}
