"""The figures: each module prints a table, `python -m benchmarks.harvest` and `python -m benchmarks.load`.

Ratios within one run mean something; seconds and documents a second depend on the machine and its neighbours.
"""
