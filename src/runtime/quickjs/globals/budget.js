// budget: what may be spent, as of the last call that ended.
const budgetState = { total: setup.total, spent: setup.spent };
hooks.budget = {
  get total() {
    return budgetState.total;
  },
  spent() {
    return budgetState.spent;
  },
  remaining() {
    if (budgetState.total === null) return Infinity;
    const left = budgetState.total - budgetState.spent;
    return left > 0 ? left : 0;
  },
};
