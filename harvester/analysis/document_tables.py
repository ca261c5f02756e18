"""Documents as tables of DuckDB: `meeting` and `session`, each thing once; for the report also `booking` and `conference`.

- A meeting is read as often as it was harvested; its newest and richest version counts, with the sessions of that same
  version. Sessions that only an older version has are stale and left out, as in the index.
- A document that is there twice counts once.
- A meeting of which only sessions are known gets a row of what they repeat of it.
- A line that is not a document is counted. A field of a wrong type is absent.
- Bookings of rooms are documents of their own kind; `attendance` passes over them.

With `quality`, a session has the measures that rate it, and the table `line` stays: `session.row` is the line with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.attendance import PERSON_FIELDS
from connectors.models import Detail
from connectors.quality import SERIES_MEASURES, STREAMS
from harvester.analysis.booking_tables import BOOKING_FIELDS, create_bookings
from harvester.analysis.document_source import Source
from harvester.analysis.duckdb_database import Database
from harvester.analysis.selection import Selection

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


def _worse(measure: str) -> str:
    """The worse direction of the sound; that of the picture if nothing of the sound was measured."""
    of = {stream: f"quality.{stream}.{measure}.mean" for stream in STREAMS}
    any_audio = " OR ".join(
        f"quality.{stream}.{each}.mean IS NOT NULL"
        for stream in ("audio_in", "audio_out")
        for each in SERIES_MEASURES
    )
    return (
        f"CASE WHEN {any_audio} THEN greatest({of['audio_in']}, {of['audio_out']}) "
        f"ELSE greatest({of['video_in']}, {of['video_out']}) END"
    )


_RATED = {
    **{measure: _worse(measure) for measure in SERIES_MEASURES},
    "has_series": f"coalesce({', '.join(SERIES.values())}) IS NOT NULL",
}
"""What rates a session."""

_COMBINED = frozenset(
    {"kind", "detail", "harvested_at", "account", "uuid", "meeting", "@timestamp", "meeting_timestamp"}
)
"""Fields that `line` holds under another name, or as a part of another column."""
_KEY = "vendor, account, uuid"
VERSION_RANK = 10_000_000_000_000
"""`version` is the value of `Detail` times this, plus `harvested_at` in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was in the source."""

    lines: int
    unreadable: int
    """Lines that are not a meeting or session of a vendor, nor a booking of a room."""
    superseded: int
    """Documents of older versions, and second copies."""
    meetings: int
    sessions: int
    """What the selection has of both."""
    bookings: int = 0
    """Bookings of rooms, whatever the selection; not counted for `attendance`."""


def read_documents(database: Database, source: Source, selection: Selection, *, quality: bool) -> Read:
    """Fill the tables. `quality`: with what the report needs of a session beyond who it was, and when."""
    with source() as paths:
        _read_lines(database, paths, quality=quality)
    lines, unreadable, superseded = _create_latest(database)
    _create_meetings(database, selection, quality=quality)
    superseded += _create_sessions(database, quality=quality)
    bookings = 0
    if quality:
        bookings, copies = create_bookings(database, selection)
        superseded += copies
    database.run("DROP TABLE latest")
    if not quality:
        database.run("DROP TABLE line")
    meetings, sessions = database.row("SELECT (SELECT count(*) FROM meeting), (SELECT count(*) FROM session)")
    return Read(
        lines=lines,
        unreadable=unreadable,
        superseded=superseded,
        meetings=meetings,
        sessions=sessions,
        bookings=bookings,
    )


def _read_lines(database: Database, paths: Sequence[str], *, quality: bool) -> None:
    """Every line of the source, in the columns that are used. `is_meeting` is NULL if a line is not a document."""
    more = {**_MEETING_MORE, **_SESSION_MORE, **BOOKING_FIELDS} if quality else {}
    plain = {**_BOTH, **_MEETING, **_SESSION, **more}
    read = {**plain, **({"quality": _QUALITY} if quality else {})}
    measured = {**MEASURED, **SERIES, **_RATED} if quality else {}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in read.items())
    kept = [f'"{name}"' for name in plain if name not in _COMBINED]
    kept += [f"{expression} AS {name}" for name, expression in measured.items()]
    database.run(
        f"""
        CREATE TABLE line AS
        SELECT CASE WHEN vendor IS NULL THEN NULL WHEN kind = 'meeting' AND uuid IS NOT NULL THEN true
                    WHEN kind = 'session' AND meeting IS NOT NULL THEN false END AS is_meeting,
               coalesce(kind = 'booking' AND document_id IS NOT NULL AND start_time < end_time, false) AS is_booking,
               coalesce(account, '') AS account,
               CASE kind WHEN 'session' THEN meeting ELSE uuid END AS uuid,
               coalesce(CASE detail {_ranks()} END, 0) * {VERSION_RANK} + coalesce(epoch_ms(harvested_at), 0) AS version,
               CASE kind WHEN 'session' THEN coalesce(meeting_timestamp, "@timestamp") ELSE "@timestamp" END AS stamp,
               {", ".join(kept)}
        FROM read_json(?, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})
        """,
        [list(paths)],
    )


def _ranks() -> str:
    return " ".join(f"WHEN '{detail.name}' THEN {detail.value}" for detail in Detail)


def _create_latest(database: Database) -> tuple[int, int, int]:
    """The version of each meeting that counts. Returns the lines, those that are not documents, and the superseded ones."""
    database.run(
        f"""
        CREATE TABLE latest AS
        SELECT {_KEY}, version, count(*) FILTER (WHERE is_meeting) AS documents, count(*) AS lines,
               min(stamp) FILTER (WHERE NOT is_meeting) AS began,
               min(join_time) FILTER (WHERE stay IS DISTINCT FROM 'waiting_room') AS first_join,
               max(leave_time) FILTER (WHERE stay IS DISTINCT FROM 'waiting_room') AS last_leave
        FROM line WHERE is_meeting IS NOT NULL GROUP BY {_KEY}, version
        QUALIFY row_number() OVER (PARTITION BY {_KEY} ORDER BY version DESC) = 1
        """
    )
    lines, bookings, unreadable = database.row(
        "SELECT count(*), count(*) FILTER (WHERE is_booking), count(*) FILTER (WHERE is_meeting IS NULL AND NOT is_booking) FROM line"
    )
    (current,) = database.row(
        "SELECT coalesce(sum(lines - greatest(0, documents - 1)), 0)::BIGINT FROM latest"
    )
    return lines, unreadable, lines - unreadable - bookings - current


def _create_meetings(database: Database, selection: Selection, *, quality: bool) -> None:
    """One row per meeting of the selection. `number` orders them by their start."""
    names = [
        name for name in {**_MEETING, **(_MEETING_MORE if quality else {})} if name not in {"uuid", "host"}
    ]
    condition, values = selection.condition()
    several, none = database.row("SELECT bool_or(documents > 1), bool_or(documents = 0) FROM latest")
    once = f"""
          UNION ALL
          SELECT line.* FROM line JOIN latest USING ({_KEY}, version) WHERE is_meeting AND documents > 1
          QUALIFY row_number() OVER (PARTITION BY {_KEY} ORDER BY hash(line)) = 1"""
    database.run(
        f"""
        CREATE TABLE meeting AS
        WITH document AS (
          SELECT line.* FROM line JOIN latest USING ({_KEY}, version) WHERE is_meeting AND documents = 1
          {once if several else ""}
        ),
        of_sessions AS (
          SELECT {_KEY}, min(topic) AS topic, min(host_email) AS host_email
          FROM line JOIN latest USING ({_KEY}, version) WHERE NOT is_meeting AND documents = 0 AND {bool(none)} GROUP BY ALL
        ),
        joined AS (
          SELECT vendor, nullif(account, '') AS account, uuid, latest.version, latest.version % {VERSION_RANK} AS harvested_ms,
                 coalesce(document.topic, of_sessions.topic) AS topic,
                 document.host.name AS host_name,
                 coalesce(document.host.email, of_sessions.host_email) AS host_email,
                 coalesce(start_time, scheduled_start_time, document.stamp, latest.began) AS began,
                 latest.first_join, latest.last_leave,
                 {", ".join(f"document.{name}" for name in names)}
          FROM latest LEFT JOIN document USING ({_KEY}) LEFT JOIN of_sessions USING ({_KEY})
        )
        SELECT row_number() OVER (ORDER BY began, vendor, account, uuid) AS number, *
        FROM joined WHERE {condition}
        """,
        values,
    )


def _create_sessions(database: Database, *, quality: bool) -> int:
    """The sessions of these meetings. Returns how many second copies were left out."""
    names = ", ".join(f"line.{name}" for name in _SESSION if name not in _COMBINED and name != "host_email")
    if quality:
        names += "".join(f", line.{name}" for name in (*_SESSION_MORE, *_RATED))
    person = " ".join(f"WHEN {name} IS NOT NULL THEN '{name}' || chr(31) || {name}" for name in PERSON_FIELDS)
    chosen = f"""
        SELECT meeting.number, {names},
               CASE {person} ELSE 'session' || chr(31) || coalesce(document_id, CAST(line.rowid AS VARCHAR)) END AS person,
               line.rowid AS row
        FROM line JOIN meeting ON line.uuid = meeting.uuid AND line.version = meeting.version
          AND line.vendor = meeting.vendor AND line.account = coalesce(meeting.account, '')
        WHERE NOT is_meeting"""
    # A hash is quick to group by, and only says which ids to look at: they are then compared in full.
    database.run(
        """
        CREATE TABLE repeated AS
        SELECT hash(document_id) AS hashed FROM line
        WHERE NOT is_meeting AND document_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1
        """
    )
    (repeated,) = database.row("SELECT count(*) FROM repeated")
    if not repeated:
        database.run(f"CREATE TABLE session AS {chosen}")
        database.run("DROP TABLE repeated")
        return 0
    database.run(
        f"""
        CREATE TABLE session AS
        SELECT * FROM ({chosen} AND (document_id IS NULL OR hash(document_id) NOT IN (FROM repeated)))
        UNION ALL
        SELECT * FROM ({chosen} AND hash(document_id) IN (FROM repeated)
          QUALIFY row_number() OVER (PARTITION BY number, document_id ORDER BY hash(line)) = 1)
        """
    )
    (copies,) = database.row(
        f"""
        SELECT count(*) - count(DISTINCT (number, document_id))
        FROM ({chosen.replace("SELECT", "SELECT document_id,", 1)} AND hash(document_id) IN (FROM repeated))
        """
    )
    database.run("DROP TABLE repeated")
    return int(copies)


def known_meetings(database: Database) -> set[str]:
    """The uuids and document ids of the meetings in the tables."""
    rows = database.rows("SELECT uuid, concat_ws(':', vendor, account, uuid) FROM meeting")
    return {name for row in rows for name in row}
