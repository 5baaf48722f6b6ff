# `make demo` and `make test` set up what they need in .venv; python3.11+ and make are all that must be there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
OUT ?= build/demo
PYTEST_ARGS ?= -n 2

.PHONY: demo test lint clean firmware

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'hybrid needs Python 3.11 or newer: make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[device]"
	touch $@

$(TEST_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: $(STAMP)
	$(BIN)/hybrid demo --out $(OUT)

test: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Images and host programs of a model: make firmware MODEL=DIR [BOARD=...]; it installs nothing, see firmware/README.md
firmware:
	@$(MAKE) --no-print-directory -f firmware/Makefile

clean:
	rm -rf build $(VENV) *.egg-info
