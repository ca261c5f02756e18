"""`harvester forget`: removes a person from the index, the state and files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click

from connectors.exit_codes import ExitCode
from harvester.cli.confirmation import confirm
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import (
    AS_JSON,
    PATH,
    apply,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.echo import echo, echo_json
from harvester.cli.render.forget import forget_json, forget_lines, question
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind, is_shared, shared_state, shared_state_reader
from harvester.forgetting.person import Person
from harvester.forgetting.runner import Forgetting, Result
from harvester.forgetting.searched_places import FilePlace, IndexPlace, JournalPlace, Place, RejectsPlace
from harvester.forgetting.shared_state_place import SharedStatePlace
from harvester.formatting import plural
from harvester.privacy.forgotten_people import ForgottenList, Identifier, Kind
from harvester.state.layout import find_journals, find_rejects
from harvester.state.locks import run_lock
from harvester.state.rejects import Rejects, open_existing_rejects
from harvester.state.secrets_and_forgotten_people import PrivacyState
from harvester.state.shared.forgotten_lists import needs_key
from harvester.state.shared.reading import SharedStateReader

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples(
        "harvester forget --email ada@example.org --dry-run",
        "harvester forget --email ada@example.org --name 'Ada Example' documents.ndjson",
        "harvester forget --id u-4711 --anonymize --yes",
    )
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=PATH)
@click.option("--email", "emails", metavar="ADDRESS", multiple=True, help="E-mail address; may be repeated.")
@click.option(
    "--id", "ids", metavar="ID", multiple=True, help="The vendor's id of the person; may be repeated."
)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="Name; may be repeated. Everyone of that name is forgotten.",
)
@click.option(
    "--anonymize", is_flag=True, help="Keep the person's sessions, without what says whose they are."
)
@click.option("--dry-run", is_flag=True, help="Count what would be removed or blanked; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@apply([STATE, AS_JSON])
@elasticsearch_options
@general_options
@pass_env
def forget(
    env: RunEnvironment,
    files: tuple[Path, ...],
    *,
    state: StateKind | None,
    emails: tuple[str, ...],
    ids: tuple[str, ...],
    names: tuple[str, ...],
    anonymize: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove a person from the index, the rejects, the journals, and from FILES of NDJSON.

    The person's sessions are removed; as a host, and in titles and reasons, the person is blanked. Addresses and ids
    that documents link to the given ones are searched for as well. Later harvests and loads leave the person out: the
    state remembers salted hashes of the addresses, ids and names, and nothing else. With --state index, so do all other
    machines.

    Exits 65 if something of the person remains, such as a line of a file that is not a document.
    """
    identifiers = _identifiers(emails, ids, names)
    handle_signals(env)
    person = Person(
        identifiers=identifiers,
        action="anonymize" if anonymize else "remove",
        pseudonyms=env.treatment.pseudonyms,
    )
    is_index = is_shared(env, state)
    with shared_state(env, "dir" if dry_run else state):
        if env.shared is not None and not env.shared.has_key:
            raise needs_key()  # before anything is searched for nothing
        result = _find_and_forget(env, person, files, is_index=is_index, dry_run=dry_run, confirmed=yes)
    codes = [ExitCode.DATAERR] if result.left else []
    if result.held is not None:
        codes.append(ExitCode.TEMPFAIL)
    code = ExitCode.worst(codes)
    _show(result, code, identifiers, as_json=as_json)
    return code


def _find_and_forget(
    env: RunEnvironment,
    person: Person,
    files: tuple[Path, ...],
    *,
    is_index: bool,
    dry_run: bool,
    confirmed: bool,
) -> Result:
    with _places(env, files, is_index=is_index, locked=not dry_run) as places:
        forgetting = Forgetting(
            places=places,
            state=PrivacyState(env.state_folder),
            now=env.machine.now,
            share=env.shared.forgotten.add if env.shared is not None else _keep_here,
            stop=env.stop.check,
        )
        result = forgetting.find(person)
        if not dry_run:
            if not confirmed:
                _confirm(result)
            forgetting.forget(result)
    return result


