//! Words that are batt's own: a script that took one could never be called, or would hide what everybody knows.

/// Names that no service may have.
pub(crate) const SUBCOMMANDS: &[&str] = &[
    "accept",
    "as",
    "aside",
    "attach",
    "backups",
    "cancel",
    "check",
    "completions",
    "disable",
    "drill",
    "enable",
    "help",
    "init",
    "interleave",
    "launch",
    "list",
    "load",
    "logs",
    "man",
    "pin",
    "place",
    "purge",
    "recall",
    "missing",
    "record",
    "restore",
    "runs",
    "serve",
    "show",
    "stage",
    "store",
    "supervise",
    "unpin",
    "verify",
];

/// Options that no script may claim, without their dashes.
pub(crate) const OPTIONS: &[&str] = &[
    "all", "dry-run", "foreign", "format", "from", "help", "home", "into", "item", "jobs", "last", "new-id",
    "path", "quiet", "raw", "replace", "version", "wait",
];
