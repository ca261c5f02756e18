"""A simulated Meetecho, version 1 of its API for working groups' rooms, and the part of the IETF
datatracker's public API with sessions and attendance.

Sources: the datatracker's own client (`ietf/utils/meetecho.py`), its tests, its resources
(`ietf/*/resources.py`), and how glasgow-ipl/ietfdata reads it. If they say nothing, the simulator
implements one of the possible behaviours, and often each in turn.
"""
