"""Years of history, in slices."""
