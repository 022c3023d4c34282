# Every target does all its own set-up, on a fresh clone on Debian with Python 3.11 or newer:
#
#   make run     the demo bot: embedded exchange, perp maker, spot hedge
#   make test    the tests, on the release and on the debug (bounds-checked) build
#   make lint    ruff, mypy, stubtest, cython-lint, layers
#   make bench   every hot path with its latency distribution
#   make build   wheel and sdist in dist/
#   make docs    the pages that are generated from the code
#   make debug   the debug build alone, in build/debug/lib
#   make clean   all that was made, except the virtual environment

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

VENV ?= .venv
CONFIG ?= configs/demo.yaml
ARGS ?=
PYTEST_ARGS ?=
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CORE := $(wildcard cext/*.pyx cext/*.h mmbot/*.pxd mmbot/_core/*.pxd) setup.py
SHIPPED := $(CORE) $(wildcard mmbot/*.py mmbot/*/*.py mmbot/*/*/*.py mmbot/report/assets/* mmbot/_core/*.pyi strategies/*)
INPLACE := build/release/inplace.stamp
DEBUG_LIB := build/debug/lib

.PHONY: run test lint bench build docs debug install install-dev clean

run: install
	$(BIN)/mmbot run $(CONFIG) $(ARGS)

test: install-dev debug
	.ci/with-servers $(BIN)/python -P -m pytest $(PYTEST_ARGS)
	@echo "-- the same on the debug build --"
	MMBOT_TEST_BUILD=debug PYTHONPATH=$(DEBUG_LIB) .ci/with-servers $(BIN)/python -P -m pytest $(PYTEST_ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --allowlist .ci/stubtest-allowlist $$(ls mmbot/_core/*.pyi | sed -e 's/\.pyi$$//' -e '/__init__/d' -e 's/\//./g')
	$(BIN)/cython-lint --max-line-length 120 cext/*.pyx mmbot/_core/*.pxd
	$(BIN)/python -P -m pytest tests/test_layers.py

bench: install-dev
	$(BIN)/mmbot bench $(ARGS)

build: $(VENV)/dev.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

docs: install-dev
	$(BIN)/python -m mmbot.config.reference docs/config.md
	PYTHONPATH=. $(BIN)/python benchmarks/papers/run.py >/dev/null

debug: $(DEBUG_LIB)/stamp

install: $(VENV)/run.stamp $(INPLACE)

install-dev: $(VENV)/dev.stamp $(INPLACE)

$(BIN)/python:
	.ci/prepare $(VENV)

# The build tools stand in the environment itself (no isolation), so that the pinned versions build and a rebuild is quick.
$(VENV)/build.stamp: $(BIN)/python constraints.txt
	$(PIP) install -c constraints.txt setuptools wheel build cython picows
	touch $@

# pip compiles in a folder that it throws away: one module there is enough, $(INPLACE) builds them all and keeps its objects.
$(VENV)/run.stamp: $(VENV)/build.stamp pyproject.toml
	MMBOT_EXTENSIONS=types $(PIP) install -c constraints.txt --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/build.stamp pyproject.toml
	MMBOT_EXTENSIONS=types $(PIP) install -c constraints.txt --no-build-isolation -e '.[test,lint]'
	touch $@ $(VENV)/run.stamp

$(INPLACE): $(CORE) | $(VENV)/run.stamp
	$(BIN)/python setup.py --quiet build_ext --inplace
	mkdir -p $(@D) && touch $@

$(DEBUG_LIB)/stamp: $(SHIPPED) | $(VENV)/dev.stamp
	MMBOT_DEBUG=1 $(BIN)/python setup.py --quiet build --build-lib $(DEBUG_LIB)
	touch $@

clean:
	rm -rf build dist *.egg-info mmbot/_core/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
