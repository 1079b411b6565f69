# Every target sets up what it needs: a fresh clone and Python 3.11 or newer are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CODE := codat relay receiver workers scheduler portal cli sandbox tests bench examples docs

# Many tests wait, so three processes keep two cores busy. A file's tests stay in one process: they
# share its server and its browser. Files begin in their order: those that wait longest come first.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run install dev test test-fast check format docs bench chaos failovers proofs week freeze comeback zones hunt fuzz lock clean

# Programs are called by the interpreter: the first line of pip's scripts breaks at quotes and $$ in a path.
RUN := $(BIN)/python -P -m

run: install  ## install and start everything on one port
	@$(RUN) cli up

install: $(VENV)/.installed  ## what running needs, and nothing else

dev: $(VENV)/.installed-dev  ## what tests and checks need besides

test: dev  ## all tests; those that need what the machine lacks skip and say so
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-fast: dev  ## tests/unit alone: no server, no browser
	@$(BIN)/python -m pytest tests/unit $(PARALLEL) $(ARGS)

check: dev  ## format, lint, types
	@$(RUN) ruff format --check $(CODE)
	@$(RUN) ruff check $(CODE)
	@$(RUN) mypy

format: dev  ## rewrite to the project's format
	@$(RUN) ruff format $(CODE)
	@$(RUN) ruff check --fix $(CODE)

docs: dev  ## write the pages of docs/ that are made from the code
	@$(BIN)/python -m docs.generate

bench: dev  ## measure against the naive way, in one run; writes bench/results/
	@$(BIN)/python -m bench $(ARGS)

chaos: dev  ## kills and restarts under load, longer than the test suite does
	@RELAY_CHAOS_ROUNDS=$${RELAY_CHAOS_ROUNDS:-10} $(BIN)/python -m pytest tests/processes/test_chaos.py $(ARGS)

failovers: dev  ## twenty fail-overs behind Sentinel under load; writes bench/results/failover.md
	@RELAY_FAILOVERS=$${RELAY_FAILOVERS:-20} $(BIN)/python -m pytest tests/processes/test_failover.py $(ARGS)

proofs: dev  ## faults and missed webhooks for 10,000 companies, a replay of 10,000 messages; half an hour or so
	@RELAY_PROOF_MESSAGES=$${RELAY_PROOF_MESSAGES:-10000} $(BIN)/python -m pytest -rP --show-capture=stdout tests/server/test_replay.py -k mended $(ARGS)
	@RELAY_PROOF_COMPANIES=$${RELAY_PROOF_COMPANIES:-10000} $(BIN)/python -m pytest -s tests/processes/test_faults_at_scale.py tests/processes/test_reconcile_at_scale.py $(ARGS)

week: dev  ## a week in five minutes, with schedulers frozen and killed, among two and among five
	@RELAY_WEEK_SECONDS=$${RELAY_WEEK_SECONDS:-300} RELAY_WEEK_COMPANIES=$${RELAY_WEEK_COMPANIES:-3} \
		$(BIN)/python -m pytest -rP --show-capture=stdout tests/processes/test_dispatch.py -k week $(ARGS)

freeze: dev  ## a scheduler frozen for five minutes and woken, among two and among five
	@RELAY_FREEZE_SECONDS=$${RELAY_FREEZE_SECONDS:-300} $(BIN)/python -m pytest -rP --show-capture=stdout tests/processes/test_frozen.py $(ARGS)

comeback: dev  ## two days without a scheduler, then two: 200 companies, within few calls a minute
	@RELAY_COMEBACK_COMPANIES=$${RELAY_COMEBACK_COMPANIES:-200} RELAY_COMEBACK_SCALE=$${RELAY_COMEBACK_SCALE:-0.333} \
		RELAY_COMEBACK_CALLS_PER_MINUTE=$${RELAY_COMEBACK_CALLS_PER_MINUTE:-40} $(BIN)/python -m pytest -rP --show-capture=stdout tests/server/test_comeback.py $(ARGS)

zones: dev  ## schedules of every cadence in every zone over ten years, ten minutes or so
	@RELAY_ALL_ZONES=1 $(BIN)/python -m pytest -rP --show-capture=stdout tests/unit/test_zones.py $(ARGS)

hunt: dev  ## property tests on thousands of new examples each, ten minutes or so
	@RELAY_HUNT=$${RELAY_HUNT:-2000} $(BIN)/python -m pytest --timeout=1200 $$(grep -rl '^from hypothesis import given' tests) $(ARGS)

fuzz: dev  ## our API asked for three minutes with each role, by its own description
	@RELAY_FUZZ_SECONDS=$${RELAY_FUZZ_SECONDS:-180} $(BIN)/python -m pytest --timeout=1200 tests/server/test_openapi.py -k whatever_is_asked $(ARGS)

lock: dev  ## renew both lock files within the bounds of pyproject.toml
	@$(RUN) uv pip compile pyproject.toml --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra embedded --group build -o requirements.lock $(ARGS)
	@$(RUN) uv pip compile pyproject.toml --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra dev --group build -c requirements.lock -o requirements-dev.lock $(ARGS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "codat-relay needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv. Where the path has a colon in it: make VENV=/another/place ..."; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing (once) ..."
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what tests and checks need (once) ..."
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

clean:  ## remove the virtual environment; keeps .relay/, where the data is
	rm -rf $(VENV)
