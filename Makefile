# The two that matter: `make demo` and `make test`. Both set up .venv by themselves.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
ARGS   ?=

VENV := .venv
BIN  := $(VENV)/bin
UV   := $(BIN)/uv -q --system-certs
# Who tests with a broker mostly waits: hence three workers a core. A file is one worker's; tests/order.py says which is next.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder
LOCK := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --custom-compile-command 'make lock'

# What is imported is compiled once, also where the environment says otherwise: every process of a test imports it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test soak compiled hledger check format bench lock upgrade clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## a ledger at work, from an empty directory
	@$(BIN)/python -m ledger.demo $(ARGS)

test: setup hledger ## all checks, then all tests (ARGS="-k grace" for some of them)
	@$(MAKE) --no-print-directory -j2 check compiled
	$(PYTEST) $(ARGS)

soak: setup ## what is left to chance, fifteen times as often, for nights: histories, moments, kills
	PULSA_TEST_TIMES=15 $(PYTEST) -m chance $(ARGS)

check: setup ## lint, format, types, direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# By one process, beside the checks: who tests would compile all tests once each. What is wrong with one the tests say.
compiled: setup
	@$(BIN)/pytest --collect-only -qq >/dev/null 2>&1 || true

# It judges the export. Where it cannot be had, its test is skipped and says so: this never fails.
hledger:
	@command -v hledger >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
	  export DEBIAN_FRONTEND=noninteractive; \
	  timeout 300 apt-get update -qq; \
	  timeout 300 apt-get install -qq -y --no-install-recommends hledger; } >/dev/null 2>&1 || true

format: setup ## mend what can be mended
	$(BIN)/ruff check --fix-only --show-fixes
	$(BIN)/ruff format

bench: setup ## measure: commands, events, rebuilds per second
	@$(BIN)/python -m tests.bench $(ARGS)

lock: $(VENV)/packages ## bring the lock files into line with pyproject.toml
	$(LOCK) $(UPGRADE) pyproject.toml --extra local --extra pdf --group dev --output-file requirements.lock
	$(LOCK) $(UPGRADE) --group bootstrap --output-file requirements-bootstrap.lock
	$(LOCK) --constraint requirements.lock pyproject.toml --output-file docker/requirements.lock

upgrade: UPGRADE := --upgrade
upgrade: lock ## the same, with the newest versions

clean: ## forget .venv and all caches
	rm -rf $(VENV) build dist .*_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Compiled here: where a process may not write what it compiles, each one would compile all that it imports again.
setup: $(VENV)/project $(VENV)/compiled
	@$(BIN)/python -m compileall -q ledger projections

# The locked packages: uv is ten times as fast, but knows only its own settings; what it cannot
# reach, pip gets as this machine has it set up. Either way by hash.
$(VENV)/packages: requirements.lock requirements-bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	@echo 'Setting up $(VENV): some 200 MB of packages, once'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(UV) pip install --python $(VENV) --no-deps --compile-bytecode --require-hashes -r requirements.lock || { \
	  echo 'Again, with pip'; \
	  $(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock; }
	@touch $@

$(VENV)/compiled: $(VENV)/packages
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true # templates are no Python
	@touch $@

# This project itself, in place.
$(VENV)/project: $(VENV)/packages pyproject.toml
	@$(UV) pip install --python $(VENV) --no-deps --no-build-isolation --editable .
	@$(BIN)/uv pip check --python $(VENV) >$@.log 2>&1 || { cat $@.log; echo 'Run: make lock'; exit 1; }
	@touch $@
