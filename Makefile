# Two commands on a fresh machine: `make demo` and `make test`. Both need Python 3.11 or newer, and make.
PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test docs paper check lint types contracts tests format clean

help:
	@echo "make demo    create $(VENV), install, generate conformers of a few drugs"
	@echo "make test    create $(VENV), install the tested set, run lint, types, import contracts and all tests"
	@echo "make docs    build the documentation into build/site, broken links are errors"
	@echo "make paper   make the pictures and tables of docs/paper again"
	@echo "make format  let ruff rewrite the sources"
	@echo "make clean   remove environments, caches and build products"

demo: $(VENV)/.installed
	$(BIN)/quotient demo

test: $(VENV)/.installed-test
	$(MAKE) check

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

paper: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python docs/paper/make.py

# The parts of `make test`, in an environment that is there already.
check: lint types contracts tests

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/basedpyright --pythonpath $(BIN)/python

contracts:
	$(BIN)/lint-imports

# One thread a worker: the workers share the cores. Each begins with half of the files, and what is idle takes over.
tests:
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --hypothesis-profile=ci --durations=40

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[test,protein,evaluation,cluster,mutation,native]'
	@touch $@

$(VENV)/.installed-docs: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@
