//! The properties over random bytes, and over text of the words that each reader knows.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Text of the words and marks that a reader knows, and of any characters.
fn text_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => select(words).prop_map(str::to_owned),
        2 => select(&["\n", " ", "=", "\"", "'", "\\", "#", "[", "]", ",", ":", "-", "/", "\t"][..])
            .prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    vec(word, 0..40).prop_map(|words| words.concat().into_bytes())
}

const NATIVE: &[&str] = &[
    "[defaults]\n",
    "[groups.db]\n",
    "[groups.web]\n",
    "[hosts.a]\n",
    "[hosts.\"a.b\"]\n",
    "hosts = ",
    "children = ",
    "[\"a\"]\n",
    "[\"a[1-3]\", \"b\"]\n",
    "[\"db\"]\n",
    "[\"web\"]\n",
    "user = ",
    "\"root\"\n",
    "port = ",
    "22\n",
    "70000\n",
    "address = ",
    "\"::1\"\n",
    "\"10.0.0.1\"\n",
    "identity = ",
    "\"~/k\"\n",
    "vars = ",
    "{ a = 1, b = [1, 2] }\n",
    "become = ",
    "\"sudo\"\n",
    "services = ",
    "[\"mysql\"]\n",
    "host_key = ",
    "[\"ssh-ed25519 AAAA\"]\n",
    "path = ",
    "\"/b/%Y\"\n",
    "jump = ",
    "1e400\n",
    "\u{1b}[31m",
    "\u{feff}",
    "[[",
    "]]",
    "nan\n",
    "agent_path = ",
];
const ANSIBLE: &[&str] = &[
    "[db]\n",
    "[db:children]\n",
    "[db:vars]\n",
    "[web:children]\n",
    "[all]\n",
    "a\n",
    "a[1:3]\n",
    "b[01:12:2] ",
    "web\n",
    "db\n",
    "ansible_host=10.0.0.1 ",
    "ansible_port=22 ",
    "ansible_port=99999\n",
    "ansible_user=root\n",
    "ansible_become=yes ",
    "ansible_password='a b'\n",
    "x={{ y }} ",
    "x=\"a\\\"b\"\n",
    "; c\n",
    "# c\n",
    "\r\n",
    "batt_services=[\"a\"]\n",
    "[1]",
];
const PLAIN: &[&str] = &[
    "root@",
    "a",
    "a[1-3]",
    "b.example.net",
    ":22",
    ":0",
    ":99999",
    "::1",
    "[::1]:22",
    "10.0.0.1",
    "fe80::1%eth0",
    "\n",
    "\n",
    " # c\n",
    "@",
    "[1,3]",
    "[01-12/2]",
];
const NODESET: &[&str] = &[
    "web",
    "[",
    "]",
    "[1-3]",
    "[01-12]",
    "[1-9/2]",
    "[1-3,7]",
    "[01:12]",
    "[1:9:2]",
    "[a:f]",
    "-",
    "0",
    "00",
    "9",
    "18446744073709551615",
    "99999999999999999999",
    ",",
    "/",
    ":",
    "db1",
    "x[1-10]",
    "é",
];
const PATTERN: &[&str] = &[
    "db",
    "web",
    "@db",
    "@web",
    "db1",
    "web[01-12]",
    "web*",
    "?b1",
    "all",
    "ungrouped",
    ":&",
    ":!",
    ",&",
    "!",
    "&",
    "^",
    ",",
    " and ",
    " or ",
    " not ",
    "not ",
    "(",
    ")",
    "env=prod",
    "rack!=r1",
    "rack=r2",
    "@last:failed",
    "~",
    "[",
    "]",
    " ",
    "a.example.net",
    "port=5432",
    "=",
    "@",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inventories_of_any_text(
        native in text_of(NATIVE), ansible in text_of(ANSIBLE), plain in text_of(PLAIN), bytes in vec(any::<u8>(), 0..200)
    ) {
        inventories(&native);
        inventories(&ansible);
        inventories(&plain);
        inventories(&bytes);
    }

    #[test]
    fn nodesets_of_any_text(words in text_of(NODESET), text in "[a-c0-2\\[\\],:/-]{0,12}") {
        nodesets(&words);
        nodesets(text.as_bytes());
    }

    #[test]
    fn patterns_of_any_text(words in text_of(PATTERN), text in "\\PC{0,12}") {
        patterns(&words);
        patterns(text.as_bytes());
    }
}
