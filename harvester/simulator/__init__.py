"""Simulated vendors: an invented organisation, served in the wire formats and under the rules of the real
APIs.

Nothing here imports a connector. The documents of a perfect harvest are computed from the organisation's
facts (package `expected`), so a connector and its simulator cannot share a mistake.
"""

VENDORS = ("zoom", "webex", "google-meet", "meetecho", "teams")
"""The vendors that can be simulated."""
APIS = ("reports", "meet", "directory", "calendar")
"""Google's APIs; an administrator may have allowed only some of them."""
