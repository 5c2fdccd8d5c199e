# Everything from a bare clone with Python 3.11+ and make. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
UV ?= uv
PYTEST_WORKERS ?= 2
BIN := .venv/bin

.PHONY: help demo test kill soak lint format bench docs lock wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv: .venv/.stamp ## virtual environment with everything, from the lock with hashes

.venv/.stamp: pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Tongbao needs Python 3.11 or newer; set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: .venv ## a living bank on this machine; Ctrl-C stops it, a second start goes on
	$(BIN)/tongbao demo

test: .venv ## the fast tests, house rules included
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) -m "not kill and not soak"

kill: .venv ## SIGKILL of API, worker and PostgreSQL in the middle of traffic
	$(BIN)/python -m pytest -m kill tests/kill

soak: .venv ## long runs: memory, growth, drift
	$(BIN)/python -m pytest -m soak --timeout 7200

lint: .venv ## ruff, basedpyright, import-linter, squawk
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/squawk --config .squawk.toml migrations/*.sql

format: .venv ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv ## ledger and payments against their plain rivals, one JSON document each
	$(BIN)/tongbao bench ledger --json
	$(BIN)/tongbao bench payments --json

docs: .venv ## write docs/refusals.md and docs/openapi.json anew from the code
	$(BIN)/python -m tests.house.write_docs

lock: ## rewrite both requirement files from pyproject.toml (needs uv)
	$(UV) pip compile pyproject.toml --extra dev $(LOCK) --output-file requirements-dev.txt
	printf 'hatchling\neditables\n' | $(UV) pip compile pyproject.toml - --constraint requirements-dev.txt $(LOCK) \
		--output-file requirements.txt

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

wheel: .venv ## the distribution, in dist/
	$(BIN)/hatchling build

clean: ## remove the environment and what tools left behind
	rm -rf .venv dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
