"""The journal's tables, their migrations, and the statements that read and write them.

Instants are microseconds since 1970, UTC. Extras are words, separated by spaces, in the column `asked`. Names of tables
and columns are those of the first release: existing journals must open.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE intervals (
        start INTEGER NOT NULL, stop INTEGER NOT NULL, listed_at INTEGER NOT NULL, asked TEXT NOT NULL
    );
    CREATE TABLE meetings (
        uuid TEXT PRIMARY KEY,
        outcome TEXT NOT NULL,
        start INTEGER,
        digest TEXT NOT NULL,
        hint TEXT NOT NULL,
        asked TEXT NOT NULL,
        rank INTEGER,
        harvested_at INTEGER,
        due INTEGER,
        reason TEXT,
        attempts INTEGER NOT NULL,
        first_run INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX meetings_open ON meetings (uuid) WHERE outcome IN ('listed', 'pending', 'failed');
    CREATE TABLE skipped (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, reason TEXT NOT NULL,
        tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop)
    );
    CREATE TABLE readings (
        id INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        began INTEGER NOT NULL, finished INTEGER
    );
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER, what TEXT NOT NULL,
        exit_code INTEGER, summary TEXT
    )
    """,
    """
    CREATE TABLE left_out (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        reason TEXT NOT NULL, tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop, asked)
    );
    INSERT INTO left_out SELECT subject, start, stop, '', reason, tried_at FROM skipped;
    DROP TABLE skipped
    """,
    """
    CREATE TABLE given_up (uuid TEXT PRIMARY KEY, outcome TEXT NOT NULL, reason TEXT) WITHOUT ROWID;
    INSERT INTO given_up SELECT uuid, 'failed', NULL FROM meetings WHERE outcome = 'gone' AND reason = 'expired';
    INSERT INTO given_up SELECT uuid, 'listed', NULL FROM meetings WHERE outcome = 'done' AND reason IS NOT NULL;
    CREATE TABLE given_up_partitions (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        reason TEXT NOT NULL, tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop, asked)
    )
    """,
    """
    CREATE TABLE refused (
        subject TEXT PRIMARY KEY, reason TEXT NOT NULL, refused_at INTEGER NOT NULL, asked_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE sessions (uuid TEXT PRIMARY KEY, stored TEXT, doubted TEXT, doubted_since INTEGER) WITHOUT ROWID
    """,
    """
    DROP INDEX meetings_open;
    ALTER TABLE meetings RENAME TO meetings_by_uuid;
    CREATE TABLE meetings (
        uuid TEXT PRIMARY KEY NOT NULL,
        outcome TEXT NOT NULL,
        start INTEGER,
        digest TEXT NOT NULL,
        hint TEXT NOT NULL,
        asked TEXT NOT NULL,
        rank INTEGER,
        harvested_at INTEGER,
        due INTEGER,
        reason TEXT,
        attempts INTEGER NOT NULL,
        first_run INTEGER NOT NULL
    );
    INSERT INTO meetings SELECT * FROM meetings_by_uuid ORDER BY start, uuid;
    DROP TABLE meetings_by_uuid;
    CREATE INDEX meetings_open ON meetings (uuid) WHERE outcome IN ('listed', 'pending', 'failed');
    ALTER TABLE sessions RENAME TO sessions_by_uuid;
    CREATE TABLE sessions (
        uuid TEXT PRIMARY KEY NOT NULL, stored TEXT, doubted TEXT, doubted_since INTEGER
    );
    INSERT INTO sessions SELECT sessions_by_uuid.* FROM sessions_by_uuid LEFT JOIN meetings USING (uuid)
    ORDER BY start, uuid;
    DROP TABLE sessions_by_uuid
    """,
)
"""One script per schema version, oldest first. A released script never changes.

Since the sixth, meetings lie in the file in the order in which they were recorded. In the order of their uuids, each of one
commit was on another page, and a commit wrote twice as much.

`intervals`: listings that reached their last page. `meetings`: every meeting that was ever listed, with its outcome.
`left_out`: partitions that could not be listed. `refused`: partitions that the vendor refused for good. `given_up`,
`given_up_partitions`: what became too old for the vendor, as it was before, because the clock may have been wrong.
`readings`: forced runs. `sessions`: summaries of the sessions of each meeting, as stored and as read last if that was not
believed. `runs`: what each run was for and how it ended.
"""

