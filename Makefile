# Every target sets up what it needs: a fresh checkout and `make demo` or `make test` will do.

PYTHON ?= python3
PYTEST_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
CORE := $(shell find csrc -name '*.[ch]' -o -name '*.def' -o -name '*.py') pyproject.toml setup.py
C_FILES = $(shell find csrc tests benchmarks examples -name '*.[ch]' 2>/dev/null)
STRICT = -std=gnu11 -O2 -Wall -Wextra -Wconversion -Wshadow -Werror
SANITIZE = UWOFFLOAD_SANITIZE=address,undefined
# libstdc++ too: an exception of matplotlib's would find a sanitizer that does not know it.
LOAD = LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libstdc++.so.6)"
ASAN = $(LOAD) ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1

.PHONY: help venv build tools demo serve test test-quick lint format asan tsan fuzz suites \
        coverage bench sweep dist clean

help:
	@echo "make serve       files on http://127.0.0.1:8080; DIR= and PORT= change what and where"
	@echo "make demo        slow readers against a one-worker server, without and with the engine"
	@echo "make test        everything; test-quick leaves out what is slow"
	@echo "make lint        ruff, mypy, clang-format; format rewrites"
	@echo "make asan tsan   sanitizer builds of the suite and of the C programs"
	@echo "make coverage    branch coverage of the C core"
	@echo "make sweep       every system call and allocation made to fail in turn"
	@echo "make fuzz        libFuzzer on the parsers, SECONDS each (default 60)"
	@echo "make suites      slowhttptest, zzuf and others, beside nginx: a table of scores"
	@echo "make bench       the benchmarks; see benchmarks/README.md"
	@echo "make dist        sdist, and the wheel built from it"

# ---- setting up ----

venv: $(BIN)/python

$(BIN)/python:
	.ci/needs $(PYTHON)
	$(PYTHON) -m venv $(VENV)

build: $(VENV)/installed

$(VENV)/installed: $(CORE) | $(BIN)/python
	$(BIN)/pip install -q -e .
	touch $@

tools: $(VENV)/tools

$(VENV)/tools: pyproject.toml | build
	.ci/needs $(PYTHON) tests
	$(BIN)/pip install -q -e '.[test,lint]'
	touch $@

# The suite against a build with sanitizers, installed beside the usual one.
.venv-asan/installed: $(CORE) $(shell find uwoffload -name '*.py')
	.ci/needs $(PYTHON)
	test -x .venv-asan/bin/python || $(PYTHON) -m venv .venv-asan
	$(SANITIZE) .venv-asan/bin/pip install -q '.[test]'
	touch $@

# ---- using it ----

# A copy of examples/site with large files, on this port; DIR= serves something else.
DIR ?= build/site
PORT ?= 8080

serve: build
	$(if $(filter build/site,$(DIR)),$(BIN)/python examples/make_site.py $(DIR))
	@$(BIN)/uwoffload serve $(DIR) --port $(PORT) --processes 1 --offload-threads 2

demo: build
	$(BIN)/uwoffload demo

bench: build
	$(BIN)/pip install -q -e '.[plot,test]'
	$(BIN)/python benchmarks/run.py --chart benchmarks/chart.png --json build/bench/lines.json

# ---- testing it ----

test: build tools
	$(BIN)/pytest $(PYTEST_FLAGS)

test-quick: build tools
	$(BIN)/pytest -m 'not slow' $(PYTEST_FLAGS)

lint: build tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/clang-format --dry-run -Werror $(C_FILES)
	@set -e; for file in csrc/*/*.c; do cc $(STRICT) -Icsrc -Icsrc/include -c $$file -o /dev/null; done

format: build tools
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_FILES)

asan: .venv-asan/installed
	$(MAKE) -C tests/c check-asan
	$(SANITIZE) $(ASAN) .venv-asan/bin/pytest -m 'not slow or native' --ignore=tests/examples \
	    $(PYTEST_FLAGS)

tsan:
	.ci/needs $(PYTHON)
	$(MAKE) -C tests/c check-tsan

fuzz:
	.ci/needs $(PYTHON) tests
	$(MAKE) -C tests/fuzz run SECONDS=$(or $(SECONDS),60)

suites: build tools
	$(BIN)/pip install -q httplint
	$(BIN)/python tests/suites/run.py

coverage: build tools
	$(BIN)/python .ci/coverage

sweep: build
	$(MAKE) -C tests/c sweep

dist: build
	$(BIN)/pip install -q build
	rm -rf dist
	$(BIN)/python -m build -q

clean:
	rm -rf .venv .venv-* build dist *.egg-info uwoffload/include uwoffload/lib \
	       uwoffload/pkgconfig uwoffload/src uwoffload/_core*.so .benchmarks .hypothesis \
	       .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	-$(MAKE) -C tests/c clean
