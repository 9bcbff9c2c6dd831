"""The paper's experiments: which task helps, what stops when, what each part brings."""
