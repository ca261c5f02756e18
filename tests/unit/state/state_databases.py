"""Every state database, by its name, with its migrations."""

from __future__ import annotations

from harvester.state import (
    journal_schema,
    quotas_and_tokens,
    rejects,
    secrets_and_forgotten_people,
    write_log,
)
from harvester.state.shared import replay

ALL_MIGRATIONS = {
    "account.db": quotas_and_tokens.MIGRATIONS,
    "journal.db": journal_schema.MIGRATIONS,
    "position.db": replay._MIGRATIONS,
    "privacy.db": secrets_and_forgotten_people.MIGRATIONS,
    "quotas.db": quotas_and_tokens.QUOTA_MIGRATIONS,
    "rejects.db": rejects.MIGRATIONS,
    "writes.db": write_log.MIGRATIONS,
}
