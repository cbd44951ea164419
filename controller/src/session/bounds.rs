//! The border: what a host says is cut, capped or refused here, once, before anybody counts with it, keeps it or shows it.

use batt_protocol::wire::{PlannedService, Reply, RunState};
use batt_protocol::{Event, EventKind, ServiceReport};

use crate::trouble::Trouble;

/// The longest reason, warning or refusal, in characters: a sentence and its cause.
const LONGEST_TEXT: usize = 1_000;
/// The longest path (`PATH_MAX`).
const LONGEST_PATH: usize = 4_096;
/// The longest name of a host, an account or a version.
const LONGEST_NAME: usize = 256;
/// The most warnings of one service.
const MOST_WARNINGS: usize = 100;
/// The most items of one service.
const MOST_ITEMS: usize = 1_000;
/// The most services of one host.
const MOST_SERVICES: usize = 1_000;
/// The most bytes or counts: beyond it readers of JSON lose the last digits (RFC 8259, 6). It is 8 PiB.
const MOST: u64 = (1 << 53) - 1;
/// The longest time in seconds: ten years.
const LONGEST_TIME: f64 = 10.0 * 366.0 * 86_400.0;

/// Returns the reply with every text, number and list within its bound.
///
/// # Errors
/// A list or a place that cannot be shortened without telling something else.
pub(crate) fn bounded(mut reply: Reply) -> Result<Reply, Trouble> {
    match &mut reply {
        Reply::Event { event, .. } => bound_event(event)?,
        Reply::Progress {
            bytes,
            expected_bytes,
            ..
        } => cap_both(bytes, expected_bytes),
        Reply::Planned { services } => {
            require_few(services)?;
            for PlannedService { path, refusal, .. } in services {
                cut(path, LONGEST_PATH);
                cut_if_there(refusal, LONGEST_TEXT);
            }
        }
        Reply::Log {
            service,
            offset,
            bytes,
            ..
        } => {
            if offset.saturating_add(bytes.len() as u64) > MOST {
                return Err(Trouble::protocol(format!(
                    "the log of `{service}` is at a place where no log can be"
                )));
            }
        }
        // Texts of a refusal are cut where they become a reason; the other replies hold words that are parsed.
        Reply::Refused(_)
        | Reply::Compared { .. }
        | Reply::Pushed { .. }
        | Reply::Accepted { .. }
        | Reply::LogsEnded { .. }
        | Reply::Ended {
            state: RunState::Running | RunState::Ended | RunState::Interrupted,
            ..
        }
        | Reply::Alive
        | Reply::Cancelling { .. }
        | Reply::Status { .. }
        | Reply::Unknown => {}
    }
    Ok(reply)
}

fn bound_event(event: &mut Event) -> Result<(), Trouble> {
    match &mut event.event {
        EventKind::RunStarted {
            host,
            version,
            services,
            path,
            asked_by,
            ..
        } => {
            require_few(services)?;
            cut(host, LONGEST_NAME);
            cut(version, LONGEST_NAME);
            cut(path, LONGEST_PATH);
            cut(&mut asked_by.user, LONGEST_NAME);
            for words in [
                &mut asked_by.sudo_user,
                &mut asked_by.ssh_client,
                &mut asked_by.controller,
            ] {
                cut_if_there(words, LONGEST_NAME);
            }
        }
        EventKind::ServiceStarted { expected_bytes, .. } => cap_if_there(expected_bytes),
        EventKind::ServiceProgressed {
            bytes,
            expected_bytes,
            ..
        } => cap_both(bytes, expected_bytes),
        EventKind::ServiceEnded { report } => bound_report(report),
        EventKind::ServicePurged { bytes, .. } => cap(bytes),
        EventKind::Warned { text, .. } => cut(text, LONGEST_TEXT),
        EventKind::RunEnded { seconds, .. } => cap_time(seconds),
        EventKind::CancelRequested | EventKind::Unknown => {}
    }
    Ok(())
}

fn bound_report(report: &mut ServiceReport) {
    cap(&mut report.bytes);
    cap_time(&mut report.seconds);
    cut_if_there(&mut report.path, LONGEST_PATH);
    cut_if_there(&mut report.reason, LONGEST_TEXT);
    let left = report.warnings.len().saturating_sub(MOST_WARNINGS);
    report.warnings.truncate(MOST_WARNINGS);
    if left > 0 {
        report.warnings.push(format!("and {left} more warnings"));
    }
    for warning in &mut report.warnings {
        cut(warning, LONGEST_TEXT);
    }
    let left = report.items.len().saturating_sub(MOST_ITEMS);
    report.items.truncate(MOST_ITEMS);
    report.items_left_out = report.items_left_out.saturating_add(left).min(MOST as usize);
    for item in &mut report.items {
        cut(item, LONGEST_PATH);
    }
}

