//! What a dry run tells: what each host would back up, and where to.

use std::fmt::Write as _;

use batt_protocol::text;

use crate::state::FleetState;

/// Returns what each host would do; hosts that would do the same stand together.
pub(super) fn told(state: &FleetState) -> String {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for record in state.hosts() {
        let mut body = String::new();
        for planned in record.facts.planned.iter().flatten() {
            // Writing to a String cannot fail.
            let _ = match &planned.refusal {
                None => writeln!(body, "  {} to {}", planned.service, text::escaped(&planned.path)),
                Some(why) => writeln!(
                    body,
                    "  {} would not run: {}",
                    planned.service,
                    text::escaped(why)
                ),
            };
        }
        let changes = record.facts.changes.as_ref().map_or(0, Vec::len);
        if changes > 0 {
            let _ = writeln!(body, "  {} would be pushed before", text::count(changes, "file"));
        }
        if body.is_empty() {
            continue;
        }
        let host = record.host.to_string();
        match groups.iter_mut().find(|(_, known)| *known == body) {
            Some((hosts, _)) => hosts.push(host),
            None => groups.push((vec![host], body)),
        }
    }
    groups.into_iter().fold(String::new(), |mut out, (hosts, body)| {
        let _ = write!(out, "{}:\n{body}", batt_inventory::fold(&hosts).join(","));
        out
    })
}

#[cfg(test)]
mod tests {
    use batt_protocol::wire::PlannedService;

    use super::*;
    use crate::event::{FleetEvent, FleetEventKind as Kind, PlannedHost, Verb};

    #[test]
    fn hosts_that_would_do_the_same_stand_together() {
        let event = |host: Option<&str>, event| FleetEvent {
            at: "2026-01-31T02:30:00Z".parse().unwrap(),
            host: host.map(|host| host.parse().unwrap()),
            event,
        };
        let hosts = ["db1", "db2", "web1"];
        let planned = |host: &&str| PlannedHost {
            host: host.parse().unwrap(),
            services: Vec::new(),
        };
        let mut state = FleetState::planned(&event(
            None,
            Kind::RunPlanned {
                run: "20260131T023000Z-1a2b3c".parse().unwrap(),
                verb: Verb::Plan,
                version: String::new(),
                asked_by: String::new(),
                hosts: hosts.iter().map(planned).collect(),
            },
        ))
        .unwrap();
        for host in hosts {
            let service = PlannedService {
                service: "mysql".parse().unwrap(),
                path: "/opt/backup/\x1b".into(),
                refusal: (host == "web1").then(|| "no script".to_owned()),
            };
            for kind in [
                Kind::HostStarted,
                Kind::Greeted {
                    version: String::new(),
                    host_id: String::new(),
                    host_name: String::new(),
                },
                Kind::Planned {
                    services: vec![service],
                },
            ] {
                state.apply(&event(Some(host), kind)).unwrap();
            }
        }
        assert_eq!(
            told(&state),
            "db[1-2]:\n  mysql to /opt/backup/\\x1b\nweb1:\n  mysql would not run: no script\n"
        );
    }
}
