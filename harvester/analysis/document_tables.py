"""Documents as two tables of DuckDB: `meeting` and `session`, each thing once.

- A meeting is read as often as it was harvested; its newest and richest version counts, with the sessions of that same
  version. Sessions that only an older version has are stale and left out, as in the index.
- A document that is there twice counts once.
- A meeting of which only sessions are known gets a row of what they repeat of it.
- A line that is no document is counted. A field of a wrong type is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.models import Detail
from connectors.quality import SERIES_MEASURES, STREAMS
from harvester.analysis.database import Database
from harvester.analysis.selection import Selection
from harvester.analysis.source import Source

_BOTH = {
    "kind": "VARCHAR",
    "document_id": "VARCHAR",
    "detail": "VARCHAR",
    "harvested_at": "TIMESTAMPTZ",
    "@timestamp": "TIMESTAMPTZ",
    "vendor": "VARCHAR",
    "account": "VARCHAR",
    "topic": "VARCHAR",
}
_MEETING = {
    "uuid": "VARCHAR",
    "meeting_series_id": "VARCHAR",
    "meeting_code": "VARCHAR",
    "host": "STRUCT(name VARCHAR, email VARCHAR)",
    "start_time": "TIMESTAMPTZ",
    "end_time": "TIMESTAMPTZ",
    "scheduled_start_time": "TIMESTAMPTZ",
    "scheduled_end_time": "TIMESTAMPTZ",
    "duration": "DOUBLE",
}
_SESSION = {
    "meeting": "VARCHAR",
    "meeting_timestamp": "TIMESTAMPTZ",
    "host_email": "VARCHAR",
    "stay": "VARCHAR",
    "id": "VARCHAR",
    "user_id": "VARCHAR",
    "user_name": "VARCHAR",
    "email": "VARCHAR",
    "join_time": "TIMESTAMPTZ",
    "leave_time": "TIMESTAMPTZ",
}
_MEETING_MORE = {
    "state": "VARCHAR",
    "participants": "BIGINT",
    "participant_seconds": "BIGINT",
    "recording": "BOOLEAN",
}
_SESSION_MORE = {
    "user_type": "VARCHAR",
    "os": "VARCHAR",
    "app_version": "VARCHAR",
    "country": "VARCHAR",
    "network_type": "VARCHAR",
}
_MEASURE = "STRUCT(mean DOUBLE)"
_STREAM = f"STRUCT({', '.join(f'{name} {_MEASURE}' for name in SERIES_MEASURES)}, series JSON)"
_QUALITY = f"STRUCT({', '.join(f'{name} {_STREAM}' for name in STREAMS)})"
MEASURED = {
    f"{stream}_{measure}": f"quality.{stream}.{measure}.mean"
    for stream in STREAMS
    for measure in SERIES_MEASURES
}
"""Columns of `session` for the mean of each measure of each stream."""
SERIES = {f"{stream}_series": f"quality.{stream}.series" for stream in STREAMS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was in the source."""

    lines: int
    unreadable: int
    """Lines that are no meeting and no session of a vendor."""
    superseded: int
    """Documents of older versions, and second copies."""
    meetings: int
    sessions: int
    """What the selection has of both."""


def read_documents(database: Database, source: Source, selection: Selection, *, quality: bool) -> Read:
    """Fill the tables. `quality`: with what the report needs of a session beyond who it was, and when."""
    with source() as paths:
        _read_lines(database, paths, quality=quality)
    lines, unreadable, superseded = _create_latest(database)
    _create_meetings(database, selection, quality=quality)
    superseded += _create_sessions(database, quality=quality)
    database.run("DROP TABLE line")
    database.run("DROP TABLE latest")
    meetings, sessions = database.row("SELECT (SELECT count(*) FROM meeting), (SELECT count(*) FROM session)")
    return Read(
        lines=lines, unreadable=unreadable, superseded=superseded, meetings=meetings, sessions=sessions
    )


def _read_lines(database: Database, paths: Sequence[str], *, quality: bool) -> None:
    """Every line of the source, in the columns that are used. A line that is no document has no key."""
    plain = {**_BOTH, **_MEETING, **_SESSION, **({**_MEETING_MORE, **_SESSION_MORE} if quality else {})}
    read = {**plain, **({"quality": _QUALITY} if quality else {})}
    measured = {**MEASURED, **SERIES} if quality else {}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in read.items())
    kept = [f'"{name}"' for name in plain if name not in {"uuid", "meeting", "detail", "harvested_at"}]
    kept += [f"{expression} AS {name}" for name, expression in measured.items()]
    database.run(
        f"""
        CREATE TABLE line AS
        SELECT CASE WHEN vendor IS NOT NULL AND kind = 'meeting' AND uuid IS NOT NULL
                      OR vendor IS NOT NULL AND kind = 'session' AND meeting IS NOT NULL
                    THEN concat_ws(chr(31), vendor, coalesce(account, ''), coalesce(uuid, meeting)) END AS key,
               coalesce(CASE detail {_ranks()} END, 0) * 10000000000000 + coalesce(epoch_ms(harvested_at), 0) AS version,
               coalesce(uuid, meeting) AS uuid,
               {", ".join(kept)}
        FROM read_json(?, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})
        """,
        [list(paths)],
    )


