//! Patterns and selections: what each form selects, and the exact words when one cannot be.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::path::Path;

use batt_inventory::{
    Format, GroupSource, Inventory, NoGroups, Selection, SelectionError, SelectionErrorKind as Kind, fold,
};

const FLEET: &str = r#"
[groups.db]
hosts = ["db[01-06]"]
vars = { kind = "database" }
[groups.web]
hosts = ["web[1-4]"]
[groups.prod]
hosts = ["db[01-03]", "web[1-2]"]
vars = { env = "prod" }
[groups.old]
hosts = ["db03", "web4"]
[groups.rack1]
hosts = ["db01", "web1"]
[groups.rack2]
hosts = ["db02", "web2"]
[groups.empty]
[groups.twin]
hosts = ["twin0", "twin1"]
[hosts.lone]
vars = { rack = "r3", template = "{{ x }}", tags = ["a", "b"], number = 7 }
[hosts."::1"]
"#;

struct Runs;

impl GroupSource for Runs {
    fn resolve(&self, source: &str, name: &str) -> Option<Result<Vec<String>, String>> {
        match (source, name) {
            ("last", "failed") => Some(Ok(vec!["db02".into(), "web1".into(), "gone".into()])),
            ("last", "ok") => Some(Ok(Vec::new())),
            ("last", "removed") => Some(Ok(vec!["gone".into()])),
            ("last", "broken") => Some(Err("the journal is \x1b damaged".into())),
            ("20261124T020000Z-abc123", "pending") => Some(Ok(vec!["db06".into()])),
            _ => None,
        }
    }
}

fn fleet() -> Inventory {
    Inventory::parse(Path::new("inventory.toml"), FLEET, Format::Native).unwrap()
}

fn select(inventory: &Inventory, selection: &Selection) -> Result<String, SelectionError> {
    let hosts = inventory.select(selection, &Runs)?;
    Ok(fold(hosts.iter().map(|host| &host.name)).join(" "))
}

fn limit(pattern: &str) -> Result<String, SelectionError> {
    select(
        &fleet(),
        &Selection {
            limit: vec![pattern.to_owned()],
            ..Selection::default()
        },
    )
}

#[track_caller]
fn selects(pattern: &str, expected: &str) {
    assert_eq!(
        limit(pattern).map_err(|error| error.to_string()).as_deref(),
        Ok(expected),
        "{pattern}"
    );
}

#[track_caller]
fn fails(pattern: &str, kind: Kind, report: &str) {
    let error = limit(pattern).unwrap_err();
    assert_eq!(error.to_string(), report, "{pattern}");
    assert_eq!(error.kind(), kind, "{pattern}");
}

const ALL: &str = "db[01-06] web[1-4] twin[0-1] lone ::1";

#[test]
fn terms_name_hosts_groups_ranges_and_globs() {
    selects("db01", "db01");
    selects("db", "db[01-06]");
    selects("all", ALL);
    selects("*", ALL);
    selects("ungrouped", "lone ::1");
    selects("::1", "::1");
    selects("db01,web3", "db01 web3");
    selects(" web3 , db01 ", "db01 web3");
    selects("db[01-03,05]", "db[01-03,05]");
    selects("db[01:06]", "db[01-06]");
    selects("web[1-4/2]", "web[1,3]");
    selects("rack[1-2]", "db[01-02] web[1-2]");
    selects("web?", "web[1-4]");
    selects("*b[1-2]", "web[1-2]");
    selects("ra*", "db[01-02] web[1-2]");
    selects("d?[01-02]", "db[01-02]");
}

#[test]
fn ansible_orders_unions_then_and_then_not() {
    selects("db:&prod:!db03", "db[01-02]");
    selects("db,&prod,!db03", "db[01-02]");
    selects("!db03:&prod:db", "db[01-02]");
    selects("db:web:&prod", "db[01-03] web[1-2]");
    selects("!db:!web", "twin[0-1] lone ::1");
    selects("&prod", "db[01-03] web[1-2]");
    selects("web*:!web[1:2]", "web[1,4]");
}

#[test]
fn ansible_counts_hosts_of_a_group() {
    selects("db[0]", "db01");
    selects("db[-1]", "db06");
    selects("db[1:3]", "db[02-04]");
    selects("db[4:]", "db[05-06]");
    selects("db[:1]", "db[01-02]");
    selects("twin[0]:&twin", "twin0");
    selects("web[1]:&web", "web2");
    fails(
        "db[9]",
        Kind::NoMatch,
        "`db[9]` matches nothing: the group `db` has 6 hosts\n |\n | db[9]\n | ^^^^^\nhint: positions count from 0",
    );
    fails(
        "web[1]",
        Kind::Pattern,
        "`web[1]` could be hosts by name, or hosts of the group `web` by position\n |\n | web[1]\n | ^^^^^^\n\
         hint: write `web1` for the names, or `web[1]:&web` for the positions",
    );
}

