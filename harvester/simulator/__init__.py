"""Simulated vendors: an invented organisation behind the wire formats and the rules of the real ones.

Nothing here imports a connector: what the documents of a perfect harvest are is told by the organisation's facts
(`truth`), so that a connector and its stand-in cannot share a mistake.
"""

VENDORS = ("zoom", "webex", "google-meet", "meetecho")
"""Who is served."""
APIS = ("reports", "meet", "directory", "calendar")
"""Google's, of which an admin may have allowed some."""
