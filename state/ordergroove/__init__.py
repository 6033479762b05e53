"""What a run has to remember: windows, watermarks, the ledger. Knows no HTTP and no warehouse."""
