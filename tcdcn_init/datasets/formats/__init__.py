"""Forms that annotations come in: a file each."""
