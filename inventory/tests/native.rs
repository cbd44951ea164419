//! The native form as a whole: what the design shows is read, merged and kept in order.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::path::Path;

use batt_inventory::{Become, Format, Host, Inventory, Value};

const DESIGN: &str = r#"
[defaults]
user = "backup"

[groups.db]
hosts = ["db[01-12].example.net", "pg1"]
services = ["mysql", "file"]
vars = { env = "prod" }

[groups.prod]
children = ["db", "web"]

[groups.web]
hosts = ["web1"]

[hosts.pg1]
address = "10.0.0.21"
port = 2222
user = "postgres"
become = "sudo"
identity = "~/.ssh/batt_ed25519"
host_key = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3nkbfhQ9lFwqHq1nVb1bVv5vVvGmJm0m0m0m0m0m0m"]
agent_path = "/usr/bin/batt"
agent_home = "/srv/batt"
path = "/srv/backup/%Y/%m/%d"
vars = { rack = "r3" }
"#;

fn parse(text: &str) -> Inventory {
    Inventory::parse(Path::new("fleet/inventory.toml"), text, Format::Native).unwrap()
}

fn host<'a>(inventory: &'a Inventory, name: &str) -> &'a Host {
    inventory.host(name).unwrap()
}

fn groups(host: &Host) -> Vec<&str> {
    host.groups.iter().map(|group| group.as_str()).collect()
}

#[test]
fn the_example_of_the_design_is_read() {
    let inventory = parse(DESIGN);
    assert_eq!(inventory.hosts().len(), 14);
    assert_eq!(inventory.hosts()[0].name.as_str(), "db01.example.net");
    let pg1 = host(&inventory, "pg1");
    assert_eq!((pg1.address.as_str(), pg1.port), ("10.0.0.21", 2222));
    assert_eq!(pg1.user.as_deref(), Some("postgres"));
    assert_eq!(pg1.become_method, Become::Sudo);
    assert_eq!(pg1.identity.as_deref(), Some(Path::new("~/.ssh/batt_ed25519")));
    assert_eq!(pg1.host_keys.len(), 1);
    assert_eq!(
        (pg1.agent_path.as_str(), pg1.agent_home.as_str()),
        ("/usr/bin/batt", "/srv/batt")
    );
    assert_eq!(pg1.path.as_deref(), Some("/srv/backup/%Y/%m/%d"));
    assert_eq!(pg1.services, ["mysql", "file"]);
    assert_eq!(groups(pg1), ["db", "prod"]);
    assert_eq!(pg1.vars["env"], Value::Text("prod".into()));
    assert_eq!(pg1.vars["rack"], Value::Text("r3".into()));
}

#[test]
fn what_is_not_said_has_its_default() {
    let inventory = parse("[groups.a]\nhosts = [\"x\"]\n");
    let x = host(&inventory, "x");
    assert_eq!((x.address.as_str(), x.port, x.user.as_deref()), ("x", 22, None));
    assert_eq!(
        (x.agent_path.as_str(), x.agent_home.as_str()),
        ("/usr/local/bin/batt", "/opt/batt")
    );
    assert_eq!(
        (x.become_method, x.path.as_deref(), x.identity.as_deref()),
        (Become::None, None, None)
    );
    assert!(x.services.is_empty() && x.vars.is_empty() && x.host_keys.is_empty());
}

#[test]
fn hosts_and_groups_keep_the_order_of_the_file() {
    let inventory =
        parse("[hosts.z]\n[groups.b]\nhosts = [\"y\", \"z\"]\n[hosts.a]\n[groups.c]\nhosts = [\"m[1-2]\"]\n");
    let hosts: Vec<&str> = inventory.hosts().iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, ["z", "y", "a", "m1", "m2"]);
    let groups: Vec<&str> = inventory.groups().map(|group| group.name().as_str()).collect();
    assert_eq!(groups, ["b", "c"]);
    let members: Vec<&str> = inventory
        .group("b")
        .unwrap()
        .hosts()
        .map(|host| host.name.as_str())
        .collect();
    assert_eq!(members, ["z", "y"]);
}

