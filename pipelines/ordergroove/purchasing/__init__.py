"""A test purchase, followed into the warehouse."""