# Questions

SELECT_FACT = "SELECT value FROM facts WHERE name = ?"
SELECT_RUNS = "SELECT id, began, ended, what, exit_code, summary FROM runs ORDER BY id DESC LIMIT ?"
SELECT_RUN_TIMES = "SELECT id, began, coalesce(ended, began) FROM runs WHERE id > ? ORDER BY id DESC"
SELECT_LISTINGS = "SELECT start, stop, listed_at, asked FROM intervals"
SELECT_FAILED_PARTITIONS = "SELECT * FROM left_out ORDER BY start, subject, asked"
SELECT_REFUSED_PARTITIONS = "SELECT * FROM refused ORDER BY subject"
SELECT_UNFINISHED_FORCED_RUN = """
    SELECT began FROM readings WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL
"""
SELECT_OPEN_PAGE = """
    SELECT * FROM meetings LEFT JOIN sessions USING (uuid)
    WHERE outcome IN ('listed', 'pending', 'failed') AND uuid > ? ORDER BY uuid LIMIT ?
"""
SELECT_GONE = "SELECT * FROM meetings WHERE outcome = 'gone' ORDER BY start DESC LIMIT ?"
SELECT_STORED_REFS = "SELECT uuid, hint FROM meetings WHERE rank IS NOT NULL AND start >= ? AND start < ?"
SELECT_STORED_UUIDS = """
    SELECT uuid FROM meetings WHERE rank IS NOT NULL AND outcome <> 'gone' AND start >= ? AND start < ? ORDER BY uuid
"""


def select_meetings(count: int) -> str:
    """The statement that reads this many meetings by their uuids."""
    return f"SELECT * FROM meetings LEFT JOIN sessions USING (uuid) WHERE uuid IN ({', '.join('?' * count)})"  # noqa: S608  # question marks


COUNT_OUTCOMES = "SELECT outcome, count(*) FROM meetings GROUP BY outcome"
COUNT_UNFINISHED = """
    SELECT outcome, count(*) FROM meetings WHERE outcome IN ('listed', 'pending', 'failed') GROUP BY outcome
"""
SELECT_NEXT_DUE = """
    SELECT min(due) FROM meetings
    WHERE outcome IN ('listed', 'pending', 'failed') AND outcome = 'pending' AND due > ?
"""
COUNT_GONE = "SELECT reason, count(*) FROM meetings WHERE outcome = 'gone' GROUP BY reason"
COUNT_FINISHED = """
    SELECT count(*) FROM meetings WHERE start >= ? AND start < ? AND outcome IN ('done', 'pending', 'gone')
"""

# Changes

