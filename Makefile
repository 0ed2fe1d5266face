# The one vocabulary of tasks; .ci/run and the pre-commit hooks call these and nothing else.
VENV := .venv
BIN := $(VENV)/bin
SYNCED := $(VENV)/.synced
UV_VERSION := 0.13.9
PYTHON ?= python3.11
PYTEST_ARGS ?=

# XGBoost's threads would spin while they wait for a core that others have.
export OMP_WAIT_POLICY ?= passive

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules
RIVALS := .venv-rivals

.PHONY: help setup demo stack stack-down querylog bench-isolation bench-offline bench-swaps test check format format-check lint types imports docs lock services rivals bench proof clean

# uv does not read pip's configuration: an index, a certificate or a time limit set for pip is handed on.
define as_pip
pip_option() { $(1) -m pip config list 2>/dev/null | sed -nE "s/^(global|install|:env:)\.$$1='(.*)'$$/\2/p" | tail -n 1; }; \
index=$${UV_DEFAULT_INDEX:-$$(pip_option index-url)}; \
cert=$${SSL_CERT_FILE:-$$(pip_option cert)}; \
if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi; \
if [ -n "$$cert" ]; then export SSL_CERT_FILE="$$cert"; fi; \
export UV_HTTP_TIMEOUT="$${UV_HTTP_TIMEOUT:-180}";
endef

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SYNCED) ## the environment in .venv, as locked in requirements/dev.txt
	@:

$(BIN)/uv:
	@python=; for candidate in "$(PYTHON)" python3 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "setup: Python 3.11 is needed; neither $(PYTHON) nor python3 is one. Name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "setup: creating $(VENV) with $$($$python --version)"; \
	"$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

$(SYNCED): requirements/dev.txt $(BIN)/uv
	@echo "setup: installing $$(grep -c '==' requirements/dev.txt) packages from requirements/dev.txt"
	@$(call as_pip,$(BIN)/python) $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@touch $@
	@echo "setup: done"

demo: setup ## the whole loop on the bundled query log: ingest, train, promote, serve, route, drift report
	@$(BIN)/python -m infra.local.demo

stack: setup ## the whole system on this host, supervised; a part of it with ONLY="trino serving"
	@exec $(BIN)/python -m infra.local.stack up --only "$(ONLY)"

stack-down: setup ## ends what make stack started; its data stay in var/stack
	@$(BIN)/python -m infra.local.stack down

querylog: setup ## a new real query log from two Trinos; MINUTES=10 SEED=1
	@$(BIN)/python -m benchmarks.workload.querylog --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

bench-isolation: setup ## light statements with and without routing, 5 pairs; BENCH_ARGS=--quick
	@$(BIN)/python -m benchmarks.isolation $(BENCH_ARGS)

bench-offline: setup ## training on a drawn log of 1.2 M rows: time, memory, statements a second; BENCH_ARGS="--rows 100000"
	@$(BIN)/python -m benchmarks.offline --keep $(BENCH_ARGS)

bench-swaps: setup ## 100 swaps of the model under load, 9 pairs of legs; BENCH_ARGS="--pairs 6 --seconds 5"
	@$(BIN)/python -m benchmarks.swaps $(BENCH_ARGS)

test: setup ## every test this machine can run; names what it cannot run, and why
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: format-check lint types imports docs ## format, lint, types, import contracts, docs parity

format-check: setup
	@echo "check: format"; $(BIN)/ruff format --check --quiet .

lint: setup
	@echo "check: lint"; $(BIN)/ruff check --quiet .

types: setup
	@echo "check: types"; $(BIN)/mypy .

imports: setup
	@echo "check: imports"; $(BIN)/lint-imports --no-logo

docs: setup
	@echo "check: docs and repository"; $(BIN)/python -m pytest --quiet tests/unit/test_documentation.py tests/unit/test_repository.py

format: setup ## rewrites the code in its format and fixes what lint can fix
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(BIN)/uv ## requirements/*.txt from pyproject.toml; new versions with LOCK_ARGS=--upgrade
	@$(call lock_one,serve,)
	@$(call lock_one,train,--group train)
	@$(call lock_one,dev,--group train --group dev)
	@$(call lock_from,requirements/rivals.in,rivals,)
	@if grep -nE '^-|https?:' requirements/*.txt; then echo "lock: a lock must name no index" >&2; exit 1; fi

lock_one = $(call lock_from,pyproject.toml,$(1),$(2))

define lock_from
echo "lock: requirements/$(2).txt"; $(call as_pip,$(BIN)/python) \
$(BIN)/uv pip compile --quiet $(1) $(3) --override requirements/overrides.txt --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header $(LOCK_ARGS) --output-file requirements/$(2).txt
endef

services: ## the servers that tests and the stack use: databases, Redis, S3, Trino, its gateway, monitoring, Chromium
	@infra/local/services.sh

rivals: $(RIVALS)/.synced ## the environment of the servers that make bench measures the router against
	@:

$(RIVALS)/.synced: requirements/rivals.txt $(BIN)/uv
	@echo "rivals: installing $$(grep -c '==' requirements/rivals.txt) packages from requirements/rivals.txt"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(RIVALS)
	@$(call as_pip,$(BIN)/python) $(BIN)/uv pip sync --quiet --python $(RIVALS)/bin/python --require-hashes requirements/rivals.txt
	@touch $@

bench: setup rivals ## the router over HTTP beside its rivals, the collector beside an empty sink: some 30 minutes
	@$(BIN)/python -m benchmarks.http --keep $(BENCH_ARGS)
	@$(BIN)/python -m benchmarks.event_sink

proof: setup ## the long proofs: certificates of 200 deployments, nights of the bundled log, every keyword, 1 M fuzzed requests, 1 M while stores go
	@$(BIN)/python -m benchmarks.certificate
	@$(BIN)/python -m benchmarks.nights
	@$(BIN)/python -m benchmarks.keywords
	@$(BIN)/python -m benchmarks.fuzz --requests 1000000 --seed $(or $(SEED),0) --state var/proof/fuzz.json
	@$(BIN)/python -m benchmarks.soak --requests 1000000

clean: ## removes the environment, caches and what the demo and the stack wrote
	@if [ -e var/stack/stack.json ]; then echo "clean: a stack runs: make stack-down first" >&2; exit 1; fi
	@rm -rf $(VENV) $(RIVALS) var/demo var/stack .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
