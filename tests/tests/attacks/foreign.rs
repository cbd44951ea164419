//! Backups that are not of this host, and folders that are not root's.
