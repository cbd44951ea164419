//! Database files of other accounts.
