# make demo, make check, make test, make test-fleet, make soak, make bench. Each sets up .venv first and installs nothing elsewhere.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO_READY := .venv/.demo-ready
COMPILED := .venv/.compiled
GOALS = $(MAKECMDGOALS)
PIP := $(BIN)/pip
# Without bytecode of all packages: Python compiles the modules that it imports, which are few of them.
INSTALL := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
DEMO_ARGS ?=
AIRFLOW := .venv-airflow
AIRFLOW_READY := $(AIRFLOW)/.ready

# Keep compiled bytecode, even if a container image disables it: the tests start Python hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

# More processes than cores, since tests wait: tests/conftest.py and tests/e2e/conftest.py say how many. At most 4: the
# Elasticsearch nodes of the tests cannot serve more.
PYTEST := $(BIN)/pytest -q --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: help setup browser demo test all-tests test-fleet check lint types fast bench soak clean

help:
	@echo "make demo    harvest an invented organisation from simulated vendors and draw a report"
	@echo "make test    all tests, with real Elasticsearch 8 and 9 nodes (fetched if needed, and Java too)"
	@echo "make test-fleet   the DAG in contrib/airflow, with a real Airflow in an environment of its own"
	@echo "make check   format, lint, types, and all unit and contract tests but the slow ones"
	@echo "make soak    an hour of random kills, faults and property tests"
	@echo "make bench   benchmarks: requests, CPU and memory of a harvest; documents per second of a load; reports; a fleet"
	@echo "make setup   create .venv with all dependencies"

setup: $(READY)

$(PIP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; choose one: make PYTHON=python3.12 $(GOALS)" >&2; exit 1; }
	@echo "setting up .venv" >&2
	@$(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(READY): pyproject.toml constraints.txt | $(PIP)
	@$(INSTALL) -e '.[dev]'
	@touch $(READY) $(DEMO_READY)

$(DEMO_READY): pyproject.toml constraints.txt | $(PIP)
	@$(INSTALL) -e '.[demo,report]'
	@touch $(DEMO_READY)

# Writes documents to demo/documents.ndjson, and a report to demo/report.html. Installs no tools for tests: they take longer to
# install than the rest.
demo: $(DEMO_READY)
	@mkdir -p demo
	@$(BIN)/harvester demo --output demo/documents.ndjson $(DEMO_ARGS)
	@$(BIN)/harvester report demo/documents.ndjson --people show --title "Meetings of an invented organisation" \
	  -o demo/report.html
	@echo && echo "The report is in demo/report.html: open it in a browser, such as with xdg-open demo/report.html"

check: setup
	@$(MAKE) --no-print-directory --jobs lint types fast

lint: setup
	@$(BIN)/ruff format --check --quiet . || { echo "to format: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

types: setup
	@$(BIN)/mypy --no-error-summary

# Tests that start processes or take long are marked `slow`: only `make test` runs them.
fast: setup
	@$(PYTEST) -m 'not slow and not soak' tests/unit tests/contract

# Chromium for the tests of the report. On a machine without apt or the right to use it, those tests name what to install.
browser:
	@command -v chromedriver > /dev/null || [ -n "$$CHROMEDRIVER" ] || ! command -v apt-get > /dev/null || [ "$$(id -u)" -ne 0 ] \
	  || { echo "installing chromium" >&2; { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
	       --no-install-recommends chromium chromium-driver; } > /dev/null 2>&1 || true; }

test:
	@$(MAKE) --no-print-directory --jobs GOALS=test setup browser
	@$(MAKE) --no-print-directory --jobs lint types all-tests

# Once, beside the checks of types: processes that begin at the same time would each compile all the modules themselves.
$(COMPILED): $(READY)
	@$(BIN)/pytest -q --collect-only tests/unit tests/contract tests/e2e > /dev/null 2>&1 || true  # the tests name the error
	@touch $(COMPILED)

# In one run, so that the many fast tests fill the time in which end-to-end tests wait.
all-tests: setup browser $(COMPILED)
	@$(PYTEST) --hypothesis-profile thorough tests/unit tests/contract tests/e2e

$(AIRFLOW_READY): contrib/airflow/requirements.txt contrib/airflow/constraints.txt
	@echo "setting up $(AIRFLOW)" >&2
	@$(PYTHON) -m venv $(AIRFLOW)
	@PIP_CONSTRAINT=contrib/airflow/constraints.txt $(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r contrib/airflow/requirements.txt
	@touch $(AIRFLOW_READY)

# Airflow is large, and its requirements are not those of the harvester: .venv stays as it is.
test-fleet: setup $(AIRFLOW_READY)
	@TEST_AIRFLOW_BIN=$(AIRFLOW)/bin $(BIN)/pytest -q tests/fleet

soak: setup
	$(PYTEST) --hypothesis-profile soak -m hypothesis tests/unit
	$(BIN)/pytest -q -m soak tests/e2e

bench: setup
	$(BIN)/python -m benchmarks.harvest
	$(BIN)/python -m benchmarks.concurrent_accounts
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.report
	$(BIN)/python -m benchmarks.fleet

clean:
	rm -rf .venv $(AIRFLOW) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
