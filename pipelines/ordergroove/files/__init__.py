"""Daily files in the warehouse: which were loaded, and their rows."""
