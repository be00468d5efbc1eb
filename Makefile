# The verbs of sipedge. Each works as the first command in a fresh clone.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
BIN := .venv/bin

# What `make run` starts; `make run RUN="--config my.toml"` starts something else.
RUN ?= --config config/sipedge.toml --demo-data config/demo.toml
# Further arguments of pytest: `make test TESTS="tests/unit -x"`.
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run check test bench clean loadtest

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## .venv from the locked requirements, and the Debian packages the tests use
	@scripts/setup.sh

run: setup ## start the edge with config/sipedge.toml and the demo data on an empty database
	@exec $(BIN)/sipedge run $(RUN)

check: setup ## format, lint, types, import contracts
	@echo "  format" && $(BIN)/ruff format --quiet --check .
	@echo "  lint" && $(BIN)/ruff check --quiet .
	@echo "  types" && $(BIN)/mypy --no-error-summary
	@echo "  import contracts" && $(BIN)/lint-imports --no-logo

test: check ## everything check does, then every test
	@$(BIN)/pytest $(TESTS)

loadtest: setup ## SIPp through sipedge and Kamailio in turn, the table in loadtests/results
	@$(BIN)/python loadtests/run.py

bench: setup ## micro-benchmarks of the hot path
	@$(BIN)/python scripts/bench.py

clean: ## remove caches and what was built; keeps .venv and var
	@rm -rf build dist htmlcov .coverage* .mypy_cache .ruff_cache .pytest_cache \
	    .import_linter_cache .hypothesis *.egg-info
	@find sipedge tests loadtests scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null; true
