# Each habit is one command; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
#: What `make up` installs; the tests and checks take everything.
RUNTIME := api,demo,ingest,transcriber
#: Passed on to pytest: make test ARGS="-k seam"
ARGS ?=

# Programs out of wheels (ffmpeg, redis-server) are in .venv/bin; the system's own come first.
export PATH := $(PATH):$(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: help up down venv check format test test-python test-frontend test-long model docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## install what is missing, start every service on this machine, print the address
	@test -e $(VENV) || $(PYTHON) -m demo.ports
	@$(PYTHON) -m demo.install --extras $(RUNTIME)
	@exec $(BIN)/python -m demo.up

down: ## stop a running `make up`
	@test ! -x $(BIN)/python || $(BIN)/python -m demo.up --down

venv: ## make .venv with everything that development needs
	@$(PYTHON) -m demo.install

check: venv ## format, lint, types and import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: venv ## rewrite the sources as `make check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: test-python test-frontend ## install what tests need, run all but the long ones

test-python: venv
	@$(BIN)/python tests/system_packages.py
	@# Half of the time is waiting, for audio that comes as it is spoken: three files at once keep two cores busy. What
	@# fails while they share a busy machine has one more try, alone; failing twice is failing.
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS) || $(BIN)/python -m pytest --last-failed $(ARGS)

test-frontend:
	@if ! command -v node >/dev/null; then \
		echo "node is not installed: the tests of the page's modules are skipped"; test "$$CI" != true; \
	elif ls tests/frontend/*.test.* >/dev/null 2>&1; then \
		NODE_OPTIONS=--import=./tests/frontend/setup.js node --test tests/frontend/*.test.*; fi

test-long: venv ## the tests that take minutes
	@$(BIN)/python tests/system_packages.py
	$(BIN)/python -m pytest -m long $(ARGS)

model: venv ## rebuild the bundled model (hours on a CPU; a killed run resumes)
	$(BIN)/python -m demo.make_model

docs: venv ## renew docs/settings.md from the settings classes
	$(BIN)/python docs/make_settings.py
