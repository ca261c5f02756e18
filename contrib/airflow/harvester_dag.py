"""Harvests every account each night, and on demand the days from `from` to `to`, on the workers of Airflow 3.

Copy this file into Airflow's folder of DAGs. It starts the harvester as a program, so the harvester can have a Python environment
of its own. The environment of the workers sets HARVESTER_COMMAND, with the options that every run needs, and HARVESTER_CHUNKS,
the number of tasks.
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

HARVESTER = shlex.split(os.environ.get("HARVESTER_COMMAND", "harvester --config accounts.toml"))
CHUNKS = os.environ.get("HARVESTER_CHUNKS", "100")
FINISHED = {0, 65}  # everything is stored, or is among the rejects
HOPELESS = {64, 70, 77, 78}  # usage, a bug, credentials, settings: a retry changes nothing


@task(retries=3, retry_delay=timedelta(minutes=1))
def chunks():
    words = ["accounts", "--chunks", CHUNKS, "--json"]
    printed = subprocess.run([*HARVESTER, *words], stdout=subprocess.PIPE).stdout
    return [accounts for accounts in json.loads(printed) if accounts]


@task(retries=10, retry_delay=timedelta(minutes=1))
def harvest(accounts):
    params = get_current_context()["params"]
    words = [f"--account={name}" for name in accounts] + [f"--{end}={params[end]}" for end in params]
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        words += ["--destination=index", f"--summary-json={summary}"]
        code = subprocess.run([*HARVESTER, "all", *words], stderr=subprocess.STDOUT).returncode
        resume_at = json.loads(summary.read_text()).get("resume_at") if summary.exists() else None
    if resume_at:  # before the exit code: an account that is refused must not stop the others of its chunk
        raise AirflowRescheduleException(datetime.fromisoformat(resume_at))
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
