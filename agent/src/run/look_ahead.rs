//! What a run would do: everything that can be found out without changing anything.

use batt_protocol::Error;
use batt_protocol::wire::PlannedService;

use super::Plan;
use crate::backup::Destination;
use crate::conf_file::Conf;
use crate::home::Home;
use crate::script::require_startable;
use crate::trust;

/// Returns each service of the plan with the place of its backup, and why it would not run.
pub(crate) fn look_ahead(home: &Home, plan: &Plan) -> Vec<PlannedService> {
    plan.services
        .iter()
        .map(|planned| PlannedService {
            service: planned.service.clone(),
            path: plan.place(&planned.service).display().to_string(),
            refusal: refusal(home, plan, planned).map(|error| error.to_string()),
        })
        .collect()
}

fn refusal(home: &Home, plan: &Plan, planned: &super::plan::PlannedService) -> Option<Error> {
    let look = || {
        if let Some(refusal) = &planned.refusal {
            return Err(refusal.clone());
        }
        let script = home.script(planned.service.name());
        trust::require_trusted(&script)?;
        require_startable(&script)?;
        let conf = Conf::of_service(home, &planned.service)?;
        conf.files()
            .iter()
            .try_for_each(|file| trust::require_trusted(file))?;
        Destination::judge(&plan.path, &plan.allow_foreign)
    };
    look().err()
}
