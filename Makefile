# Every target makes the virtual environment that it needs; nothing has to be installed
# by hand but Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: help demo test test-quick test-exhaustive test-optimized test-x64 test-trained test-site test-browser test-interop test-accelerators test-versions lint format docs bench clean

help:  ## This list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-cli  ## Random rollouts, then an agent that learns CartPole.
	$(BIN)/python examples/demo.py

test: $(VENV)/.installed-dev  ## The tests; what takes longer is in the next targets.
	$(PYTEST) -m "not exhaustive and not browser and not trained and not interop and not accelerators and not site"

test-quick: $(VENV)/.installed-dev  ## The quick tests, in a few minutes.
	$(PYTEST) -m quick

test-optimized: $(VENV)/.installed-dev  ## Exactness as users compile it, fully optimized.
	XLA_FLAGS=--xla_cpu_multi_thread_eigen=false $(PYTEST) tests/environments tests/test_recorded.py \
		tests/test_gymnax_departures.py tests/test_random.py tests/test_threefry.py

test-exhaustive: $(VENV)/.installed-dev  ## Every picture, and every wrapper around every kind of environment.
	$(PYTEST) -m exhaustive

test-x64: $(VENV)/.installed-dev  ## The quick tests, conformance and pictures with 64-bit numbers.
	JAX_ENABLE_X64=1 $(PYTEST) -m "quick or conformance or exhaustive and not slow"

test-trained: $(VENV)/.installed-dev  ## Each algorithm solves a task, from several seeds.
	$(PYTEST) -m trained

test-site: $(VENV)/.installed-dev  ## The documentation builds; links, anchors, no other host.
	$(BIN)/python -m pytest -m "site and not browser"

test-browser: $(VENV)/.installed-dev  ## Pages in Chromium; skipped without it.
	$(BIN)/python -m pytest -m browser -rs

test-interop:  ## The packages that there are adapters for, in .interop/.
	PYTHON=$(PYTHON) bash tests/interop/run.sh

test-accelerators:  ## What compiles for a GPU and a TPU, without one, in .accelerators/.
	PYTHON=$(PYTHON) bash tests/accelerators/run.sh

test-versions:  ## The quick tests with the oldest packages, and on Python 3.12 and 3.13.
	bash tests/versions.sh

lint: $(VENV)/.installed-dev  ## Check style, types, and that everything is described.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python docs/_hooks/complete.py

format: $(VENV)/.installed-dev  ## Format the code, and mend what ruff can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev  ## The documentation, into site/.
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-bench  ## Speed beside gymnax, in less than ten minutes.
	$(BIN)/python -m benchmarks --output benchmarks/results --minutes 9.3

clean:  ## Remove everything that was made here.
	rm -rf $(VENV) .versions .interop .accelerators site .jax_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[$*]"
	@touch $@