/// A plan with less in it would be another plan.
fn require_few<T>(services: &[T]) -> Result<(), Trouble> {
    if services.len() <= MOST_SERVICES {
        return Ok(());
    }
    Err(Trouble::protocol(format!(
        "the host names {} services, and there can be {MOST_SERVICES}",
        services.len()
    )))
}

fn cut(text: &mut String, longest: usize) {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push_str("...");
    }
}

fn cut_if_there(text: &mut Option<String>, longest: usize) {
    if let Some(text) = text {
        cut(text, longest);
    }
}

fn cap(number: &mut u64) {
    *number = (*number).min(MOST);
}

fn cap_if_there(number: &mut Option<u64>) {
    if let Some(number) = number {
        cap(number);
    }
}

fn cap_both(bytes: &mut u64, expected: &mut Option<u64>) {
    cap(bytes);
    cap_if_there(expected);
}

fn cap_time(seconds: &mut f64) {
    // What is no number compares with nothing, and becomes 0.
    *seconds = if *seconds > 0.0 {
        seconds.min(LONGEST_TIME)
    } else {
        0.0
    };
}

#[cfg(test)]
mod tests {
    use batt_protocol::{ExitCode, Outcome, Service};
    use serde_json::json;

    use super::*;

    fn report_of(value: serde_json::Value) -> ServiceReport {
        let reply = json!({"reply": "event", "run": "20260131T023000Z-1a2b3c", "event": {"sequence": 1,
            "at": "2026-01-31T02:30:00Z", "event": {"kind": "service-ended", "report": value}}});
        let reply: Reply = serde_json::from_value(reply).unwrap();
        match bounded(reply).unwrap() {
            Reply::Event { event, .. } => match event.event {
                EventKind::ServiceEnded { report } => report,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_numbers_and_lists_are_within_bounds() {
        let told = report_of(
            json!({"service": "work", "outcome": "failed", "path": "/".repeat(20_000),
            "items": vec!["i".repeat(9_000); 1_002], "items_left_out": u64::MAX,
            "bytes": u64::MAX, "seconds": 1e308, "reason": "é".repeat(20_000), "warnings": vec!["w".repeat(9); 5_000]}),
        );
        assert_eq!(told.outcome, Outcome::Failed);
        assert_eq!(told.bytes, MOST);
        assert_eq!(told.seconds, LONGEST_TIME);
        assert_eq!(told.reason.unwrap().chars().count(), LONGEST_TEXT + 3);
        assert_eq!(told.path.unwrap().len(), LONGEST_PATH + 3);
        assert_eq!((told.items.len(), told.items_left_out as u64), (MOST_ITEMS, MOST));
        assert_eq!(told.items[0].len(), LONGEST_PATH + 3);
        assert_eq!(told.warnings.len(), MOST_WARNINGS + 1);
        assert_eq!(told.warnings[MOST_WARNINGS], "and 4900 more warnings");
    }

    #[test]
    fn no_time_is_negative_or_no_number() {
        for seconds in [-1.0, -0.0, -1e308, f64::NAN, f64::NEG_INFINITY] {
            let mut event = Event {
                sequence: 1,
                at: "2026-01-31T02:30:00Z".parse().unwrap(),
                event: EventKind::RunEnded {
                    exit: ExitCode::OK,
                    seconds,
                },
            };
            bound_event(&mut event).unwrap();
            let EventKind::RunEnded { seconds, .. } = event.event else {
                panic!()
            };
            assert_eq!(seconds.to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn a_plan_that_is_too_long_is_refused_and_not_cut() {
        let services: Vec<Service> = (0..1_001)
            .map(|number| format!("s{number}").parse().unwrap())
            .collect();
        assert!(require_few(&services[..1_000]).is_ok());
        assert!(
            require_few(&services)
                .unwrap_err()
                .reason
                .contains("1001 services")
        );
    }

    #[test]
    fn a_log_is_where_a_log_can_be() {
        let log = |offset| Reply::Log {
            run: "20260131T023000Z-1a2b3c".parse().unwrap(),
            service: "work".parse().unwrap(),
            offset,
            bytes: vec![1],
        };
        assert!(bounded(log(1 << 40)).is_ok());
        assert!(bounded(log(u64::MAX)).is_err());
        assert!(bounded(log(MOST)).is_err());
    }
}
