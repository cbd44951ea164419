//! What the content of a backup can see and do while it is rehearsed.
