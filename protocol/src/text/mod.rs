//! Sentences are assembled: plurals, lists, backticks, suggestions, and host text that is safe to show.

mod count;
mod escape;
mod list;
mod suggestion;

pub use count::count;
pub use escape::{escaped, quoted};
pub use list::{list_and, list_or};
pub use suggestion::suggestion;
