"""What is lost with each state database: an error that asks for moving one away says it."""

from __future__ import annotations

from harvester.state.layout import (
    ACCOUNT_DATABASE,
    JOURNAL_DATABASE,
    POSITION_DATABASE,
    PRIVACY_DATABASE,
    QUOTA_DATABASE,
    REJECTS_DATABASE,
    WRITES_DATABASE,
)

LOSSES = {
    JOURNAL_DATABASE: "It holds what was listed and read. The index is the same without it; a run with --from and --to reads "
    "again what the vendor still keeps, including what had failed or was pending",
    REJECTS_DATABASE: "It holds the documents that Elasticsearch refused. They are lost with it, unless they were exported "
    "or the vendor still keeps their meetings: then `harvester verify --repair` reads those again",
    ACCOUNT_DATABASE: "It holds today's quotas, when calls were made, and tokens. Without it, calls made today are not counted, "
    "and a vendor that needs a login needs a new one; no meeting and no document is lost",
    QUOTA_DATABASE: "It holds today's quotas. Without it, calls made today are not counted; no meeting and no document is lost",
    POSITION_DATABASE: "It holds how far the copies beside it have followed the shared state. Without the whole folder, the next "
    "run makes the copies again",
    WRITES_DATABASE: "It holds what was written to the vendor. Without it, a room whose replacement was interrupted has to be "
    "deleted by hand, and lists of slide decks are sent once more",
    PRIVACY_DATABASE: "It holds whom to forget. Without it, the next harvest that reads a meeting of a forgotten person again "
    "stores that person again; run `harvester forget` once more for each. With HARVESTER_PII=drop it also holds the key of the ids "
    "of users in the journals: meetings that are read again may lack their host",
}
"""By the name of the file."""
