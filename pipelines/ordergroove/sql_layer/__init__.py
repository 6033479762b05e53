"""The views of `sql/` in a warehouse: made, checked, shown."""
