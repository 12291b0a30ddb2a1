# From nothing but Python (3.11 or newer), pip and make: every target sets up what it needs first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PYTEST_ARGS ?= -n auto

.PHONY: serve demo test proof contract peers coverage check format bench clean

# The environment is rebuilt when the project's dependencies change.
$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

$(VENV)/.check: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable . --group check
	touch $@ $(VENV)/.test

serve: $(VENV)/.run
	$(BIN)/carrot-mock serve $(ARGS)

demo: $(VENV)/.run
	$(BIN)/carrot-mock demo $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Twenty-five times the steps that the tests take; a failure prints the seed that brings it again.
proof: $(VENV)/.test
	CARROT_MOCK_STEPS=$${CARROT_MOCK_STEPS:-50000} $(BIN)/python -m pytest -q -rP $(PYTEST_ARGS) tests/test_proof.py

# The contract under generated cases, at length; `make test` has a few thousand of them.
contract: export CARROT_CONTRACT_CASES ?= 20000
contract: $(VENV)/.test
	$(BIN)/python -m pytest tests/test_contract_schemathesis.py $(PYTEST_ARGS) -rP

# The tools of others that judge the contract, for the tests that need them.
peers:
	PYTHON=$(PYTHON) tools/peers.sh

coverage: $(VENV)/.test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m openapi_spec_validator mock_server/openapi.yaml mock_server/control/openapi.yaml
	$(BIN)/python tools/compile_openapi.py --check
	$(BIN)/python tools/contract_diff.py --check
	@if command -v npx >/dev/null; then npx --yes @redocly/cli@2 lint; else echo "redocly lint left out: no npx here"; fi

format: $(VENV)/.check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) .peers .pytest_cache .mypy_cache .ruff_cache .coverage* dist
