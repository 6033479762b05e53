"""The engines a warehouse can live in: how each is opened, locked, read, and given to dlt."""
