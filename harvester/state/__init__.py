"""What outlives a run: one SQLite file per vendor account, and one for the rejects of each cluster and prefix."""
