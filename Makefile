# Everything from a bare clone with Python 3.11+ and make. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
UV ?= uv
PYTEST_WORKERS ?= 3
BROWSER_WORKERS ?= 2
SCREENSHOTS ?= screenshots
BIN := .venv/bin

.PHONY: help demo test browser browser-demo browser-bank taps screenshots kill soak lint format bench docs lock wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not kill and not soak and not browser"

browser: browser-demo browser-bank ## a real Chromium on the demo and on small banks: the guided walk, every page, live parts

browser-demo: .venv
	$(BIN)/python -m pytest -n $(BROWSER_WORKERS) --dist loadfile --timeout 600 -m browser tests/browser $(addprefix --ignore ,$(OWN_LOOP))

browser-bank: .venv
	$(BIN)/python -m pytest -n $(BROWSER_WORKERS) --dist loadfile --timeout 600 -m browser $(OWN_LOOP)

# Their bank runs in the test's own event loop, which would not start where Playwright's of the others runs.
OWN_LOOP = $(shell grep -l 'http.conftest import bank' tests/browser/test_*.py)

taps: .venv ## count the taps and fields of each task of a customer; written to docs/results/taps.md and taps.json
	TAPS_WRITE=1 $(BIN)/python -m pytest --timeout 900 -m browser tests/browser/test_taps.py

screenshots: .venv ## a picture of every page, at phone and desktop width, light and dark, in SCREENSHOTS
	mkdir -p $(SCREENSHOTS)
	SCREENSHOTS_DIR=$(abspath $(SCREENSHOTS)) $(BIN)/python -m pytest --timeout 1800 -m browser tests/browser/test_every_page.py

kill: .venv ## SIGKILL of API, worker and PostgreSQL in the middle of traffic; the runbooks, followed word by word
	$(BIN)/python -m pytest -m kill

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

bench: .venv ## ledger and payments against their plain rivals, pages under traffic; one JSON document each
	$(BIN)/tongbao bench ledger --json
	$(BIN)/tongbao bench payments --json
	$(BIN)/tongbao bench pages --json
	$(BIN)/tongbao bench risk --json
	$(BIN)/tongbao bench vault --json

docs: .venv ## write docs/refusals.md and docs/openapi.json anew from the code
	$(BIN)/python -m tests.house.write_docs

lock: ## rewrite both requirement files from pyproject.toml (needs uv)
	$(UV) pip compile pyproject.toml --extra dev --extra risk $(LOCK) --output-file requirements-dev.txt
	printf 'hatchling\neditables\n' | $(UV) pip compile pyproject.toml - --constraint requirements-dev.txt $(LOCK) \
		--output-file requirements.txt

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

wheel: .venv ## the distribution, in dist/
	$(BIN)/hatchling build

clean: ## remove the environment and what tools left behind
	rm -rf .venv dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
