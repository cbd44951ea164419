//! Roles and databases of PostgreSQL that want more than they have.

pub(crate) mod answers;
mod clients;
mod globals;
mod sessions;

use batt_tests::host::Host;
use batt_tests::server::postgresql::Postgresql;

/// Returns a host that knows the way to a server.
fn host_of(server: &Postgresql, more: &[(&str, &str)]) -> Host {
    let host = Host::new();
    let environment = server.environment();
    let mut settings: Vec<(&str, &str)> = environment
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.extend_from_slice(more);
    host.configure("postgresql", &settings);
    host
}

/// Returns whether a role may do everything.
fn is_superuser(server: &Postgresql, role: &str) -> bool {
    let question = format!("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = '{role}'");
    server.sql("template1", &question) == "t\n"
}
