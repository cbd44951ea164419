//! What the developers of an engine thought of: whatever its own regression suite leaves behind comes back.

mod conversion;
mod mariadb;
mod postgresql;
mod redis;
mod sqlite;
mod tidy;
