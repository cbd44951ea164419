//! Accounts, dumps and servers of MySQL that want more than they have.

mod answers;
mod clients;
mod dumps;
