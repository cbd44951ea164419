//! The command line of `batt` as a person and as a program uses it, with all that can be mistyped.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod care;
mod output;
mod services;
mod usage;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::drop_in::{chmod, told};
use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::process::{assert_none_lives, until};
use serde_json::Value;

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.said()))
}

fn host_with(services: &[&str]) -> Host {
    let host = Host::new();
    for service in services {
        host.drop_in(
            service,
            &format!("echo \"$BATT_RUN_ID ${{*}}\" > $BATT_DEST/{service}/a"),
        );
    }
    host
}
