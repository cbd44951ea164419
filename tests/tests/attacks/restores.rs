//! Restores into folders that another account controls.