#[test]
fn clustershell_goes_from_left_to_right() {
    selects("@db&@prod!db03", "db[01-02]");
    selects("@db!db03&@prod", "db[01-02]");
    selects("@db!@prod,db01", "db[01,04-06]");
    selects("(@web,@db)!@old", "db[01-02,04-06] web[1-3]");
    selects("@db!(@prod,@old)", "db[04-06]");
    selects("web[1-4]^@old", "db03 web[1-3]");
    selects("@rack[1-2]", "db[01-02] web[1-2]");
    selects("@rack*", "db[01-02] web[1-2]");
    selects("@*", ALL);
    selects("@all!@db", "web[1-4] twin[0-1] lone ::1");
    selects("db&prod", "db[01-03]");
    selects("((((db01))))", "db01");
}

#[test]
fn words_bind_not_before_and_before_or() {
    selects("db and prod and not db03", "db[01-02]");
    selects("db01 or web and prod", "db01 web[1-2]");
    selects("(db01 or web) and prod", "db01 web[1-2]");
    selects("not (db or web)", "twin[0-1] lone ::1");
    selects("not not db01 or web1", "db01 web1");
    selects("env=prod", "db[01-03] web[1-2]");
    selects("env=prod and kind=database", "db[01-03]");
    selects("db and env!=prod", "db[04-06]");
    selects("rack!=r3 and not (db or web)", "twin[0-1] ::1");
    selects("rack='r3'", "lone");
    selects("tags=b and number=7", "lone");
    selects("@db and not @prod", "db[04-06]");
    selects("::1 or db01", "db01 ::1");
}

#[test]
fn runs_are_a_source_of_groups() {
    selects("@last:failed", "db02 web1");
    selects("@last:failed!web*", "db02");
    selects("@last:failed and not db", "web1");
    selects("@20261124T020000Z-abc123:pending,@last:failed", "db[02,06] web1");
    fails(
        "@last:ok",
        Kind::NoMatch,
        "`@last:ok` matches nothing\n |\n | @last:ok\n | ^^^^^^^^\nhint: no host is in this state",
    );
    fails(
        "@last:removed",
        Kind::NoMatch,
        "`@last:removed` matches nothing: its hosts are not in this inventory\n |\n | @last:removed\n | ^^^^^^^^^^^^^\n\
         hint: name the inventory of that run",
    );
    fails(
        "@last:broken",
        Kind::Source,
        "`@last:broken` cannot be told: the journal is \\u{1b} damaged\n |\n | @last:broken\n | ^^^^^^^^^^^^\n\
         hint: name the hosts themselves",
    );
    fails(
        "@lst:failed",
        Kind::NoMatch,
        "`@lst:failed` is a group of no run\n |\n | @lst:failed\n | ^^^^^^^^^^^\n\
         hint: groups of runs are like `@last:failed`, `@last:unreachable` or `@RUN:pending`",
    );
    fails(
        "@db:web",
        Kind::NoMatch,
        "`@db:web`: the group `db` has no parts\n |\n | @db:web\n | ^^^^^^^\nhint: write `@db,@web` for both",
    );
}

#[test]
fn a_term_without_match_is_named_with_a_suggestion() {
    fails(
        "db:&prdo",
        Kind::NoMatch,
        "`prdo` matches no host and no group\n |\n | db:&prdo\n |     ^^^^\nhint: did you mean `prod`?",
    );
    fails(
        "db,!db07",
        Kind::NoMatch,
        "`db07` matches no host and no group\n |\n | db,!db07\n |     ^^^^\nhint: did you mean `db01`?",
    );
    fails(
        "web[1-5]",
        Kind::NoMatch,
        "`web[1-5]` names `web5`, which matches no host and no group\n |\n | web[1-5]\n | ^^^^^^^^\nhint: did you mean `web`?",
    );
    fails(
        "zzz*",
        Kind::NoMatch,
        "`zzz*` matches no host and no group\n |\n | zzz*\n | ^^^^\nhint: `batt-fleet inventory list` shows the hosts",
    );
    fails(
        "@db01",
        Kind::NoMatch,
        "`@db01` matches no group\n |\n | @db01\n | ^^^^^\nhint: `db01` is a host: write it without `@`",
    );
    fails(
        "@wbe!web1",
        Kind::NoMatch,
        "`@wbe` matches no group\n |\n | @wbe!web1\n | ^^^^\nhint: did you mean `web`?",
    );
    fails(
        "empty",
        Kind::NoMatch,
        "the group `empty` has no hosts\n |\n | empty\n | ^^^^^\nhint: name one that has hosts",
    );
    fails(
        "env=prd",
        Kind::NoMatch,
        "no host has the variable `env` with the value `prd`\n |\n | env=prd\n | ^^^^^^^\nhint: did you mean `prod`?",
    );
    fails(
        "evn!=prod",
        Kind::NoMatch,
        "no host has a variable `evn`\n |\n | evn!=prod\n | ^^^^^^^^^\nhint: did you mean `env`?",
    );
    fails(
        "template=x",
        Kind::Pattern,
        "`template` of the host `lone` holds a template, `{{`\n |\n | template=x\n | ^^^^^^^^^^\n\
         hint: write the value itself into the inventory",
    );
    fails(
        "DB01",
        Kind::NoMatch,
        "`DB01` matches no host and no group\n |\n | DB01\n | ^^^^\nhint: did you mean `db01`?",
    );
}

