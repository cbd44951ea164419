//! Accounts, dumps and servers of MySQL that want more than they have.
