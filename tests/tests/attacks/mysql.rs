//! Accounts, dumps and servers of MySQL that want more than they have.

pub(crate) mod answers;
mod clients;
mod dumps;
