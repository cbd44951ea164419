//! A run: from what was asked to a report of every service, through one place that emits what happens.

mod bounds;
mod events;
mod failure;
mod gates;
mod judge;
mod look_ahead;
mod papers;
mod plan;
mod process_names;
mod proven;
mod recovery;
mod retention;
mod runner;
mod secrets;
mod service;

pub(crate) use events::{Events, Reader};
pub(crate) use look_ahead::look_ahead;
pub(crate) use plan::Plan;
pub(crate) use process_names::supervisor_cgroup;
pub(crate) use recovery::recover;
pub(crate) use runner::{execute, start_supervisor};
