//! Becoming an account that nobody has: no groups, no capabilities, and no way to get any (capabilities(7)).

use rustix::process::{
    DumpableBehavior, Gid, Resource, Rlimit, Signal, Uid, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use super::Cell;
use crate::kernel_calls::{self, Keys};

/// Lets this process keep its capabilities when it becomes another program, which one that is not called root does not.
pub(super) fn keep_capabilities() -> rustix::io::Result<()> {
    let sets = rustix::thread::capabilities(None)?;
    set_capabilities(
        None,
        CapabilitySets {
            inheritable: sets.permitted,
            ..sets
        },
    )?;
    for capability in sets.permitted.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Gives up every right for good, and takes the limits of the cell upon itself.
///
/// # Errors
/// The step that failed. This process must do nothing more then.
pub(super) fn become_stranger(cell: &Cell) -> Result<(), (&'static str, rustix::io::Errno)> {
    let at = |step: &'static str| move |cause| (step, cause);
    for capability in CapabilitySet::all().iter() {
        // Beyond the last one that the kernel knows there is nothing to give up; a caller who is not root, and has no user
        // namespace of its own, has none.
        let _ = remove_capability_from_bounding_set(capability);
    }
    if rustix::process::geteuid().is_root() {
        let group = Gid::from_raw(cell.stranger);
        let user = Uid::from_raw(cell.stranger);
        set_thread_groups(&[]).map_err(at("giving up the groups"))?;
        set_thread_res_gid(group, group, group).map_err(at("becoming another group"))?;
        set_thread_res_uid(user, user, user).map_err(at("becoming another user"))?;
    }
    clear_ambient_capability_set().map_err(at("giving up capabilities"))?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
    .map_err(at("giving up capabilities"))?;
    set_no_new_privs(true).map_err(at("giving up what programs could bring"))?;
    kernel_calls::bar(Keys::Barred).map_err(at("barring the keys of whoever drills"))?;
    // What it starts runs under the same account, and must not look into it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at("becoming untraceable"))?;
    // Forgotten with every change of the account (prctl(2)).
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(at("ending with batt"))?;
    limit(Resource::Nproc, Some(cell.processes));
    limit(Resource::Fsize, Some(cell.file_bytes));
    limit(Resource::Cpu, cell.processor_seconds);
    limit(Resource::Core, Some(0));
    Ok(())
}

/// Lowers a limit for good. One that is lower already stays.
fn limit(resource: Resource, most: Option<u64>) {
    let Some(most) = most else { return };
    let now = rustix::process::getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let _ = setrlimit(
        resource,
        Rlimit {
            current: lower(now.current),
            maximum: lower(now.maximum),
        },
    );
}
