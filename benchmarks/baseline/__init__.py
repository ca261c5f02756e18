"""The bare cost of a day's harvest: requests + orjson in 8 threads, the same requests, the rows written unchanged.

No pacing, no retries, no accounting, no documents: what is left is what any harvester in Python must spend. A module
for each vendor, run as a process by `benchmarks.harvest` with the simulator's settings and the first and last day as
arguments.
"""