def _ranks() -> str:
    return " ".join(f"WHEN '{detail.name}' THEN {detail.value}" for detail in Detail)


def _create_latest(database: Database) -> tuple[int, int, int]:
    """The version of each meeting that counts. Returns the lines, those that are no document, and the superseded ones."""
    database.run(
        """
        CREATE TABLE latest AS
        SELECT key, max(version) AS version
        FROM line WHERE key IS NOT NULL GROUP BY key
        """
    )
    lines, unreadable = database.row("SELECT count(*), count(*) FILTER (WHERE key IS NULL) FROM line")
    current, copies = database.row(
        """
        SELECT count(*), count(*) FILTER (WHERE kind = 'meeting') - count(DISTINCT key) FILTER (WHERE kind = 'meeting')
        FROM line JOIN latest USING (key, version)
        """
    )
    return lines, unreadable, lines - unreadable - current + copies


def _create_meetings(database: Database, selection: Selection, *, quality: bool) -> None:
    """One row per meeting of the selection. `number` orders them by their start."""
    names = [
        name for name in {**_MEETING, **(_MEETING_MORE if quality else {})} if name not in {"uuid", "host"}
    ]
    condition, values = selection.condition()
    database.run(
        f"""
        CREATE TABLE meeting AS
        WITH document AS (
          SELECT line.* FROM line JOIN latest USING (key, version) WHERE kind = 'meeting'
          QUALIFY row_number() OVER (PARTITION BY key ORDER BY hash(line)) = 1
        ),
        of_sessions AS (
          SELECT key, min(version) AS version, min(vendor) AS vendor, min(account) AS account, min(uuid) AS uuid, min(topic) AS topic,
                 min(host_email) AS host_email, min(coalesce(meeting_timestamp, "@timestamp")) AS began,
                 min(join_time) FILTER (WHERE stay IS DISTINCT FROM 'waiting_room') AS first_join,
                 max(leave_time) FILTER (WHERE stay IS DISTINCT FROM 'waiting_room') AS last_leave
          FROM line JOIN latest USING (key, version) WHERE kind = 'session' GROUP BY key
        ),
        joined AS (
          SELECT key, coalesce(document.version, of_sessions.version) % 10000000000000 AS harvested_ms,
                 coalesce(document.vendor, of_sessions.vendor) AS vendor,
                 coalesce(document.account, of_sessions.account) AS account,
                 coalesce(document.uuid, of_sessions.uuid) AS uuid,
                 coalesce(document.topic, of_sessions.topic) AS topic,
                 document.host.name AS host_name,
                 coalesce(document.host.email, of_sessions.host_email) AS host_email,
                 coalesce(start_time, scheduled_start_time, document."@timestamp", of_sessions.began) AS began,
                 first_join, last_leave,
                 {", ".join(f"document.{name}" for name in names)}
          FROM document FULL JOIN of_sessions USING (key)
        )
        SELECT row_number() OVER (ORDER BY began, vendor, account, uuid) AS number, *
        FROM joined WHERE {condition}
        """,
        values,
    )


def _create_sessions(database: Database, *, quality: bool) -> int:
    """The sessions of these meetings. Returns how many second copies were left out."""
    left_out = {"uuid", "key", "version", "kind", "meeting", "meeting_timestamp", "host_email", "topic"}
    more = {**_SESSION_MORE, **MEASURED, **SERIES} if quality else {}
    names = ", ".join(f"line.{name}" for name in {**_SESSION, **more} if name not in left_out)
    chosen = f"""
        SELECT meeting.number, line.document_id, {names}
        FROM line JOIN latest USING (key, version) JOIN meeting USING (key)
        WHERE line.kind = 'session'"""
    # A hash is quick to group by, and only says which ids to look at: they are then compared in full.
    database.run(
        """
        CREATE TABLE repeated AS
        SELECT hash(document_id) AS hashed FROM line
        WHERE kind = 'session' AND document_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1
        """
    )
    database.run(
        f"""
        CREATE TABLE session AS
        SELECT * FROM ({chosen} AND (document_id IS NULL OR hash(document_id) NOT IN (FROM repeated)))
        UNION ALL
        SELECT * FROM ({chosen} AND hash(document_id) IN (FROM repeated)
          QUALIFY row_number() OVER (PARTITION BY key, document_id ORDER BY hash(line)) = 1)
        """
    )
    (count,) = database.row(f"SELECT count(*) FROM ({chosen})")
    (kept,) = database.row("SELECT count(*) FROM session")
    database.run("DROP TABLE repeated")
    return int(count - kept)


def known_meetings(database: Database) -> set[str]:
    """The uuids and document ids of the meetings in the tables."""
    rows = database.rows("SELECT uuid, concat_ws(':', vendor, account, uuid) FROM meeting")
    return {name for row in rows for name in row}
