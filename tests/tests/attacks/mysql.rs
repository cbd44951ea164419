//! Accounts, dumps and servers of MySQL that want more than they have.

pub(crate) mod answers;
mod bodies;
mod clients;
mod dumps;
