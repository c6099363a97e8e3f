# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
#: Extras that `make up` installs; tests and checks need all of them.
RUNTIME := api,demo,ingest,transcriber
#: Arguments for pytest: make test ARGS="-k seam"
ARGS ?=

# Programs from wheels (ffmpeg, redis-server) are in .venv/bin; the system's own take precedence.
export PATH := $(PATH):$(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: help up transcribers down venv check format test test-python test-frontend test-long model docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## install what is missing, start all services on this machine, print the URL
	@test -e $(VENV) || $(PYTHON) -m demo.ports
	@$(PYTHON) -m demo.install --extras $(RUNTIME)
	@exec $(BIN)/python -m demo.up

transcribers: ## start only transcribers, for the system on another machine whose Redis is REDIS_URL
	@$(PYTHON) -m demo.install --extras demo,transcriber
	@exec $(BIN)/python -m demo.up --transcribers

down: ## stop a running `make up` or `make transcribers`
	@test ! -x $(BIN)/python || $(BIN)/python -m demo.up --down

venv: ## create .venv with everything needed for development
	@$(PYTHON) -m demo.install

check: venv ## check format, lint, types and import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: venv ## format the sources and fix lint errors
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: test-python test-frontend ## install test dependencies, run all tests but the long ones

test-python: venv
	@$(BIN)/python tests/system_packages.py
	@# Half of the time is spent waiting for real-time audio, so three files at once keep two cores busy. Tests that fail
	@# on the busy machine are run once more, alone.
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS) || $(BIN)/python -m pytest --last-failed $(ARGS)

test-frontend:
	@if ! command -v node >/dev/null; then \
		echo "node is not installed: skipping the frontend tests"; test "$$CI" != true; \
	elif ls tests/frontend/*.test.* >/dev/null 2>&1; then \
		NODE_OPTIONS=--import=./tests/frontend/setup.js node --test tests/frontend/*.test.*; fi

test-long: venv ## run the tests that take minutes
	@$(BIN)/python tests/system_packages.py
	$(BIN)/python -m pytest -m long $(ARGS)

model: venv ## rebuild the bundled model (hours on a CPU; a killed run resumes)
	$(BIN)/python -m demo.make_model

docs: venv ## regenerate docs/settings.md from the settings classes
	$(BIN)/python docs/make_settings.py
