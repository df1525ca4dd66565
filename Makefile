# Two commands for a new user, each doing all its own set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# The tests with a real database run again on the oldest supported major.
DATABASE_TESTS := tests/integration tests/migration tests/plans
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: demo test lint format docs clean

demo: $(VENV)/.installed-demo
	$(BIN)/vitrine demo

test: $(VENV)/.installed-test lint
	$(PYTEST)
	VITRINE_TEST_POSTGRES=16 $(PYTEST) --servers-only $(DATABASE_TESTS)
	$(BIN)/python -m benchmarks.filtered_search --quick

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-test
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) build dist src/*.egg-info demo-output

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Vitrine needs Python 3.11 or newer; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-demo: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing (PyTorch is large: a few minutes the first time)"
	$(INSTALL) -e '.[worker,embedded]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing (PyTorch is large: a few minutes the first time)"
	$(INSTALL) -e '.[worker,embedded,bench,test,lint]'
	@touch $@
