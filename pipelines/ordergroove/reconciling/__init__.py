"""API and warehouse compared, and mended."""
