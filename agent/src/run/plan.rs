//! What a run will do: everything that can be known before anything is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use batt_protocol::{AskedBy, Error, ExitCode, RunId, Service, ServiceRequest};
use chrono::{DateTime, FixedOffset, Utc};

use crate::backup::Catalogue;
use crate::home::Home;
use crate::host;
use crate::pattern::Pattern;
use crate::run_folder::Order;
use crate::scope::Scope;
use crate::script::{Shelf, enabled_services};
use crate::settings::{ServiceSettings, Settings};
use crate::trust::AllowedForeign;

/// A run, before it starts.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) run: RunId,
    pub(crate) started: DateTime<FixedOffset>,
    pub(crate) path: PathBuf,
    /// What `path` was expanded from.
    pub(crate) pattern: Pattern,
    pub(crate) services: Vec<PlannedService>,
    pub(crate) asked_by: AskedBy,
    pub(crate) wait: Duration,
    pub(crate) jobs: usize,
    pub(crate) reserve: u64,
    pub(crate) log_limit: u64,
    pub(crate) require_mount: bool,
    /// Folders of others below which `path` may lie.
    pub(crate) allow_foreign: AllowedForeign,
}

/// One service of a run.
#[derive(Debug, Clone)]
pub(crate) struct PlannedService {
    pub(crate) service: Service,
    pub(crate) items: Vec<String>,
    pub(crate) settings: ServiceSettings,
    /// Why it will not run, when that is known already: it ends as `refused`.
    pub(crate) refusal: Option<Error>,
}

impl Plan {
    /// Makes the plan for an order.
    ///
    /// # Errors
    /// Settings that cannot be meant, a service that is unknown, and nothing to back up (65).
    pub(crate) fn make(home: &Home, order: &Order, now: DateTime<FixedOffset>) -> Result<Self, Error> {
        let settings = Settings::read(home)?;
        let shelf = Shelf::read(home)?;
        let pattern = match &order.path {
            Some(text) => text.parse()?,
            None => settings
                .path
                .clone()
                .map_or_else(|| Pattern::DEFAULT.parse(), Ok)?,
        };
        let requests = if order.services.is_empty() {
            enabled(home)?
        } else {
            order.services.clone()
        };
        let mut services: Vec<PlannedService> = Vec::new();
        for request in requests {
            match services
                .iter_mut()
                .find(|planned| planned.service == request.service)
            {
                // A service named twice is backed up once, with all its items.
                Some(planned) => planned.items.extend(request.items),
                None => services.push(PlannedService::make(&shelf, &settings, request)?),
            }
        }
        let host = host::host_name();
        if !host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            && pattern.as_str().contains("{host}")
        {
            return Err(Error::usage(format!(
                "the host's name {} cannot stand in a path",
                batt_protocol::text::quoted(&host)
            )));
        }
        Ok(Self {
            run: order.run.clone(),
            started: now,
            path: pattern.expand(now, &host)?,
            pattern,
            services,
            asked_by: order.asked_by.clone(),
            wait: Duration::from_secs(order.wait_seconds),
            jobs: settings.jobs,
            reserve: settings.reserve,
            log_limit: settings.log_limit,
            require_mount: settings.require_mount,
            allow_foreign: settings.allow_foreign,
        })
    }

    /// Returns the folder that a service's backup would be published as.
    pub(crate) fn place(&self, service: &Service) -> PathBuf {
        Path::new(&self.path).join(service.to_string())
    }
}

impl PlannedService {
    fn make(shelf: &Shelf, settings: &Settings, request: ServiceRequest) -> Result<Self, Error> {
        let script = shelf.script(request.service.name())?;
        let own = settings.service(&request.service);
        let items = if request.items.is_empty() {
            own.items.clone()
        } else {
            request.items
        };
        Ok(Self {
            refusal: script.refusal(),
            service: request.service,
            items,
            settings: own,
        })
    }

    /// Tells whether everything is read again before it is published: always, unless `reread_every` allows otherwise and a
    /// good backup of the same items was read whole more recently.
    pub(super) fn is_read_again(&self, catalogue: &Catalogue, now: DateTime<Utc>) -> bool {
        let Some(every) = self.settings.reread_every else {
            return true;
        };
        // What was read in the future was read by a clock that was wrong.
        let recently = |at: DateTime<Utc>| (now - at).to_std().is_ok_and(|age| age < every);
        let asked = Scope::of(&self.service, &self.items);
        !catalogue
            .covering(&self.service, &asked)
            .any(|entry| entry.scope() == asked && entry.verified.is_some_and(recently))
    }
}

/// Returns every enabled service, without items.
fn enabled(home: &Home) -> Result<Vec<ServiceRequest>, Error> {
    let services = enabled_services(home)?;
    if services.is_empty() {
        return Err(
            Error::new(ExitCode::NOTHING, "no service is enabled, and none was named").hint(
                "`batt list available` shows what there is; `batt enable SERVICE` makes it run by default.",
            ),
        );
    }
    Ok(services
        .into_iter()
        .map(|service| ServiceRequest {
            service,
            items: Vec::new(),
        })
        .collect())
}
