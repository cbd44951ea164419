//! Roles and databases of PostgreSQL that want more than they have.