SET_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
DELETE_OLD_RUNS = "DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?"
BEGIN_RUN = "INSERT INTO runs (began, what) VALUES (?, ?)"
END_RUN = "UPDATE runs SET ended = ?, exit_code = ?, summary = ? WHERE id = ?"
BEGIN_FORCED_RUN = "INSERT INTO readings (start, stop, asked, began) VALUES (?, ?, ?, ?)"
FINISH_FORCED_RUN = """
    UPDATE readings SET finished = ? WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL
"""
DELETE_OLDER_LISTINGS = (
    "DELETE FROM intervals WHERE asked = ? AND start >= ? AND stop <= ? AND listed_at <= ?"
)
ADD_LISTING = "INSERT INTO intervals VALUES (?, ?, ?, ?)"
ADD_FAILED = """
    INSERT INTO left_out VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at, reason = excluded.reason
"""
CLEAR_FAILED = "DELETE FROM left_out WHERE subject = ? AND start = ? AND stop = ? AND asked = ?"
ADD_REFUSED = """
    INSERT INTO refused VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at, reason = excluded.reason
"""
CLEAR_REFUSED = "DELETE FROM refused WHERE subject = ?"
RECORD_INTENT = """
    INSERT INTO meetings VALUES (?, 'listed', ?, ?, ?, ?, NULL, NULL, NULL, NULL, 0, ?)
    ON CONFLICT DO UPDATE SET outcome = 'listed', start = excluded.start, hint = excluded.hint, asked = excluded.asked
"""
MARK_STORED = """
    UPDATE meetings SET outcome = ?, digest = ?, rank = ?, harvested_at = ?, due = ?, reason = ?, attempts = 0
    WHERE uuid = ?
"""
SET_SESSIONS = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)"
SET_DOUBT = """
    INSERT INTO sessions VALUES (?, NULL, ?, ?)
    ON CONFLICT DO UPDATE SET doubted = excluded.doubted, doubted_since = excluded.doubted_since
"""
KEEP = "UPDATE meetings SET outcome = ?, digest = ?, due = ?, reason = ?, attempts = 0 WHERE uuid = ?"
SET_OUTCOME = """
    UPDATE meetings SET outcome = ?, digest = ?, due = ?, reason = ?, attempts = attempts + 1 WHERE uuid = ?
"""
MARK_REPLACED = "UPDATE meetings SET outcome = 'gone', due = NULL, rank = NULL, reason = ? WHERE uuid = ?"
EXPIRE_STORED = """
    UPDATE meetings SET outcome = 'done', due = NULL
    WHERE rank IS NOT NULL AND outcome IN ('listed', 'pending', 'failed')
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) < ?
"""
EXPIRE_REST = """
    UPDATE meetings SET outcome = 'gone', due = NULL, reason = ?
    WHERE outcome IN ('listed', 'pending', 'failed')
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) < ?
"""
EXPIRE_FAILED_PARTITIONS = "DELETE FROM left_out WHERE stop < ?"
REMEMBER_GIVEN_UP = """
    INSERT OR REPLACE INTO given_up SELECT uuid, outcome, reason FROM meetings
    WHERE outcome IN ('listed', 'pending', 'failed')
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) < ?
"""
REMEMBER_GIVEN_UP_PARTITIONS = (
    "INSERT OR REPLACE INTO given_up_partitions SELECT * FROM left_out WHERE stop < ?"
)
TAKE_BACK_GIVEN_UP = """
    UPDATE meetings SET due = NULL,
    outcome = (SELECT outcome FROM given_up WHERE given_up.uuid = meetings.uuid),
    reason = (SELECT reason FROM given_up WHERE given_up.uuid = meetings.uuid)
    WHERE uuid IN (SELECT uuid FROM given_up) AND (outcome = 'done' OR (outcome = 'gone' AND reason = 'expired'))
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) >= ?
"""
FORGET_TAKEN_BACK = """
    DELETE FROM given_up WHERE uuid IN (
        SELECT uuid FROM meetings WHERE uuid IN (SELECT uuid FROM given_up)
        AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) >= ?
    )
"""
TAKE_BACK_PARTITIONS = "INSERT OR IGNORE INTO left_out SELECT * FROM given_up_partitions WHERE stop >= ?"
FORGET_TAKEN_BACK_PARTITIONS = "DELETE FROM given_up_partitions WHERE stop >= ?"

# What was lost with its index

UNDO_STORED = """
    UPDATE meetings SET outcome = 'failed', rank = NULL, harvested_at = NULL, due = NULL, reason = ?, attempts = 0
    WHERE rank IS NOT NULL AND outcome <> 'gone'
"""
UNDO_STORED_BETWEEN = UNDO_STORED + " AND (start IS NULL OR (start >= ? AND start < ?))"

# What a clock that was ahead has recorded

FORGET_FUTURE_LISTINGS = "DELETE FROM intervals WHERE listed_at > ?"
FORGET_LISTINGS_BETWEEN = "DELETE FROM intervals WHERE listed_at BETWEEN ? AND ?"
FORGET_LISTINGS_BEFORE = "DELETE FROM intervals WHERE stop <= ?"
SHORTEN_LISTINGS_BEFORE = "UPDATE intervals SET start = ? WHERE start < ?"
FORGET_FUTURE_DUE = "UPDATE meetings SET due = NULL WHERE outcome = 'pending' AND due > ?"
READ_AGAIN_BETWEEN = """
    UPDATE meetings SET outcome = 'listed', due = NULL
    WHERE rank IS NOT NULL AND outcome IN ('done', 'pending', 'failed') AND harvested_at BETWEEN ? AND ?
"""
FORGET_FUTURE_TRIES = "UPDATE left_out SET tried_at = 0 WHERE tried_at > ?"
FORGET_FUTURE_FORCED_RUNS = "DELETE FROM readings WHERE began > ? AND finished IS NULL"
