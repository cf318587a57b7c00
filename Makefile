# make demo: fit and test on the built-in simulated study.  make test: run the tests.  Both install what they need, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RECIPE := configs/meg_contrastive.yaml

.PHONY: demo test test-all test-fast lint types bench mutate docs release

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'n2s needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[sim,align,romanise,braindecode,icalabel,dev,docs]"
	$(BIN)/python -c "import torch, torchaudio"
	touch $@

demo: .venv/.installed
	$(BIN)/n2s fit --config $(RECIPE)
	$(BIN)/n2s test --config $(RECIPE)

test: .venv/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-all: .venv/.installed
	N2S_FUZZ_EXAMPLES=40 N2S_LAW=20 $(BIN)/python -m pytest -n 2 --dist worksteal --nightly

test-fast: .venv/.installed
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# What functions take and give, checked by mypy: half a minute, and seconds when little has changed.
types: .venv/.installed
	$(BIN)/mypy

bench: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bench]"
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

mutate: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[mutate]"
	$(BIN)/python tests/mutation.py

# The site, offline: docs/_build/html/index.html. Every warning is an error, and every link inside is checked.
docs: .venv/.installed
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python tests/docs/check_links.py docs/_build/html

# Build the distribution and check it: versions agree, the wheel has recipes and types, it runs in an empty folder. Nothing is uploaded.
release: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[release]"
	$(BIN)/python tests/release.py
