//! From inventory text to hosts, groups and selections. Reads no network and knows no other crate of this workspace.