#[test]
fn mixed_forms_are_refused_with_both_readings() {
    fails(
        "@a!b:&c",
        Kind::Pattern,
        "`@a!b:&c` mixes Ansible's form and ClusterShell's form\n\
         hint: write `a:&c:!b` (Ansible: unions, then `&`, then `!`) or `@a!b&c` (ClusterShell: from left to right)",
    );
    fails(
        "@db:&prod",
        Kind::Pattern,
        "`@db:&prod` mixes Ansible's form and ClusterShell's form\n\
         hint: write `db:&prod` (Ansible: unions, then `&`, then `!`) or `@db&prod` (ClusterShell: from left to right)",
    );
    fails(
        "!@old",
        Kind::Pattern,
        "`!@old` mixes Ansible's form and ClusterShell's form\n\
         hint: write `!old` (Ansible: unions, then `&`, then `!`) or `@*!@old` (ClusterShell: from left to right)",
    );
    fails(
        "db and prod:!db03",
        Kind::Pattern,
        "`db and prod:!db03` mixes words and Ansible's form\n\
         hint: write `db and prod and not db03` (words: `not` before `and` before `or`) or `db:&prod:!db03` \
         (Ansible: unions, then `&`, then `!`)",
    );
    fails(
        "db&env=prod",
        Kind::Pattern,
        "`db&env=prod` mixes words and ClusterShell's form\n\
         hint: write `db and env=prod` (words: `not` before `and` before `or`)",
    );
    fails(
        "db,web and prod",
        Kind::Pattern,
        "`db,web and prod` mixes words and ClusterShell's form\n\
         hint: write `db or web and prod` (words: `not` before `and` before `or`) or `db,web&prod` \
         (ClusterShell: from left to right)",
    );
    fails(
        "(db:web)^old",
        Kind::Pattern,
        "`(db:web)^old` mixes Ansible's form and ClusterShell's form\n\
         hint: write it in one form: `db:&prod:!db03`, `@db&@prod!db03`, or `db and prod and not db03`",
    );
}

