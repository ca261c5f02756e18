"""A simulated Meetecho, version 1 of its API for working groups' rooms, and the part of the IETF datatracker's public
API that tells of sessions and of who attended them.

Sources: the datatracker's own client (`ietf/utils/meetecho.py`), its tests, its resources (`ietf/*/resources.py`), and
how glasgow-ipl/ietfdata reads it. Where they say nothing, what is served is one of the possible ways, and often each
in turn.
"""
