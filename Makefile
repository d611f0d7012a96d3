# The front door. Every target is a line that could be typed by hand; `make` alone lists them.
#
#   make paper                      the main job, on a simulated market, offline
#   make paper DATA=<folder>        the same on recorded candles
#   make paper SPEED=60             sixty times real time instead of as fast as it goes
#   make setup PYTHON=<python>      an interpreter of your choice

BIN := .venv/bin
FOLDERS := contracts hotpath services strategies
COMPILED := pyproject.toml setup.py $(wildcard hotpath/engine/*.py $(foreach folder,hotpath/compiled hotpath/engine strategies/compiled,$(folder)/*.pyx $(folder)/*.pxd))
PYTEST := $(BIN)/pytest
# Test files run side by side, each file in one process, because fixtures start servers per file.
JOBS ?= 2
PARALLEL := -n $(JOBS) --dist loadfile
PEERS := $(patsubst requirements/peers-%.txt,.venv/peers/%/installed,$(wildcard requirements/peers-*.txt))
SERVERLESS := tests/architecture tests/unit tests/property tests/oracle tests/parity tests/golden

.PHONY: help setup check format test quick parity soak coverage sim paper peers bench lock pages up down clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/compiled  ## make .venv, install the pinned packages, compile the hot path; instant when done

.venv/installed: requirements/dev.txt
	python=$$(PYTHON='$(PYTHON)' infra/find-python) && "$$python" -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv/compiled: .venv/installed $(COMPILED)
	@command -v $${CC:-cc} >/dev/null || { echo "The hot path is compiled and there is no C compiler. Install gcc or clang (Debian: apt-get install gcc libc6-dev), then run make again." >&2; exit 1; }
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q $(FOLDERS)
	@touch $@

check: setup  ## lint, formatting, types, import rules, the generated C of the hot path
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p live_runner
	$(BIN)/mypy tests
	$(BIN)/lint-imports
	$(PYTEST) -q -n 0 tests/architecture/test_hot_path.py

format: setup  ## put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup  ## every test; TIMESCALE_DSN names a TimescaleDB for those that need one
	$(PYTEST) $(PARALLEL) --ignore=tests/bench --ignore=tests/soak $(ARGS)

quick: setup  ## the tests that start no server
	$(PYTEST) $(PARALLEL) $(SERVERLESS) $(ARGS)

parity: setup  ## compiled against reference, and the quick tests on the reference
	$(PYTEST) $(PARALLEL) tests/parity $(ARGS)
	LIVE_RUNNER_HOTPATH=reference $(PYTEST) $(PARALLEL) $(SERVERLESS) $(ARGS)

soak: setup  ## what takes too long for every change: every process killed at every point of a session, new draws, the whole model check
	$(PYTEST) -n $(JOBS) tests/soak $(ARGS)
	LIVE_RUNNER_DRAWS=new $(PYTEST) -n $(JOBS) tests/property $(ARGS)
	$(BIN)/python -m tests.model 8

coverage: .venv/coverage  ## which lines of the engine the unit and property tests run, interpreted and compiled; 95 % or more
	$(BIN)/python -m tests.engine_coverage $(ARGS)

.venv/coverage: requirements/coverage.txt | setup
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/coverage.txt
	@touch $@

sim: setup  ## whole sessions on a log in memory, from one SEED
	LIVE_RUNNER_TEST_SEED=$(or $(SEED),20240229) $(PYTEST) tests/simulation $(ARGS)

paper: setup  ## a paper session of each strategy, its replay and its comparison with the backtest
	$(BIN)/live-runner paper --home .paper $(if $(DATA),--data "$(DATA)") $(if $(SPEED),--speed $(SPEED)) $(ARGS)

peers: setup $(PEERS)  ## the engines that the bench compares with, each in an environment of its own (2 GB)

.venv/peers/%/installed: requirements/peers-%.txt | .venv/installed
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: setup  ## the table of speeds, each beside its floor of the same run; QUICK=1 for a look
	$(BIN)/python -m compileall -q $(FOLDERS)
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(ARGS)

lock: setup  ## resolve the packages anew (in an environment of the oldest Python)
	infra/lock-requirements

pages: setup  ## make the pages anew that are made from the code: docs/client_ids.md, codes.md, events.md, order_life.svg
	$(BIN)/python -m tests.pages

up: ## the whole paper stack in containers, when it is healthy
	docker compose up --detach --build --wait

down: ## stop the stack and delete its data
	docker compose down --volumes --remove-orphans

clean: ## everything that make made
	rm -rf .venv .paper build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find hotpath strategies \( -name '*.so' -o -name '*.c' -o -name interface.pxi \) -delete
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
