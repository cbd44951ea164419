//! The properties over random bytes, over text of the words that each reader knows, and over real files with damage.

use batt_protocol::ServiceReport;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Text of the words and marks that a reader knows, and of any characters.
fn text_of(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => select(words).prop_map(str::to_owned),
        2 => select(&["\n", " ", "=", "\"", "@", "|", "#", "{", "}", "[", "]", ",", ":", "*", "!", "\t"][..])
            .prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    vec(word, 0..most).prop_map(|words| words.concat().into_bytes())
}

const KNOWN: &[&str] = &[
    "@revoked ",
    "@Revoked ",
    "@cert-authority ",
    "h1 ",
    "[h1]:2222 ",
    "*.example.net ",
    "!db1.example.net,*",
    "|1|",
    "YWJj|",
    "YWJjZGVmZ2hpamtsbW5vcHFyc3Q= ",
    "ssh-ed25519 ",
    "AAAAC3NzaC1lZDI1NTE5AAAAIJ5ZUtZQ2p7h1mZ1s0nqJ3k0oS0kqkq3c5q5p7l1Yw2b ",
    "ssh-rsa ",
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== ",
    "\r\n",
    "\n",
    "\n",
    "\u{feff}",
];
const KEYS: &[&str] = &[
    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "-----END OPENSSH PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "Proc-Type: 4,ENCRYPTED\n",
    "DEK-Info: AES-128-CBC,00\n",
    "b3BlbnNzaC1rZXktdjEA",
    "AAAABG5vbmU",
    "AAAAAAAAAAE",
    "MIIB",
    "MC4CAQAwBQYDK2VwBCIEIA==\n",
    "////",
    "\n",
];
const GREETING: &[&str] = &[
    "{\"batt\":{",
    "\"version\":\"0.1.0\",",
    "\"protocol\":{\"oldest\":1,\"newest\":1},",
    "\"protocol\":{\"oldest\":4294967295,\"newest\":0},",
    "\"host_id\":\"h\",",
    "\"host\":\"x\",",
    "\"home\":\"ready\",",
    "\"bundle\":\"\",",
    "\"time\":\"2026-01-31T02:30:00Z\"",
    "\"time\":\"+262142-12-31T23:59:59Z\"",
    "}}",
    "\\u001b",
    "null",
];
const JOURNAL: &[&str] = &[
    "{\"at\":\"2026-01-31T02:30:00Z\",",
    "{\"at\":\"-262143-01-01T00:00:00Z\",",
    "{\"at\":\"+262142-12-31T23:59:59Z\",",
    "\"host\":\"h1\",",
    "\"host\":\"h2\",",
    "\"event\":{\"kind\":\"host-started\"}}\n",
    "\"event\":{\"kind\":\"phase-entered\",\"phase\":\"connect\"}}\n",
    "\"event\":{\"kind\":\"greeted\",\"version\":\"\\u001b[2J\",\"host_id\":\"x\",\"host_name\":\"y\"}}\n",
    "\"event\":{\"kind\":\"order-sent\"}}\n",
    "\"event\":{\"kind\":\"accepted\",\"attached\":false}}\n",
    "\"event\":{\"kind\":\"host-warned\",\"text\":\"\\u001b]0;x\"}}\n",
    "\"event\":{\"kind\":\"host-ended\",\"class\":\"failed\",\"reason\":\"\\u0007\"}}\n",
    "\"event\":{\"kind\":\"host-ended\",\"class\":\"ok\",\"reason\":null}}\n",
    "\"event\":{\"kind\":\"run-ended\",\"exit\":0,\"totals\":{\"ok\":18446744073709551615}}}\n",
    "\"event\":{\"kind\":\"cancel-requested\",\"by\":\"deadline\"}}\n",
    "\"event\":{\"kind\":\"connection-lost\",\"reason\":\"x\",\"attempt\":4294967295}}\n",
    "\"event\":{\"kind\":\"agent\",\"event\":{\"sequence\":1,\"at\":\"2026-01-31T02:30:00Z\",\"event\":{\"kind\":\"run-started\",\"run\":\"20260131T023000Z-1a2b3c\",\"host\":\"f\",\"version\":\"0\",\"services\":[\"a\"],\"path\":\"/b\",\"utc_offset\":0,\"asked_by\":{\"user\":\"r\"}}}}}\n",
    "\"event\":{\"kind\":\"agent\",\"event\":{\"sequence\":2,\"at\":\"2026-01-31T02:30:00Z\",\"event\":{\"kind\":\"service-started\",\"service\":\"a\",\"items\":[],\"expected_bytes\":0}}}}\n",
    "\"event\":{\"kind\":\"agent\",\"event\":{\"sequence\":18446744073709551615,\"at\":\"2026-01-31T02:30:00Z\",\"event\":{\"kind\":\"service-ended\",\"report\":{\"service\":\"a\",\"outcome\":\"failed\",\"path\":null,\"bytes\":18446744073709551615,\"seconds\":1e308,\"reason\":\"\\u001b\",\"warnings\":[\"\\u001b\"]}}}}}\n",
    "\"event\":{\"kind\":\"progressed\",\"service\":\"a\",\"stage\":\"running\",\"bytes\":18446744073709551615,\"expected_bytes\":0}}\n",
];
const LAYERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "backup-app",
    "backup-app.conf",
    "backup.conf",
    "batt.toml",
    "backup-x.local.conf",
    "=",
    "=",
    "A=1",
    "\n",
    "\n",
    "\n",
    "..",
    ".git",
    ".",
    "groups",
    "hosts",
    "é",
    "\u{1b}",
];

