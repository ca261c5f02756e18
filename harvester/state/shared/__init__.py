"""State that several machines share: a lease for each quota pool, and a log of every change to the pool's databases.

The databases stay local files. Each transaction is appended to the log before it is committed; a worker elsewhere replays the
log into files of its own and goes on. Where the log is kept is not known here: see `store.Store`.
"""