def _keep_here(_remembered: ForgottenList) -> None:
    """No other machine uses the state."""


def _identifiers(
    emails: tuple[str, ...], ids: tuple[str, ...], names: tuple[str, ...]
) -> frozenset[Identifier]:
    given = frozenset(
        [
            *(Identifier(kind="email", text=text) for text in emails),
            *(Identifier(kind="id", text=text) for text in ids),
            *(Identifier(kind="name", text=text) for text in names),
        ]
    )
    if not given:
        raise click.UsageError("name the person with --email, --id or --name")
    for each in given:
        if not each.normalized or (each.kind == "email" and "@" not in each.text and "pii-" not in each.text):
            raise click.UsageError(f"--{each.kind} {each.text!r} is not a valid {_KIND_WORDS[each.kind]}")
    return given


_KIND_WORDS: Mapping[Kind, str] = {"email": "e-mail address", "id": "id", "name": "name"}


@contextmanager
def _places(
    env: RunEnvironment, files: tuple[Path, ...], *, is_index: bool, locked: bool
) -> Iterator[list[Place]]:
    """`is_index`: the state is in the index. `locked`: no run may write meanwhile. Raises AlreadyRunning if one does."""
    journals = find_journals(env.state_folder)
    with ExitStack() as stack:
        if locked:
            for journal in journals:
                stack.enter_context(run_lock(journal.run_lock_file))
        places: list[Place] = [FilePlace(file) for file in files]
        for folder in find_rejects(env.state_folder):
            open_ = Rejects if locked else open_existing_rejects
            rejects = stack.enter_context(closing(open_(folder, env.machine.now)))
            places.append(RejectsPlace(folder, rejects))
        if is_index:
            places.append(_shared_place(env, stack.enter_context(shared_state_reader(env))))
        if env.environment.get("ES_HOST"):
            places.append(stack.enter_context(_index(env)))
        else:
            logger.info("ES_HOST is not set: no index is searched")
        places += [JournalPlace(journal, env.privacy.sealer) for journal in journals]
        yield places


def _shared_place(env: RunEnvironment, reader: SharedStateReader) -> SharedStatePlace:
    config = elastic_config(env)
    name = f"{config.url}/{config.state_index}"
    return SharedStatePlace(name, reader, env.shared, env.privacy.sealer, env.machine.now)


@contextmanager
def _index(env: RunEnvironment) -> Iterator[IndexPlace]:
    from harvester.pipeline.destination import retry_policy
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.person_search import PersonSearch

    config = elastic_config(env)
    with closing(Client(config, env.machine.monotonic)) as client:
        retry = retry_policy(env.stop, env.machine)
        client.ping(retry)
        yield IndexPlace(config, PersonSearch(client, retry))


def _confirm(result: Result) -> None:
    for line in forget_lines(result):
        echo(line, err=True)
    confirm(question(result), refusal="refusing to remove a person without confirmation; pass --yes")


def _linked(given: frozenset[Identifier], found: frozenset[Identifier]) -> str:
    """How many of each kind were found beside those that were given, without naming any."""
    counts = Counter(each.kind for each in found - given)
    return ", ".join(plural(counts[kind], word) for kind, word in _KIND_WORDS.items() if counts[kind])


def _show(result: Result, code: int, given: frozenset[Identifier], *, as_json: bool) -> None:
    if as_json:
        echo_json(forget_json(result, code))
    else:
        for line in forget_lines(result):
            echo(line)
    if linked := _linked(given, result.person.identifiers):
        logger.info(f"also searched for, since documents link them to the person: {linked}")
    if result.held is not None:
        logger.error(
            "the person is left out from now on, but other machines harvest with state that was read before: run the same "
            "command again when they are done"
        )
    elif result.left:
        logger.error(
            f"still there: {result.left:,}. Correct by hand the lines that name the person and are not documents, and run the "
            "same command again"
        )