/// Events that a host may tell, and that make a run together when they come in order.
fn events() -> impl Strategy<Value = Vec<u8>> {
    let service = || select(&["a", "b"][..]).prop_map(|name| name.parse::<batt_protocol::Service>().unwrap());
    let outcome = select(
        &[
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::Busy,
            Outcome::Cancelled,
        ][..],
    );
    let number = prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    let kind = prop_oneof![
        2 => vec(service(), 0..3).prop_map(|services| EventKind::RunStarted {
            run: RUN.parse().unwrap(),
            host: "\u{1b}".into(),
            version: String::new(),
            services,
            path: String::new(),
            utc_offset: i32::MIN,
            asked_by: Default::default(),
        }),
        3 => (service(), proptest::option::of(number.clone())).prop_map(|(service, expected_bytes)| {
            EventKind::ServiceStarted { service, items: Vec::new(), expected_bytes }
        }),
        4 => (service(), outcome, number, any::<f64>(), proptest::option::of("\\PC{0,9}|\u{1b}\\[2J")).prop_map(
            |(service, outcome, bytes, seconds, reason)| EventKind::ServiceEnded {
                report: ServiceReport {
                    items: Vec::new(),
                    items_left_out: 0,
                    service,
                    outcome,
                    path: None,
                    bytes,
                    // JSON knows no infinite number.
                    seconds: if seconds.is_finite() { seconds } else { -1.0 },
                    warnings: reason.clone().into_iter().collect(),
                    reason,
                },
            }
        ),
        2 => select(&[0_u8, 2, 255][..]).prop_map(|code| EventKind::RunEnded {
            exit: ExitCode::from_code(code),
            seconds: -1.0,
        }),
        1 => Just(EventKind::CancelRequested),
    ];
    // Mostly in order, sometimes anywhere.
    let sequence = prop_oneof![8 => Just(None), 1 => any::<u64>().prop_map(Some)];
    vec((sequence, kind), 0..12).prop_map(|events| {
        events
            .into_iter()
            .enumerate()
            .flat_map(|(index, (sequence, kind))| line_of(sequence.unwrap_or(index as u64 + 1), kind))
            .collect()
    })
}

#[test]
fn a_record_that_says_so_is_good() {
    let service: batt_protocol::Service = "a".parse().unwrap();
    let lines = [
        line_of(
            1,
            EventKind::RunStarted {
                run: RUN.parse().unwrap(),
                host: String::new(),
                version: String::new(),
                services: vec![service.clone()],
                path: String::new(),
                utc_offset: 0,
                asked_by: Default::default(),
            },
        ),
        line_of(
            2,
            EventKind::ServiceStarted {
                service: service.clone(),
                items: Vec::new(),
                expected_bytes: None,
            },
        ),
        line_of(
            3,
            EventKind::ServiceEnded {
                report: ServiceReport {
                    items: Vec::new(),
                    items_left_out: 0,
                    service,
                    outcome: Outcome::Succeeded,
                    path: None,
                    bytes: u64::MAX,
                    seconds: 1.0,
                    reason: None,
                    warnings: Vec::new(),
                },
            },
        ),
        line_of(
            4,
            EventKind::RunEnded {
                exit: ExitCode::OK,
                seconds: 1.0,
            },
        ),
    ];
    let mut state = running();
    for line in &lines {
        let reply = serde_json::from_slice(line).unwrap();
        state.apply(&event(Some("h1"), told(reply).unwrap())).unwrap();
    }
    assert!(is_proven(&state));
    conversation(&lines.concat());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_of_host_keys_of_any_text(words in text_of(KNOWN, 30), bytes in vec(any::<u8>(), 0..200)) {
        known_hosts(&words);
        known_hosts(&bytes);
    }

    #[test]
    fn files_of_private_keys_of_any_text(words in text_of(KEYS, 20), bytes in vec(any::<u8>(), 0..200)) {
        private_key(&words);
        private_key(&bytes);
    }

    #[test]
    fn greetings_of_any_text(words in text_of(GREETING, 20), bytes in vec(any::<u8>(), 0..200)) {
        greeting(&words);
        greeting(&bytes);
    }

    #[test]
    fn conversations_of_any_replies(events in events(), words in text_of(JOURNAL, 10)) {
        conversation(&events);
        conversation(&[events, words].concat());
    }

    #[test]
    fn journals_of_any_text(words in text_of(JOURNAL, 24), bytes in vec(any::<u8>(), 0..200)) {
        journal(&words);
        journal(&bytes);
        journal_after_its_plan(&words);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_of_any_files(words in text_of(LAYERS, 30)) {
        layers(&words);
    }

    #[test]
    fn private_keys_with_any_damage(place in 0.0..1.0, mask in 1_u8.., cut in 0.0..1.0) {
        let folder = tempfile::tempdir().unwrap();
        static KEY: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut key = KEY.get_or_init(|| {
            crate::transport::sshd::keygen("ed25519", "", &folder.path().join("key"));
            fs::read(folder.path().join("key")).unwrap()
        }).clone();
        assert!(is_private_key(&key));
        let at = (key.len() as f64 * place) as usize;
        key[at] ^= mask;
        private_key(&key);
        key.truncate((key.len() as f64 * cut) as usize);
        private_key(&key);
    }
}