#[test]
fn patterns_that_cannot_be_read_say_where() {
    let cases = [
        (
            "",
            "the pattern is empty\n |\n |\n | ^\nhint: write a host, a group or a range; `all` is every host",
        ),
        (
            "db:",
            "the pattern ends where a term should be\n |\n | db:\n |    ^\nhint: write a host, a group or a range; `all` is every host",
        ),
        (
            "db,,web",
            "`,` where a term should be\n |\n | db,,web\n |    ^\nhint: write a host, a group or a range",
        ),
        (
            "db web",
            "two terms with nothing between them\n |\n | db web\n |    ^^^\nhint: join them: `a,b`, `a:&b` or `a and b`",
        ),
        ("(db", "a `(` without its `)`\n |\n | (db\n | ^\nhint: close it"),
        (
            "db)",
            "a `)` without its `(`\n |\n | db)\n |   ^\nhint: remove it",
        ),
        (
            "(db web)",
            "two terms with nothing between them\n |\n | (db web)\n |     ^^^\nhint: join them: `a,b` or `a and b`",
        ),
        (
            "^db",
            "a `^` where a term should be\n |\n | ^db\n | ^\nhint: `^` stands between two terms: in one of them, but not in both",
        ),
        (
            "~web.*",
            "regular expressions are not read\n |\n | ~web.*\n | ^^^^^^\nhint: write a glob, like `web*`, or a range, like `web[1-3]`",
        ),
        (
            "@",
            "an `@` without a group\n |\n | @\n | ^\nhint: write it like `@db`",
        ),
        (
            "db[1-",
            "a `[` without its `]`\n |\n | db[1-\n | ^^^^^\nhint: write ranges like `db[01-12]`",
        ),
        (
            "db[9-1]",
            "`db[9-1]`: `9-1` runs backwards\n |\n | db[9-1]\n | ^^^^^^^\nhint: write ranges like `db[01-12]`, `web[1-3,7]` or `node[1-9/2]`",
        ),
        (
            "db and",
            "the pattern ends where a term should be\n |\n | db and\n |       ^\nhint: write a host, a group or a range; `all` is every host",
        ),
        (
            "env=",
            "a comparison without a clear value\n |\n | env=\n | ^^^^\nhint: write it like `env=prod` or `rack!=r3`, in quotes when the value holds blanks or commas",
        ),
        (
            "*[1-2000]",
            "`*[1-2000]` makes more than 1,000 globs\n |\n | *[1-2000]\n | ^^^^^^^^^\nhint: write a smaller range",
        ),
    ];
    for (pattern, report) in cases {
        fails(pattern, Kind::Pattern, report);
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let long = "a,".repeat(2049);
    assert_eq!(
        limit(&long).unwrap_err().message(),
        "a pattern of 4098 bytes is longer than 4096"
    );
    let deep = |levels: usize| format!("{}db01{}", "(".repeat(levels), ")".repeat(levels));
    selects(&deep(64), "db01");
    assert_eq!(
        limit(&deep(65)).unwrap_err().message(),
        "the pattern nests deeper than 64 levels"
    );
    let negated = |levels: usize| format!("{}db01", "not ".repeat(levels));
    selects(&negated(64), "db01");
    assert_eq!(
        limit(&negated(65)).unwrap_err().message(),
        "the pattern nests deeper than 64 levels"
    );
    assert_eq!(limit(&negated(1000)).unwrap_err().kind(), Kind::Pattern);
}

#[test]
fn groups_unite_limits_narrow_exclusions_remove() {
    let inventory = fleet();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let run = |groups: &[&str], limit: &[&str], exclude: &[&str]| {
        let selection = Selection {
            groups: words(groups),
            limit: words(limit),
            exclude: words(exclude),
        };
        select(&inventory, &selection).map_err(|error| error.to_string())
    };
    assert_eq!(run(&[], &[], &[]).unwrap(), ALL);
    assert_eq!(run(&["web", "old"], &[], &[]).unwrap(), "db03 web[1-4]");
    assert_eq!(
        run(&["db", "web"], &["prod"], &["db03"]).unwrap(),
        "db[01-02] web[1-2]"
    );
    assert_eq!(run(&["db"], &["prod", "!db01"], &[]).unwrap(), "db[02-03]");
    assert_eq!(run(&[], &[], &["db", "web", "twin"]).unwrap(), "lone ::1");
    assert_eq!(run(&["all"], &["::1"], &[]).unwrap(), "::1");
    assert_eq!(
        run(&["wbe"], &[], &[]).unwrap_err(),
        "unknown group `wbe`\nhint: did you mean `web`?"
    );
    assert_eq!(
        run(&["db01"], &[], &[]).unwrap_err(),
        "unknown group `db01`\nhint: `db01` is a host; `--limit` takes hosts and patterns"
    );
    assert_eq!(
        run(&["db"], &["web"], &[]).unwrap_err(),
        "the selection is empty\nhint: a host must be in a group that is named, and match every limit and no exclusion"
    );
    assert_eq!(
        run(&["db"], &[], &["db"]).unwrap_err(),
        "the selection is empty\nhint: everything that matches is taken away again"
    );
    assert_eq!(
        run(&["empty"], &[], &[]).unwrap_err(),
        "the selection is empty: these groups have no hosts\nhint: name a group that has hosts"
    );
}

#[test]
fn kinds_tell_usage_from_an_empty_selection() {
    let inventory = fleet();
    let kind = |selection: Selection| inventory.select(&selection, &NoGroups).unwrap_err().kind();
    let groups = |name: &str| Selection {
        groups: vec![name.to_owned()],
        ..Selection::default()
    };
    assert_eq!(kind(groups("nothing")), Kind::UnknownGroup);
    assert_eq!(kind(groups("empty")), Kind::Empty);
    let empty = Inventory::parse(Path::new("x"), "", Format::PlainList).unwrap();
    let error = empty.select(&Selection::default(), &NoGroups).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the inventory holds no hosts\nhint: name hosts in it"
    );
    assert_eq!(error.kind(), Kind::Empty);
}

#[test]
fn the_result_is_in_inventory_order() {
    let inventory = fleet();
    let hosts = inventory.matching("web1,lone,db02,db01", &NoGroups).unwrap();
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["db01", "db02", "web1", "lone"]);
}
