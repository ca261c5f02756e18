# The front door: make demo, make test, make check, make bench. Each sets up .venv first; nothing else is installed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO_ARGS ?=

# What was compiled once is kept, though containers like to forbid it: the tests start Python hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

# Every core, but no more processes than three Elasticsearch nodes can serve beside themselves.
PYTEST := $(BIN)/pytest -q --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: help setup demo test check lint types fast bench soak clean

help:
	@echo "make demo    harvest an invented organisation from simulated vendors, and look at what came of it"
	@echo "make test    every test, real Elasticsearch nodes included (fetches Elasticsearch, and Java if there is none)"
	@echo "make check   format, lint, types, unit and contract tests"
	@echo "make soak    an hour of kills and faults, and new examples for every property"
	@echo "make bench   the figures: requests, CPU and memory of a harvest; documents a second of a load"
	@echo "make setup   .venv with everything in it"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up .venv" >&2
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

# Documents to demo/documents.ndjson, or into the index where ES_HOST is set.
demo: setup
	@mkdir -p demo
	@if [ -n "$$ES_HOST" ]; then $(BIN)/harvester demo $(DEMO_ARGS); \
	  else $(BIN)/harvester demo --output demo/documents.ndjson $(DEMO_ARGS); fi

check: setup
	@$(MAKE) --no-print-directory --jobs lint types fast

lint: setup
	@$(BIN)/ruff format --check --quiet . || { echo "to format: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

types: setup
	@$(BIN)/mypy --no-error-summary

fast: setup
	@$(PYTEST) tests/unit tests/contract

test: check
	@$(PYTEST) --hypothesis-profile thorough -m hypothesis tests/unit
	@$(PYTEST) tests/e2e

soak: setup
	$(PYTEST) --hypothesis-profile soak -m hypothesis tests/unit
	$(BIN)/pytest -q -m soak tests/e2e

bench: setup
	$(BIN)/python -m benchmarks.harvest
	$(BIN)/python -m benchmarks.load

clean:
	rm -rf .venv demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
