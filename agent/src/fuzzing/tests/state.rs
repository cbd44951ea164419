//! The properties of the files of a home, over text of the words that they hold, and of sessions.

use super::*;

const JOURNAL: &[&str] = &[
    r#"{"sequence":1,"at":"2026-01-31T02:30:00Z","event":{"kind":"cancel-requested"}}"#,
    r#"{"sequence":2,"at":"2026-01-31T02:30:00Z","event":{"kind":"warned","service":null,"text":"x"}}"#,
    r#"{"sequence":3,"at":"2026-01-31T02:30:00Z","event":{"kind":"later","x":[1]}}"#,
    r#"{"sequence":4,"at":"2026-01-31T02:30:00Z","event":{"kind":"run-ended","exit":0,"seconds":1e308}}"#,
    r#"{"sequence":-1,"at":"","event":{}}"#,
    "\n",
    "\n",
    "{",
    "}",
    "\u{1b}",
];
const ORDER: &[&str] = &[
    r#"{"run":"20260131T023000Z-00000a","services":[{"service":"mysql","items":["a"]}],"path":null,"wait_seconds":0,"asked_by":{"user":"root","controller":"c"}}"#,
    r#"{"run":"../x","services":[],"path":"/","wait_seconds":18446744073709551615,"asked_by":{"user":""}}"#,
    "\"services\":[]",
    "null",
    ",",
];
const BUNDLE: &[&str] = &[
    r#"{"files":[{"folder":"conf","name":"backup-x.conf","origin":"pushed","sha256":"00"}]}"#,
    r#"{"files":[{"folder":"scripts-available","name":"../x","origin":"pushed","sha256":"00"}]}"#,
    r#"{"files":[]}"#,
    "\"files\"",
    "null",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_of_a_home_of_any_text(
        journals in text_of(JOURNAL),
        orders in text_of(ORDER),
        bundles in text_of(BUNDLE),
        bytes in vec(any::<u8>(), 0..200),
    ) {
        for bytes in [&journals, &bytes] {
            journal(bytes);
        }
        for bytes in [&orders, &bytes, &ORDER[0].as_bytes().to_vec()] {
            order(bytes);
        }
        for bytes in [&bundles, &bytes, &BUNDLE[0].as_bytes().to_vec()] {
            bundle_record(bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_of_any_order(steps in vec(0u8..20, 0..16), damage in prop_oneof![
        4 => Just(Vec::new()),
        1 => vec(any::<u8>(), 0..60),
        1 => Just(b"{\"verb\":\"status\"".to_vec()),
    ]) {
        session(&steps, &damage);
    }
}

#[test]
fn a_whole_push_is_among_the_sessions() {
    session(&[2, 3, 4, 5, 6, 7, 8, 16], b"");
    session(&[10, 0, 3, 4, 8], b"");
}
