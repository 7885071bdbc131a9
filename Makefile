# Every target makes the virtual environment that it needs; nothing has to be installed
# by hand but Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint docs bench clean

demo: $(VENV)/.installed-cli  ## Random rollouts, then an agent that learns CartPole.
	$(BIN)/python examples/demo.py

test: $(VENV)/.installed-dev  ## All tests.
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed-dev  ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(VENV)/.installed-dev  ## The documentation, into site/.
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-bench  ## Speed beside gymnax, in less than ten minutes.
	$(BIN)/python -m benchmarks --output benchmarks/results --minutes 9.3

clean:
	rm -rf $(VENV) site .jax_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[$*]"
	@touch $@
