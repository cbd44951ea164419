use super::*;

const ENDED: &str = r#"{"record":"store-ended","name":"a","file":"a.zst","check":null,"raw_bytes":9,"bytes":8,"sha256":"s","raw_sha256":"r","seconds":0.5}"#;
const BEGAN: &str = r#"{"record":"store-began","name":"a","file":"a.zst"}"#;
const FAILED: &str =
    r#"{"record":"store-failed","name":"a","file":"a.zst","reason":"`false` ended with code 1"}"#;

fn read(text: &str) -> Ledger {
    let staging = tempfile::tempdir().unwrap();
    std::fs::write(staging.path().join(FILE_NAME), text).unwrap();
    Ledger::read(staging.path())
}

fn failures(text: &str) -> Vec<String> {
    read(text).failures().iter().map(Failure::to_string).collect()
}

#[test]
fn no_ledger_is_an_empty_one() {
    let ledger = Ledger::read(tempfile::tempdir().unwrap().path());
    assert!(ledger.stores.is_empty() && ledger.facts.is_empty() && ledger.failures().is_empty());
}

#[test]
fn a_store_that_began_and_ended_is_no_failure() {
    let ledger = read(&format!("{BEGAN}\n{ENDED}\n"));
    assert_eq!(ledger.stores.len(), 1);
    assert_eq!(ledger.stores[0].raw_sha256, "r");
    assert_eq!(ledger.failures(), []);
}

#[test]
fn a_store_that_never_ended_failed_or_was_refused_is_a_failure() {
    assert_eq!(
        failures(&format!("{BEGAN}\n")),
        ["`batt store a` began and never ended"]
    );
    assert_eq!(
        failures(&format!("{BEGAN}\n{FAILED}\n")),
        ["`batt store a` failed: `false` ended with code 1"]
    );
    assert_eq!(
        failures("{\"record\":\"store-refused\",\"name\":\"\",\"reason\":\"no name\"}\n"),
        ["`batt store ` failed: no name"]
    );
}

#[test]
fn a_failure_stays_one_when_the_script_tries_again() {
    let ledger = read(&format!("{BEGAN}\n{FAILED}\n{BEGAN}\n{ENDED}\n"));
    assert_eq!((ledger.stores.len(), ledger.failures().len()), (1, 1));
    let ledger = read(&format!("{BEGAN}\n{BEGAN}\n{ENDED}\n"));
    assert_eq!(ledger.failures(), [Failure::Unfinished { name: "a".to_owned() }]);
}

#[test]
fn an_end_without_a_beginning_is_a_failure() {
    assert_eq!(failures(&format!("{ENDED}\n")).len(), 1);
}

#[test]
fn a_line_that_cannot_be_read_is_a_failure_and_the_others_count() {
    let ledger = read(&format!(
        "{BEGAN}\nnonsense\n{{\"record\":\"other\"}}\n\n{ENDED}\n"
    ));
    assert_eq!((ledger.stores.len(), ledger.failures().len()), (1, 3));
    assert_eq!(
        failures(&format!("{BEGAN}\n{ENDED}")).len(),
        2,
        "a line without its end may be cut"
    );
    assert_eq!(
        failures("{\"record\":\"fact\",\"key\":\"../x\",\"value\":\"\"}\n").len(),
        1
    );
}

#[test]
fn the_last_fact_of_a_key_counts() {
    let fact = |value: &str| format!("{{\"record\":\"fact\",\"key\":\"rows t\",\"value\":\"{value}\"}}\n");
    let ledger = read(&(fact("1") + &fact("2")));
    assert_eq!(ledger.facts["rows t"], "2");
    let of = r#"{"record":"fact","of":"a","key":"rows t","value":"3"}"#;
    let ledger = read(&(fact("1") + of + "\n"));
    assert_eq!(
        (
            ledger.facts["rows t"].as_str(),
            ledger.contents["a"]["rows t"].as_str()
        ),
        ("1", "3")
    );
    let long = fact(&"x".repeat(VALUE_LIMIT + 1));
    assert_eq!(failures(&long), ["`record.jsonl`: line 1: its value is too long"]);
}

