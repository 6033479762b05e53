"""Puts things together: settings, the run, the warehouse, the command."""
