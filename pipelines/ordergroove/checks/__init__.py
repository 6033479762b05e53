"""Every precondition of a sync, looked at beforehand: `check`."""