#[test]
fn what_is_missing_or_refused_of_one_archive_says_nothing_of_the_others() {
    let text = [
        r#"{"record":"missing","name":"/srv","reason":"it may not be read\nhint: canary"}"#,
        r#"{"record":"fact-refused","of":"b","reason":"a key of canary bytes"}"#,
        r#"{"record":"store-refused","name":"c","reason":"it is empty"}"#,
    ];
    let ledger = read(&(text.join("\n") + "\n"));
    assert!(ledger.is_understood());
    let ledger = ledger.masked(|text| text.replace("canary", "*"));
    let told: Vec<String> = ledger.failures().iter().map(Failure::to_string).collect();
    assert_eq!(
        told,
        [
            "`/srv`: it may not be read\nhint: *",
            "`batt record --of b` failed: a key of * bytes",
            "`batt store c` failed: it is empty"
        ]
    );
    let long = format!(
        "{{\"record\":\"missing\",\"name\":\"{}\",\"reason\":\"x\"}}\n",
        "n".repeat(4096)
    );
    let told = read(&long).failures()[0].to_string();
    assert!(told.len() < 500 && told.ends_with("...`: x"), "{told}");
}

#[test]
fn secrets_are_taken_out_of_what_a_script_says() {
    let text = [
        r#"{"record":"fact","key":"url","value":"x:canary@y"}"#,
        r#"{"record":"fact","of":"a","key":"rows.t","value":"7"}"#,
        r#"{"record":"fact","of":"a","key":"owner","value":"canary"}"#,
        r#"{"record":"call-refused","words":"store --password canary","reason":"canary?"}"#,
        r#"{"record":"store-refused","name":"b","reason":"canary!"}"#,
    ];
    let ledger = read(&(text.join("\n") + "\n"));
    assert_eq!(
        ledger.names().into_iter().collect::<Vec<_>>(),
        ["a", "owner", "rows", "t"]
    );
    let hide = |text: &str| text.replace("canary", "*").replace('7', "*");
    let mut ledger = ledger.masked(hide);
    assert_eq!(ledger.contents["a"]["owner"], "canary");
    ledger.mask_content(hide);
    assert_eq!(ledger.facts["url"], "x:*@y");
    assert_eq!(ledger.contents["a"]["rows.t"], "7", "a count is no secret");
    assert_eq!(ledger.contents["a"]["owner"], "*");
    let told: Vec<String> = ledger.failures().iter().map(Failure::to_string).collect();
    assert_eq!(
        told,
        [
            "`batt store --password *` failed: *?",
            "`batt store b` failed: *!"
        ]
    );
    assert!(!ledger.is_understood() && !read("x\n").is_understood());
    assert!(read(&format!("{BEGAN}\n{FAILED}\n")).is_understood());
    let many = format!("{BEGAN}\n{FAILED}\n").repeat(FAILURES_LIMIT);
    assert!(read(&many).is_understood() && !read(&(many + "x\n")).is_understood());
}

#[test]
fn facts_failures_and_lines_are_bounded() {
    let facts: String = (0..=FACTS_LIMIT)
        .map(|key| format!("{{\"record\":\"fact\",\"key\":\"{key}\",\"value\":\"\"}}\n"))
        .collect();
    let ledger = read(&facts);
    assert_eq!((ledger.facts.len(), ledger.failures().len()), (FACTS_LIMIT, 1));
    assert_eq!(read(&"x\n".repeat(5000)).failures().len(), FAILURES_LIMIT);
    let line = "x".repeat(LINE_LIMIT as usize + 10);
    assert_eq!(failures(&line), ["`record.jsonl`: line 1: it is too long"]);
}

#[test]
fn a_ledger_that_is_no_regular_file_is_a_failure() {
    let staging = tempfile::tempdir().unwrap();
    std::fs::create_dir(staging.path().join(FILE_NAME)).unwrap();
    assert_eq!(Ledger::read(staging.path()).failures().len(), 1);
    let staging = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/hostname", staging.path().join(FILE_NAME)).unwrap();
    assert_eq!(Ledger::read(staging.path()).failures().len(), 1);
}