#[test]
fn a_later_group_wins_over_an_earlier_one_and_the_host_over_both() {
    let text = "
[defaults]
port = 1
user = \"d\"
[groups.a]
hosts = [\"x\"]
port = 2
user = \"a\"
path = \"/a\"
[groups.b]
hosts = [\"x\"]
port = 3
user = \"b\"
[hosts.x]
port = 4
";
    let inventory = parse(text);
    let x = host(&inventory, "x");
    assert_eq!(
        (x.port, x.user.as_deref(), x.path.as_deref()),
        (4, Some("b"), Some("/a"))
    );
}

#[test]
fn a_child_wins_over_its_parent_wherever_they_stand() {
    let child = "[groups.child]\nhosts = [\"x\"]\nuser = \"child\"\nvars = { a = 1, b = 1 }\n";
    let parent = "[groups.parent]\nchildren = [\"child\"]\nuser = \"parent\"\nvars = { a = 2, c = 2 }\n";
    for text in [format!("{child}{parent}"), format!("{parent}{child}")] {
        let inventory = parse(&text);
        let x = host(&inventory, "x");
        assert_eq!(x.user.as_deref(), Some("child"));
        assert_eq!(x.vars["a"], Value::Integer(1));
        assert_eq!(x.vars["b"], Value::Integer(1));
        assert_eq!(x.vars["c"], Value::Integer(2));
    }
}

#[test]
fn a_later_group_wins_also_over_one_that_has_a_parent() {
    let text = "
[groups.db]
hosts = [\"x\"]
user = \"db\"
port = 1
[groups.prod]
children = [\"db\"]
port = 2
[groups.later]
hosts = [\"x\"]
user = \"later\"
";
    let inventory = parse(text);
    let x = host(&inventory, "x");
    assert_eq!((x.user.as_deref(), x.port), (Some("later"), 1));
    assert_eq!(groups(x), ["db", "prod", "later"]);
}

#[test]
fn services_of_several_groups_are_united_in_order() {
    let text = "
[defaults]
services = [\"file\"]
[groups.a]
hosts = [\"x\", \"y\"]
services = [\"mysql\", \"file\"]
[groups.b]
hosts = [\"x\"]
services = [\"redis@6380\", \"mysql\"]
[hosts.x]
services = [\"sqlite\"]
[hosts.z]
";
    let inventory = parse(text);
    assert_eq!(
        host(&inventory, "x").services,
        ["mysql", "file", "redis@6380", "sqlite"]
    );
    assert_eq!(host(&inventory, "y").services, ["mysql", "file"]);
    assert_eq!(host(&inventory, "z").services, ["file"]);
}

#[test]
fn a_relative_key_file_lies_beside_the_inventory() {
    let inventory = parse("[defaults]\nidentity = \"keys/batt\"\n[hosts.a]\n[hosts.b]\nidentity = \"/k\"\n");
    assert_eq!(
        host(&inventory, "a").identity.as_deref(),
        Some(Path::new("fleet/keys/batt"))
    );
    assert_eq!(host(&inventory, "b").identity.as_deref(), Some(Path::new("/k")));
}

#[test]
fn a_group_knows_its_hosts_and_children() {
    let inventory = parse(DESIGN);
    let prod = inventory.group("prod").unwrap();
    assert_eq!(prod.hosts().len(), 14);
    assert_eq!(
        prod.children().map(|child| child.as_str()).collect::<Vec<_>>(),
        ["db", "web"]
    );
    assert!(prod.contains(&host(&inventory, "web1").name));
    assert!(
        !inventory
            .group("web")
            .unwrap()
            .contains(&host(&inventory, "pg1").name)
    );
    assert!(inventory.group("nothing").is_none());
}

#[test]
fn an_empty_file_is_an_inventory_without_hosts() {
    assert!(parse("").hosts().is_empty());
    assert!(parse("# nothing yet\n").hosts().is_empty());
}

#[test]
fn variables_keep_their_types() {
    let inventory = parse(
        "[hosts.x.vars]\na = 1\nb = 1.5\nc = true\nd = [1, \"x\"]\ne = { f = 0x10 }\ng = 2026-01-02T03:04:05Z\n",
    );
    let shown: Vec<String> = host(&inventory, "x")
        .vars
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "a=1",
            "b=1.5",
            "c=true",
            "d=[1, \"x\"]",
            "e={ f = 16 }",
            "g=2026-01-02T03:04:05Z"
        ]
    );
}
