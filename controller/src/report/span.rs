//! Spans of time as people read them.

use chrono::TimeDelta;

/// Shows how long something took: `0.4 s`, `12.1 s`, `3 min 07 s`, `2 h 05 min`, `3 d 4 h`.
pub(super) fn took(seconds: f64) -> String {
    // What a host sent may be no number at all; rounding must not make `60.0 s`.
    let seconds = if seconds.is_finite() {
        seconds.max(0.0)
    } else {
        0.0
    };
    if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        // A float that is too large becomes the largest integer.
        whole(seconds.round() as u64)
    }
}

/// Shows how long something has been going on: whole seconds, then as [`took`].
pub(super) fn going_on(span: TimeDelta) -> String {
    whole(span.num_seconds().try_into().unwrap_or(0))
}

/// Shows an estimate of at least a second in at most six characters: no more precise than it is.
pub(super) fn estimate(seconds: f64) -> String {
    match seconds.max(1.0) {
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5_970.0 => format!("{:.0} min", s / 60.0),
        s if s < 356_400.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} d", (s / 86_400.0).min(999.0)),
    }
}

fn whole(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_two_units_that_matter() {
        for (seconds, text) in [
            (0.0, "0.0 s"),
            (12.13, "12.1 s"),
            (59.97, "1 min 00 s"),
            (187.0, "3 min 07 s"),
            (7_500.0, "2 h 05 min"),
            (273_600.0, "3 d 4 h"),
            (-1.0, "0.0 s"),
            (f64::NAN, "0.0 s"),
            (f64::INFINITY, "0.0 s"),
        ] {
            assert_eq!(took(seconds), text, "{seconds}");
        }
        assert_eq!(going_on(TimeDelta::milliseconds(7_900)), "7 s");
        assert_eq!(going_on(TimeDelta::seconds(-3)), "0 s");
    }

    #[test]
    fn an_estimate_is_short() {
        for (seconds, text) in [
            (0.2, "1 s"),
            (7.4, "7 s"),
            (125.0, "2 min"),
            (7_200.0, "2 h"),
            (400_000.0, "5 d"),
            (1e12, "999 d"),
        ] {
            assert_eq!(estimate(seconds), text);
            assert!(text.len() <= 6);
        }
    }
}
