//! What a run looks like, letter by letter. A story is a run told by its events; the readers show it.

mod broken;
mod glass;
mod json;
mod plain;
mod story;
mod summary;
mod terminal;
