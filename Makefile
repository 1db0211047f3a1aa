# The workshop. `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
# Every step leaves a stamp, so that a second run does only what changed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
# Test files that run side by side, each worker with stores and a platform of its own.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input install --root-user-action=ignore
PACKAGES := gateway api core db claw stack tests

PAGE := observer-ui
NPM := npm --prefix $(PAGE)
# The JavaScript client; the page is built from its sources.
CLIENT := claw/js
CLIENT_NPM := npm --prefix $(CLIENT)
CLIENT_TYPES := $(CLIENT)/src/wire.ts
CLIENT_SOURCES := $(filter-out $(CLIENT_TYPES),$(shell find $(CLIENT)/src 2>/dev/null)) $(CLIENT_TYPES)
# Directories count as well as files: removing a source changes only its directory's time.
PAGE_SOURCES := $(shell find $(PAGE)/src $(PAGE)/public 2>/dev/null) \
	$(wildcard $(PAGE)/index.html $(PAGE)/compress.js $(PAGE)/*.config.ts $(PAGE)/*.config.js $(PAGE)/tsconfig*.json)

UV := 0.13.8
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra build

BENCH := load-tests
C_FLAGS := -std=gnu17 -O2 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
C_HEADERS := $(wildcard $(BENCH)/c/*.h)

.PHONY: help setup run test check fmt lock clean chromium bench-api bench-claw bench-gateway bench-nodes bench-storm bench-wakes bench-store

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 24

setup: $(STAMPS)/editable $(PAGE)/dist/index.html ## environment, dependencies and page; the command is then .venv/bin/moltstack

run: setup ## the whole platform with its demo bots, until Ctrl-C
	@exec $(BIN)/moltstack up --demo $(ARGS)

test: setup $(STAMPS)/dev $(CLIENT)/dist/index.js chromium ## every test; choose some with ARGS="-k name"
	$(BIN)/python -m pytest $(or $(ARGS),-n $(WORKERS) --dist loadfile)
	$(CLIENT_NPM) --silent test
	$(NPM) --silent test

check: $(STAMPS)/editable $(STAMPS)/dev $(PAGE)/node_modules/.installed $(CLIENT)/node_modules/.installed $(CLIENT_TYPES) ## lint, formats, types, import rules, the page's own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	MYPYPATH=$(BENCH) $(BIN)/mypy $(BENCH)
	$(BIN)/lint-imports
	$(CLIENT_NPM) --silent run check
	$(NPM) --silent run check

bench-store: $(STAMPS)/editable ## acknowledged posts a second beside bare inserts; a minute and a half
	$(BIN)/python $(BENCH)/bench_store.py

bench-api: $(STAMPS)/editable $(BENCH)/.venv/.installed ## REST beside an empty route and FastAPI; two minutes; ARGS="--rounds 1 --seconds 1" for a look
	$(BIN)/python $(BENCH)/bench_api.py $(ARGS)

bench-claw: $(STAMPS)/editable ## idle claws and how soon they hear: polling, on the socket, by every door; two and a half minutes; ARGS="--claws 5 --idle 8 --settle 0 --seconds 1" for a look
	$(BIN)/python $(BENCH)/bench_claw.py $(ARGS)

bench-gateway: $(STAMPS)/editable $(BENCH)/build/load $(BENCH)/build/limit $(BENCH)/.venv/.installed $(BENCH)/peers/node_modules/.installed ## the gateway's speed beside C and other servers; ARGS=--quick for a look
	$(BIN)/python $(BENCH)/bench_gateway.py $(ARGS)

bench-storm: $(STAMPS)/editable ## a node is killed under 5,000 sockets: until all are live again; ARGS="--sockets 200" for a look
	$(BIN)/python $(BENCH)/bench_storm.py $(ARGS)

bench-nodes: $(STAMPS)/editable $(BENCH)/build/load ## what more gateways cost, and changes of presence; half a minute
	$(BIN)/python $(BENCH)/bench_nodes.py $(ARGS)

bench-wakes: $(STAMPS)/editable ## 10,000 wake-ups for 1,000 sleeping agents, 1 in 20 hanging; a minute; ARGS="--endpoints 100 --rounds 2" for a look
	$(BIN)/python $(BENCH)/bench_wakes.py $(ARGS)

fmt: $(STAMPS)/dev ## format, and mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## pin the dependencies anew; ARGS=--upgrade takes the newest
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip -qq --disable-pip-version-check install uv==$(UV)
	$(COMPILE) $(ARGS) --output-file requirements.txt pyproject.toml
	$(COMPILE) $(ARGS) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## remove what was built; the data in .moltstack stay
	rm -rf $(VENV) .venv-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build
	rm -rf $(PAGE)/dist $(PAGE)/node_modules $(CLIENT)/dist $(CLIENT)/node_modules $(CLIENT_TYPES) $(BENCH)/build $(BENCH)/.venv $(BENCH)/peers/node_modules
	find $(PACKAGES) -name __pycache__ -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MoltStack needs Python 3.11 or newer; name it: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements.txt $(STAMPS)/venv
	$(PIP) --require-hashes --requirement requirements.txt
	@touch $@

$(STAMPS)/dev: requirements-dev.txt $(STAMPS)/runtime
	$(PIP) --require-hashes --requirement requirements-dev.txt
	@touch $@

# Hashes cannot be given for a folder, so ourselves are a second step, built by the setuptools of the lock.
$(STAMPS)/editable: pyproject.toml $(STAMPS)/runtime
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(PAGE)/node_modules/.installed: $(PAGE)/package.json $(PAGE)/package-lock.json
	$(NPM) ci --silent --no-audit --no-fund
	@touch $@

$(PAGE)/dist/index.html: $(PAGE_SOURCES) $(PAGE)/node_modules/.installed $(CLIENT_SOURCES)
	$(NPM) --silent run build
	@touch $@

$(CLIENT_TYPES): $(wildcard claw/wire/*.py claw/wire/*/*.py) $(STAMPS)/runtime
	$(BIN)/python -m claw.wire.typescript >$@

