"""Every version of a row that a sync saw."""
