"""Who was there, and for how long: the view `stay`, the table `attended`, and rows to print.

The rows of a meeting are exactly its `participants`, and their seconds add up to its `participant_seconds`: people are
distinguished by `connectors.attendance.PERSON_FIELDS`, the time of two sessions at once counts once, and waiting rooms do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.models import Detail
from harvester.analysis import safe_csv
from harvester.analysis.aliases import Alias, AliasTable
from harvester.analysis.document_tables import VERSION_RANK
from harvester.analysis.duckdb_database import Database
from harvester.analysis.roster import Expected, Roster

By = Literal["meeting", "person", "series"]
EXPECTED = "expected"
"""The last column, if there is a roster: whether the person is on it."""
_TEXTS = frozenset({"vendor", "account", "meeting", "topic", "name", "email", "person_id"})
"""Columns with texts from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How long a person must have been in a meeting to count as present."""

    percent: float | None = None
    minutes: float | None = None

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """From `50%` or `20m`. Raises ValueError."""
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(%|m|min)", text.strip())
        if found is None or (found[2] == "%" and float(found[1]) > 100):
            raise ValueError("write a share of the meeting like 50%, or minutes like 20m")
        value = float(found[1])
        return cls(percent=value) if found[2] == "%" else cls(minutes=value)

    def condition(self) -> str:
        """In SQL over `seconds` and `length` of `attended`; NULL if it is not known."""
        if self.percent is not None:
            return f"seconds * 100 >= {float(self.percent)!r} * length"
        if self.minutes is not None:
            return f"seconds >= {float(self.minutes) * 60!r}"
        return "sessions > 0"


def create_attendance(
    database: Database,
    *,
    zone: str,
    by: By,
    threshold: Threshold,
    aliases: Sequence[Alias] = (),
    roster: Sequence[Expected] | None = None,
) -> None:
    """The table `attended`: one row per meeting and person, and one for everyone on the roster who was not there.

    `by`: with `person` and `series`, people are distinguished as they are across meetings.
    """
    for macro in safe_csv.SQL_MACROS:
        database.run(macro)
    create_time_macros(database, zone)
    _create_known(database, aliases, roster)
    _create_stays(database)
    if by != "meeting":
        name_across_meetings(database)
        database.run(
            """
            CREATE TABLE stay_across AS
            SELECT stay.* REPLACE (named.whole AS person) FROM stay JOIN named USING (number, person)
            """
        )
    _create_attended(database, "stay" if by == "meeting" else "stay_across", threshold)


def create_time_macros(database: Database, zone: str) -> None:
    """`local`: the time on the wall; `ahead`: its minutes ahead of UTC; `iso`: both as text."""
    quoted = zone.replace("'", "''")
    database.run(f"SET VARIABLE zone = '{quoted}'")
    database.run("CREATE MACRO local(instant) AS timezone(getvariable('zone'), instant)")
    database.run(
        "CREATE MACRO ahead(instant) AS date_diff('minute', timezone('UTC', instant), local(instant))"
    )
    offset = """
        CASE WHEN ahead(instant) < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(ahead(instant)) // 60 AS VARCHAR), 2, '0')
        || ':' || lpad(CAST(abs(ahead(instant)) % 60 AS VARCHAR), 2, '0')"""
    if zone == "UTC":  # the default, and the offset would take twice the time of everything else
        offset = "'+00:00'"
    database.run(f"CREATE MACRO iso(instant) AS strftime(local(instant), '%Y-%m-%dT%H:%M:%S') || {offset}")


def _create_known(database: Database, aliases: Sequence[Alias], roster: Sequence[Expected] | None) -> None:
    """The tables `roster` and `known`: the alias and the place on the roster of each participant who has one."""
    database.run("CREATE TABLE roster (place INTEGER, email VARCHAR, name VARCHAR)")
    database.run(
        "CREATE TABLE known (user_name VARCHAR, email VARCHAR, id VARCHAR, alias VARCHAR, place INTEGER)"
    )
    expected = Roster(roster or ())
    database.insert("roster", [(place, p.email, p.name) for place, p in enumerate(expected.people)])
    if not aliases and not expected.people:
        return
    triples = database.rows("SELECT DISTINCT user_name, email, id FROM session ORDER BY ALL")
    known = [(name, email, vendor_id) for name, email, vendor_id in triples]
    persons = AliasTable(aliases).resolve(known)
    places = expected.resolve(known, persons)
    database.insert(
        "known",
        [(*each, persons.get(each), places.get(each)) for each in known if each in persons or each in places],
    )


def _create_stays(database: Database) -> None:
    """The view `stay`: sessions outside of waiting rooms, with the person of the meeting."""
    (some,) = database.row("SELECT count(*) FROM known")
    joined = "LEFT JOIN known ON " + " AND ".join(
        f"known.{name} IS NOT DISTINCT FROM session.{name}" for name in ("user_name", "email", "id")
    )
    database.run(
        f"""
        CREATE {"TABLE" if some else "VIEW"} stay AS
        SELECT number, session.user_name, session.email, session.id, join_time, leave_time,
               {"alias, place" if some else "NULL::VARCHAR AS alias, NULL::INTEGER AS place"},
               {"CASE WHEN alias IS NOT NULL THEN 'alias' || chr(31) || alias ELSE person END AS person" if some else "person"}
        FROM session {joined if some else ""}
        WHERE stay IS DISTINCT FROM 'waiting_room'
        """
    )


def name_across_meetings(database: Database) -> None:
    """The table `named`: the person of a meeting, as across meetings by roster, alias, e-mail, the vendor's id or name.

    The e-mail of one session counts for the others with the same person in the meeting, or with the same id.
    """
    _create_named(
        database,
        """
        SELECT number, person, min(place) AS place, min(alias) AS alias, min(lower(email)) AS email, min(id) AS id,
               min(user_name) AS name
        FROM stay GROUP BY number, person""",
    )


def name_attended_across_meetings(database: Database) -> None:
    """The same, if `attended` has a row per meeting and person, without aliases and roster: it need not be grouped again."""
    _create_named(
        database,
        """
        SELECT number, person, NULL AS place, NULL AS alias, lower(email) AS email, person_id AS id, name FROM attended""",
    )


def _create_named(database: Database, here: str) -> None:
    database.run(
        f"""
        CREATE TABLE named AS
        WITH here AS ({here}),
        address AS (
          SELECT vendor, account, id, min(email) AS email
          FROM here JOIN meeting USING (number) WHERE id IS NOT NULL AND email IS NOT NULL GROUP BY ALL
        )
        SELECT number, person,
               CASE WHEN place IS NOT NULL THEN concat_ws(chr(31), 'roster', place)
                    WHEN alias IS NOT NULL THEN concat_ws(chr(31), 'alias', alias)
                    WHEN coalesce(here.email, address.email) IS NOT NULL
                    THEN concat_ws(chr(31), 'email', coalesce(here.email, address.email))
                    WHEN id IS NOT NULL THEN concat_ws(chr(31), 'id', vendor, account, id)
                    WHEN name IS NOT NULL THEN concat_ws(chr(31), 'name', lower(name))
                    ELSE concat_ws(chr(31), 'meeting', number, person) END AS whole
        FROM here JOIN meeting USING (number) LEFT JOIN address USING (vendor, account, id)
        """
    )


def _create_attended(database: Database, stays: str, threshold: Threshold) -> None:
    """One row per meeting and person of the table `stays`. `seconds` is NULL if no session has both ends."""
    database.run(
        f"""
        CREATE TABLE attended AS
        WITH {_present(stays)},
        absent AS (
          SELECT meeting.number, concat_ws(chr(31), 'roster', roster.place) AS person, NULL AS alias, roster.place, 0 AS sessions,
                 NULL AS user_name, NULL AS email, NULL AS id, NULL AS first_join, NULL AS last_leave, 0 AS seconds
          FROM meeting CROSS JOIN roster ANTI JOIN present ON present.number = meeting.number AND present.place = roster.place
        ),
        everyone AS (FROM present UNION ALL BY NAME FROM absent),
        held AS (
          SELECT number, epoch(coalesce(
            CASE WHEN end_time >= start_time THEN end_time - start_time END,
            CASE WHEN duration > 0 THEN to_microseconds(CAST(duration * 1000000 AS BIGINT)) END,
            CASE WHEN last_leave >= first_join THEN last_leave - first_join END)) AS length
          FROM meeting
        )
        SELECT number, person, place, sessions, first_join, last_leave, CAST(seconds AS BIGINT) AS seconds,
               nullif(length, 0) AS length, id AS person_id,
               coalesce(CASE WHEN alias IS NOT NULL AND NOT contains(alias, '@') THEN alias END, roster.name, user_name) AS name,
               coalesce(CASE WHEN contains(alias, '@') THEN lower(alias) END, everyone.email, roster.email) AS email,
               {threshold.condition()} AS present
        FROM everyone JOIN held USING (number) LEFT JOIN roster USING (place)
        """
    )


def _present(stays: str) -> str:
    """SQL of `present`: a row for each person who came. Only the sessions of people with several of them need care."""
    return f"""
        again AS (SELECT number, person FROM {stays} GROUP BY ALL HAVING count(*) > 1),
        once AS (
          SELECT number, person, alias, place, 1 AS sessions, user_name, email, id, join_time AS first_join,
                 leave_time AS last_leave,
                 CASE WHEN join_time <= leave_time THEN (epoch_us(leave_time) - epoch_us(join_time)) // 1000000 END AS seconds
          FROM {stays} ANTI JOIN again USING (number, person)
        ),
        piece AS (
          SELECT *, max(CASE WHEN join_time <= leave_time THEN leave_time END) OVER (
                   PARTITION BY number, person ORDER BY join_time, leave_time
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
          FROM {stays} SEMI JOIN again USING (number, person)
        ),
        repeatedly AS (
          SELECT number, person, min(alias) AS alias, min(place) AS place, count(*) AS sessions,
                 arg_min(user_name, struct_pack(moment := coalesce(join_time, leave_time), name := user_name)) AS user_name,
                 arg_min(email, struct_pack(plain := lower(email), email := email)) AS email, min(id) AS id, min(join_time) AS first_join, max(leave_time) AS last_leave,
                 sum(greatest(0, epoch_us(leave_time) - epoch_us(greatest(join_time, coalesce(reached, join_time)))))
                   FILTER (WHERE join_time <= leave_time) // 1000000 AS seconds
          FROM piece GROUP BY number, person
        ),
        present AS (FROM once UNION ALL BY NAME FROM repeatedly)"""


_MINUTES = "round(seconds / 60, 1)"


def _share(seconds: str, length: str) -> str:
    """Percent, at most 100: a person can come before a meeting begins. DuckDB's `least` would make 100 of NULL."""
    percent = f"({seconds}) * 100 / ({length})"
    return f"round(CASE WHEN {percent} > 100 THEN 100 ELSE {percent} END, 1)"


def _yes_no(condition: str) -> str:
    return f"CASE {condition} WHEN true THEN 'yes' WHEN false THEN 'no' END"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Rows to print: the expression of each column, and what orders them."""

    of_meeting: Mapping[str, str] = field(default_factory=dict)
    """The first columns, over the table `meeting`: they are computed once for all its people."""
    of_person: Mapping[str, str]
    source: str
    """Joined with `head`, which has the columns of the meeting."""
    order: Sequence[str]

    @property
    def columns(self) -> Sequence[str]:
        return (*self.of_meeting, *self.of_person)

    def rows(self, database: Database) -> Iterator[tuple[Any, ...]]:
        names = [f'"{name}"' for name in self.columns]
        return database.stream(self._sql(_aliased(self.of_meeting), _aliased(self.of_person), names))

    def csv_lines(self, database: Database) -> Iterator[str]:
        """The rows as lines of CSV; `safe_csv.SQL_MACROS` must exist."""
        head = [f"concat({_csv_cells(self.of_meeting)}, ',') AS line"] if self.of_meeting else []
        line = (
            f"concat({'head.line, ' if head else ''}{_csv_cells(self.of_person)}, chr(13), chr(10)) AS line"
        )
        return (line for (line,) in database.stream(self._sql(head, [line], ["line"])))

    def _sql(self, head: Sequence[str], columns: Sequence[str], names: Sequence[str]) -> str:
        keys = [f"{expression} AS key{place}" for place, expression in enumerate(self.order)]
        of_head = [name for name in names if name.strip('"') in self.of_meeting]
        return f"""
            WITH head AS (SELECT {", ".join(["number", *head])} FROM meeting)
            SELECT {", ".join(names)} FROM (SELECT {", ".join([*of_head, *columns, *keys])} FROM {self.source})
            ORDER BY {", ".join(f"key{place} NULLS LAST" for place in range(len(keys)))}
            """


def _aliased(columns: Mapping[str, str]) -> list[str]:
    return [f'{expression} AS "{name}"' for name, expression in columns.items()]


def _csv_cells(columns: Mapping[str, str]) -> str:
    """Only texts from outside need care, and care takes time."""
    return ", ',', ".join(
        f"csv_cell({expression})" if name in _TEXTS else f"coalesce(CAST({expression} AS VARCHAR), '')"
        for name, expression in columns.items()
    )


def by_meeting(*, roster: bool) -> Query:
    """A row per meeting and person."""
    columns = {
        "name": "name",
        "email": "email",
        "person_id": "person_id",
        "first_join": "iso(first_join)",
        "last_leave": "iso(last_leave)",
        "minutes": _MINUTES,
        "share": _share("seconds", "length"),
        "sessions": "sessions",
        "present": _yes_no("present"),
    }
    if roster:
        columns[EXPECTED] = _yes_no("place IS NOT NULL")
    return Query(
        of_meeting={
            "vendor": "vendor",
            "account": "account",
            "meeting": "uuid",
            "topic": "topic",
            "start": "iso(began)",
        },
        of_person=columns,
        source="attended JOIN head USING (number)",
        order=("number", "attended.first_join", "name", "email", "person"),
    )


def by_person(*, roster: bool) -> Query:
    """A row per person. `share` is that of the meetings which the person attended."""
    attended = "FILTER (WHERE sessions > 0)"
    timed = "FILTER (WHERE sessions > 0 AND seconds IS NOT NULL AND length IS NOT NULL)"
    columns = {
        "name": "arg_max(name, number)",
        "email": "min(email)",
        "person_id": "min(person_id)",
        "meetings": f"count(*) {attended}",
        # Unknown if no time of a meeting that the person attended is known; 0 for a person of the roster who never came.
        "present": f"CASE WHEN count(present) {attended} > 0 OR count(*) {attended} = 0 THEN count(*) FILTER (WHERE present) END",
        "minutes": f"round(sum(seconds) {attended} / 60, 1)",
        "share": _share(f"sum(seconds) {timed}", f"sum(length) {timed}"),
        "first_join": "iso(min(first_join))",
        "last_leave": "iso(max(last_leave))",
    }
    if roster:
        columns[EXPECTED] = _yes_no("bool_or(place IS NOT NULL)")
    return Query(
        of_person=columns,
        source="attended GROUP BY person",
        order=("lower(trim(coalesce(arg_max(name, number), min(email))))", "min(email)", "person"),
    )


def query(by: Literal["meeting", "person"], *, roster: bool) -> Query:
    return by_meeting(roster=roster) if by == "meeting" else by_person(roster=roster)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    meetings: int
    rows: int
    people: int
    """Distinct values of `person`: across meetings unless the rows are by meeting."""
    seconds: int | None
    untimed: Mapping[str, tuple[int, int]]
    """Of each vendor with people whose time is not known: how many of its rows have none, and how many rows it has. People
    who had not left yet are not among them."""
    still_there: int = 0
    """Rows of people who had not left yet when their meeting was harvested, so that their time is not known."""


def totals(database: Database) -> Totals:
    meetings, rows, people, seconds = database.row(
        "SELECT (SELECT count(*) FROM meeting), count(*), count(DISTINCT person), sum(seconds) FROM attended"
    )
    untimed = database.rows(
        f"""
        WITH of_person AS (
          SELECT vendor, seconds IS NULL AS is_untimed,
                 version // {VERSION_RANK} = {Detail.live.value} AND attended.first_join IS NOT NULL AND attended.last_leave IS NULL AS is_there
          FROM attended JOIN meeting USING (number)
        )
        SELECT vendor, count(*) FILTER (WHERE is_untimed AND NOT is_there), count(*) FILTER (WHERE NOT is_there),
               count(*) FILTER (WHERE is_there)
        FROM of_person GROUP BY vendor HAVING bool_or(is_untimed) ORDER BY vendor
        """
    )
    return Totals(
        meetings=meetings,
        rows=rows,
        people=people,
        seconds=seconds,
        untimed={vendor: (without, of_vendor) for vendor, without, of_vendor, _ in untimed if without},
        still_there=sum(there for *_, there in untimed),
    )
