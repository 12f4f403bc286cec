# Everything runs in .venv, which the first target that needs it creates. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One worker more than cores: the longest tests wait for processes most of their time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: help demo dev test check coverage bench soak soak-simulation soak-chats soak-kills soak-hosts soak-http diagrams tables pictures format lock lock-peers clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once, a minute or two) ..."
	@# The lock names every package with its hashes; --no-deps, because older pips stumble over extras in hash mode.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## Run the whole flow on sample data, with nothing else installed
	@$(BIN)/livedash demo

dev: $(STAMP) ## Keep the Dagster UI up at http://127.0.0.1:3000
	@$(BIN)/livedash dev

test: $(STAMP) ## Run all tests
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal -q

check: $(STAMP) ## Lint, types, SQL, layering, branches of rules and Dagster's definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar sql/statements
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(MAKE) --no-print-directory coverage
	home=$$(mktemp -d) && DAGSTER_HOME=$$home DAGSTER_DISABLE_TELEMETRY=1 VIRTUAL_ENV=$(abspath $(VENV)) PATH=$(abspath $(BIN)):$$PATH $(BIN)/dg check defs; status=$$?; rm -rf $$home; exit $$status

coverage: $(STAMP) ## Fail where the tests of rules leave out a branch of a rule
	data=$$(mktemp -d) && export COVERAGE_FILE=$$data/coverage && $(BIN)/coverage run -m pytest -qq -r fE --hypothesis-profile examples tests/*/rules && $(BIN)/coverage report; status=$$?; rm -rf $$data; exit $$status

bench: $(STAMP) ## Measure speed and memory as ratios: SIZE=100k, ONLY=import for one of them, CHARTS=docs/images for charts
	@$(BIN)/python -m tests.benchmarks --size $(or $(SIZE),100k) $(if $(ONLY),--only $(ONLY)) $(if $(CHARTS),--charts $(CHARTS))

soak: soak-simulation soak-chats soak-kills soak-hosts soak-http ## Run the long suites

soak-simulation: $(STAMP) ## Run SCHEDULES=10000 simulated schedules, from SEED=0 on, and take safeguards away one by one
	@$(BIN)/python -m tests.simulation --schedules $(or $(SCHEDULES),10000) --processes 2 --seed-from $(or $(SEED),0) --mutations
	@$(BIN)/python -m tests.simulation --schedules $(or $(SECOND_KIND),500) --processes 2 --seed-from $(or $(SEED),0) --second-kind

soak-chats: $(STAMP) ## Run SCHEDULES=2000 simulated schedules of chat batches, take safeguards away, and kill workers over ITEMS=5000
	@$(BIN)/python -m tests.chats.simulation --schedules $(or $(SCHEDULES),2000) --processes 2 --seed-from $(or $(SEED),0) --mutations
	@$(BIN)/python -m tests.chats.kills --items $(or $(ITEMS),5000) --seed $(or $(SEED),0)

soak-kills: $(STAMP) ## Run ROUNDS=50 rounds of real commands that are killed, with the server and Postgres, from SEED=0 on
	@$(BIN)/python -m tests.kills --rounds $(or $(ROUNDS),50) --seed-from $(or $(SEED),0)

soak-hosts: $(STAMP) ## Run ROUNDS=20 rounds on hosts of their own (network namespaces, as root) that die, from SEED=0 on, and one without giving up
	@$(BIN)/python -m tests.hosts --rounds $(or $(ROUNDS),20) --seed-from $(or $(SEED),0)
	@$(BIN)/python -m tests.hosts --without-giving-up --engine code-servers

soak-http: $(STAMP) ## Send CASES=5000 good and bad calls to every route of the HTTP API, from SEED=0 on
	@$(BIN)/python -m tests.api.soak --cases $(or $(CASES),5000) --seed $(or $(SEED),0)

diagrams: $(STAMP) ## Draw the state diagrams of docs/data-model.md from base/rules/states.py
	@$(BIN)/python -m tests.state_diagrams

tables: $(STAMP) ## Write docs/tables.md from the comments in base/store/tables
	@$(BIN)/python -m tests.column_pages

pictures: $(STAMP) ## Take the pictures for README and docs, of the demo's data (needs Chromium): ONLY=console or ONLY=dagster for some of them
	@$(BIN)/python -m tests.pictures $(ONLY)

format: $(STAMP) ## Format Python
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: ## Resolve the dependencies anew (needs uv)
	$(LOCK) --group dev pyproject.toml --output-file requirements.lock
	@# What the image holds: the same versions without the tools, and with every extra.
	$(LOCK) --constraint requirements.lock --all-extras pyproject.toml --output-file deploy/requirements.lock
	$(LOCK) --constraint requirements.lock --group pyproject.toml:build --output-file deploy/build.lock

# One lock for each peer of `make bench ONLY=peers`: their requirements contradict ours and each other's.
lock-peers: $(STAMP) ## Resolve the peers of the benchmark anew (needs uv)
	@$(BIN)/python -m tests.benchmarks.peer_programs | while read -r name requirement; do \
		echo "$$requirement" | tr ' ' '\n' | $(LOCK) - --output-file tests/benchmarks/peers/$$name.lock || exit 1; \
	done

clean: ## Remove the virtual environment and caches (not LIVEDASH_HOME)
	rm -rf $(VENV) .bench-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
