"""Harvests every account each night, and on demand the days from `from` to `to`, on the workers of Airflow 3.

Copy this file into Airflow's folder of DAGs. It starts the harvester as a program, so the harvester can have a Python environment
of its own. The environment of the workers sets FLEET_COMMAND, with general options such as --config, and FLEET_CHUNKS,
the number of tasks. docs/fleet.md says more.
"""

import json
import os
import shlex
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

HARVESTER = shlex.split(os.environ.get("FLEET_COMMAND", "harvester --config accounts.toml"))
CHUNKS = os.environ.get("FLEET_CHUNKS", "100")
NIGHT = timedelta(hours=20)  # what is due later is left to the next run
FINISHED = {0, 65}  # everything is stored, or is among the rejects
HOPELESS = {64, 70, 77, 78}  # usage, a bug, credentials, settings: a retry changes nothing


@task(retries=3, retry_delay=timedelta(minutes=1))
def chunks():
    words = ["accounts", "--chunks", CHUNKS, "--json"]
    printed = subprocess.run([*HARVESTER, *words], stdout=subprocess.PIPE).stdout
    return [accounts for accounts in json.loads(printed) if accounts]


@task(retries=10, retry_delay=timedelta(minutes=1))
def harvest(accounts):
    context = get_current_context()
    words = [*(f"--account={name}" for name in accounts), "--destination=index", "--state=index"]
    days = [f"--{end}={day}" for end, day in context["params"].items()]
    if days:
        words += [*days, "--for=50m"]  # so that the nightly run gets these accounts, too
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        words.append(f"--summary-json={summary}")
        code = subprocess.run([*HARVESTER, "all", *words], stderr=subprocess.STDOUT).returncode
        found = json.loads(summary.read_text()) if summary.exists() else {}
    # Before the exit code: an account that is refused must not stop the others of its chunk. What a backfill leaves pending is
    # read by the nightly run, so only the accounts that it did not finish count.
    unfinished = [each for each in found.get("vendors", []) if each["exit_code"] not in FINISHED]
    instants = [each.get("resume_at") for each in ((days and unfinished) or [found])]
    resume_at = min(map(datetime.fromisoformat, filter(None, instants)), default=None)
    if resume_at and (code not in FINISHED if days else resume_at < context["dag_run"].run_after + NIGHT):
        raise AirflowRescheduleException(resume_at)
    if code in HOPELESS:
        raise AirflowFailException(f"exit code {code}")
    if code not in FINISHED:
        raise AirflowException(f"exit code {code}: the next try resumes")


def harvests(dag_id, **settings):
    @dag(dag_id, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1, **settings)
    def flow():
        harvest.expand(accounts=chunks())

    return flow()


days = {end: Param(type="string", format="date") for end in ("from", "to")}
nightly = harvests("harvester", schedule="15 3 * * *")
backfill = harvests("harvester_backfill", schedule=None, params=days)
