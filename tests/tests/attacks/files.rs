//! Items of `file` whose folders another account controls.
