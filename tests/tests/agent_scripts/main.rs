//! What scripts may do to `batt`: each way of going wrong is told for what it is, and nothing of it is published.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

mod accounts;
mod end;
mod made;
mod start;
mod surroundings;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::drop_in::{chmod, told};
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::{assert_none_lives, kill, living_with, until};
