//! Groups that no inventory knows.

/// Where groups come from that no inventory knows, like the failed hosts of the last run: `@last:failed`.
pub trait GroupSource {
    /// Returns the names of the hosts of `@source:name`, or `None` when there is no such group. Names that are not
    /// in the inventory are passed over: those hosts have left it.
    ///
    /// # Errors
    /// Why a group that exists cannot be told.
    fn resolve(&self, source: &str, name: &str) -> Option<Result<Vec<String>, String>>;
}

/// A source that knows no groups.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGroups;

impl GroupSource for NoGroups {
    fn resolve(&self, _source: &str, _name: &str) -> Option<Result<Vec<String>, String>> {
        None
    }
}
