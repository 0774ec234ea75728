//! The token budget of a run, shared by the workflow and its children.

use serde::Serialize;

/// Output tokens allowed and used. Both are JavaScript numbers, since scripts and callers see them as such.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BudgetState {
    /// `None`: unlimited.
    pub total: Option<f64>,
    pub spent: f64,
}

impl BudgetState {
    /// Whether a hard budget refuses the next call.
    pub fn exhausted(&self) -> bool {
        self.total.is_some_and(|total| self.spent >= total)
    }
}

/// What others do to a budget that a run shares with them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetChange {
    /// Added to what was spent; may be negative.
    pub spent: f64,
    /// `None` keeps the total, `Some(None)` lifts it.
    pub total: Option<Option<f64>>,
}

/// What happens when the budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetMode {
    /// Nothing is refused; `remaining()` floors at 0.
    Soft,
    /// `agent()` rejects with `ERR_BUDGET_EXHAUSTED` once `spent() >= total`.
    Hard,
}
