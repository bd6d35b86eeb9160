//! A collector that shares a store: its folder becomes the spool, and a thread ships it.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::ingest::queue::Queue;
use crate::report;
use crate::settings::{Settings, SharedStore};
use crate::store::clickhouse::ClickHouse;
use crate::store::shipment::{Role, Shipment};
use crate::store::shipping::{Pace, Progress, Shipping, ShippingThread};
use crate::store::sqlite::{Folder, Reader, Writer};
use crate::store::summing::{Summing, SummingThread};
use crate::store::{OpenError, StoreError};

/// A folder that is a spool, and the store that it is for.
pub(super) struct Spool {
    settings: SharedStore,
    store: ClickHouse,
    shipment: Shipment,
    progress: Arc<Progress>,
    prepared: bool,
}

/// Makes a folder the spool of a store, or finds that there is no such store; refuses folders that are something else.
///
/// A store that cannot be reached is no reason not to take events; one that is too old or has other tables is.
pub(super) async fn claim(folder: &Folder, settings: &Settings) -> Result<Option<Spool>, OpenError> {
    let shown = settings.data.display();
    let unreadable = |error: StoreError| OpenError {
        message: format!("cannot read the data folder {shown}: {error}"),
        hint: "check the file's permissions and the disk".to_owned(),
    };
    let known = folder.shipment().map_err(unreadable)?;
    let Some(shared) = &settings.store else {
        return match known {
            Some(Shipment { role: Role::Spool, target, .. }) => Err(OpenError {
                message: format!("the data folder {shown} is the spool of {target}"),
                hint: format!("start with --store {target}, or choose another folder with --data"),
            }),
            _ => Ok(None),
        };
    };
    let target = shared.address.to_string();
    let shipment = match known {
        Some(shipment) if shipment.role == Role::Spool && shipment.target == target => shipment,
        Some(shipment) if shipment.role == Role::Spool => {
            let waiting = folder.has_more_than(shipment.shipped).map_err(unreadable)?;
            if waiting && !shared.moved {
                let old = &shipment.target;
                return Err(OpenError {
                    message: format!("events in the data folder {shown} wait to be shipped to {old}"),
                    hint: format!(
                        "start with --store {old} until they have arrived, or choose another folder with --data; if that \
                         database has a new address, add --store-moved"
                    ),
                });
            }
            report::line(&format!("the spool of {} ships to {target} from now on", shipment.target));
            shipment.moved_to(&target)
        }
        None if !folder.has_more_than(0).map_err(unreadable)? => Shipment::new(Role::Spool, &target),
        _ => {
            return Err(OpenError {
                message: format!("the data folder {shown} has events of its own; a spool would remove them"),
                hint: format!(
                    "copy them with `telemetry-collector migrate --from {shown} --to {target}` and choose another \
                     folder with --data"
                ),
            });
        }
    };
    let store = ClickHouse::new(&shared.address, shared.timeout, Handle::current());
    let asked = store.clone();
    let answer = tokio::task::spawn_blocking(move || asked.prepare()).await;
    let answer = answer.unwrap_or_else(|error| Ok(Err(StoreError::Failed(error.to_string()))))?;
    let progress = Arc::new(Progress::new(shipment.shipped));
    Ok(Some(Spool { settings: shared.clone(), store, shipment, progress, prepared: answer.is_ok() }))
}

impl Spool {
    pub(super) fn store(&self) -> ClickHouse {
        self.store.clone()
    }

    pub(super) fn settings(&self) -> SharedStore {
        self.settings.clone()
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Marks the folder, and keeps it from growing beyond its limit.
    pub(super) fn limit(&self, mut writer: Writer) -> Result<Writer, OpenError> {
        writer.keep_shipment(&self.shipment).map_err(|error| OpenError {
            message: format!("cannot make the data folder a spool: {error}"),
            hint: "check the file's permissions and the disk".to_owned(),
        })?;
        Ok(writer.limit_to(self.settings.spool_max))
    }

    /// Starts the thread that adds up days.
    pub(super) fn sum_up(&self) -> std::io::Result<SummingThread> {
        SummingThread::start(Summing {
            store: self.store.clone(),
            runtime: Handle::current(),
            batch_age: self.settings.batch_age,
            progress: self.progress(),
        })
    }

    /// Starts the thread that ships.
    pub(super) fn ship(
        self,
        queue: &Queue,
        reader: &Arc<Reader>,
        settings: &Settings,
    ) -> std::io::Result<ShippingThread> {
        let desk = queue.clone();
        let shipping = Shipping {
            reader: Arc::clone(reader),
            store: self.store,
            desk: Box::new(move |work| desk.upkeep(work)),
            now: Arc::clone(&settings.clock),
            pace: Pace { rows: self.settings.batch_rows, age: self.settings.batch_age },
            spool_max: self.settings.spool_max,
            raw_days: settings.raw_days.into(),
            progress: self.progress,
            prepared: self.prepared,
        };
        ShippingThread::start(shipping, self.shipment)
    }
}