$(CLIENT)/node_modules/.installed: $(CLIENT)/package.json $(CLIENT)/package-lock.json
	$(CLIENT_NPM) ci --silent --no-audit --no-fund
	@touch $@

$(CLIENT)/dist/index.js: $(CLIENT_SOURCES) $(CLIENT)/tsconfig.json $(CLIENT)/tsconfig.build.json $(CLIENT)/node_modules/.installed
	$(CLIENT_NPM) --silent run build
	@touch $@

chromium:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium for the browser test"; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium >/dev/null; \
	else \
		echo "The browser test needs Chromium at /usr/bin/chromium: sudo apt-get install chromium" >&2; \
	fi

$(BENCH)/build/load: $(BENCH)/c/load.c $(BENCH)/c/dialect.c $(BENCH)/c/measure.c $(C_HEADERS)
	@mkdir -p $(@D)
	gcc $(C_FLAGS) -o $@ $(filter %.c,$^)

$(BENCH)/build/limit: $(BENCH)/c/limit.c $(BENCH)/c/measure.c $(C_HEADERS)
	@mkdir -p $(@D)
	gcc $(C_FLAGS) -o $@ $(filter %.c,$^)

# A peer that cannot be had is left out of the comparison, which says so.
$(BENCH)/.venv/.installed: $(BENCH)/peers/requirements.txt
	@$(PYTHON) -m venv $(BENCH)/.venv \
		&& $(BENCH)/.venv/bin/python -m pip -qq --disable-pip-version-check --no-input install --require-hashes --requirement $< \
		&& touch $@ || echo "socketify and FastAPI cannot be installed" >&2

$(BENCH)/peers/node_modules/.installed: $(BENCH)/peers/package.json $(BENCH)/peers/package-lock.json
	@npm --prefix $(BENCH)/peers ci --silent --no-audit --no-fund && touch $@ || echo "Node's ws cannot be installed" >&2
