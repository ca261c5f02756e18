"""Which part of the organisation a person belongs to: the domain of the e-mail, or what a file says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from pathlib import Path

from harvester.analysis import safe_csv
from harvester.analysis.duckdb_database import Database

Patterns = Sequence[tuple[str, str]]


class Units:
    """`patterns`: e-mails or domains, with * and ?, and the unit of each; the first that matches counts. Without any, the
    unit is the domain."""

    def __init__(self, patterns: Patterns = ()) -> None:
        self._patterns = [(re.compile(translate(pattern.casefold())), unit) for pattern, unit in patterns]

    @classmethod
    def read(cls, path: Path) -> Units:
        """From CSV with the columns pattern and unit. Raises UnusableFile or OutputError."""
        rows = safe_csv.read(path, ("pattern", "unit"))
        return cls([(pattern, unit) for pattern, unit in rows if unit])

    def of(self, email: str) -> str | None:
        domain = email.rpartition("@")[2]
        if not self._patterns:
            return domain or None
        return next(
            (unit for pattern, unit in self._patterns if pattern.match(email) or pattern.match(domain)), None
        )

    def create_table(self, database: Database) -> None:
        """The table `unit`: the unit of each e-mail address."""
        database.run("CREATE TABLE unit (email VARCHAR, unit VARCHAR)")
        emails = [
            email
            for (email,) in database.rows(
                "SELECT DISTINCT lower(email) AS email FROM session WHERE email IS NOT NULL ORDER BY email"
            )
        ]
        database.insert("unit", [(email, unit) for email in emails if (unit := self.of(email)) is not None])
