//! What to use instead of what a workflow script does not have.

use crate::model::error::ErrorData;
use crate::model::globals::instead_of;

/// A hint for an error that left the script, where there is one.
pub(super) fn hint(error: &ErrorData) -> Option<String> {
    let name = (error.name == "ReferenceError").then(|| error.message.strip_suffix(" is not defined"))??;
    instead_of(name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_globals_have_a_way_out() {
        let error = |name: &str, message: &str| hint(&ErrorData::new(name, message));
        assert!(
            error("ReferenceError", "fetch is not defined").is_some_and(|hint| hint.contains("no network"))
        );
        assert_eq!(error("ReferenceError", "mine is not defined"), None);
        assert_eq!(error("TypeError", "fetch is not defined"), None);
    }
}
