# `make demo` and `make test` do all the set-up that they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
WITH ?=
PORT ?= 8080
OIDC := tests/support/oidc/node_modules
WORKERS ?= 4
ONLY ?=
# A test stays in one worker with all that use the same server, the longest such groups first (tests/support/spreading.py).
PYTEST = $(BIN)/python -m pytest -q --dist loadgroup --no-loadscope-reorder --durations 10

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*##/\t/' | expand -t 16

demo: .venv/.demo static/vendor/.built ## A live dashboard on http://127.0.0.1:8080 (WITH=kafka,rabbitmq,sqs adds brokers, PORT=n)
	$(BIN)/signalbox demo --port $(PORT) $(if $(WITH),--with $(WITH))

test: packages .venv/.dev static/vendor/.built $(OIDC)/.made $(if $(ONLY),,check) ## All checks and tests, against real servers (ONLY=kafka: that folder or server)
	$(PYTEST) -n $(WORKERS) $(if $(wildcard $(ONLY)),$(ONLY),$(if $(ONLY),-m '$(ONLY)'))

quick: .venv/.dev static/vendor/.built ## Unit, web and architecture tests: no server but SQLite
	$(PYTEST) -n $(shell nproc) -m 'not postgres' tests/unit tests/web tests/architecture

test-busy: packages .venv/.dev static/vendor/.built $(OIDC)/.made ## All tests while a busy loop takes each core
	@loops=(); trap 'kill "$${loops[@]}"' EXIT; for core in $$(seq $$(nproc)); do (while :; do :; done) & loops+=($$!); done; \
	$(PYTEST) -n $(WORKERS) --timeout 600

soak: packages .venv/.dev static/vendor/.built ## Large matrices, long repetitions and new random examples, which `make test` leaves out
	$(PYTEST) -n $(shell nproc) --soak --timeout 900
	$(PYTEST) -n $(shell nproc) -m hypothesis --hypothesis-profile new --timeout 900

check: .venv/.dev ## Lint, types, import contracts: no server needed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev static/vendor/.built ## Run every bench in turn; copy the results to bench/RESULTS.md by hand
	for bench in start pages viewers history kafka_sweep rabbitmq_sweep; do $(BIN)/python -m bench.$$bench || exit 1; done

wheel: .venv/.demo static/vendor/.built ## A wheel in dist/, with templates, migrations and the built front-end files
	$(BIN)/python -m hatchling build -t wheel -d dist

screenshots: .venv/.dev static/vendor/.built ## Every page at 1440 and 390 px, light and dark, from the running demo
	$(BIN)/python -m tests.browser.screenshots

lock: .venv/.dev ## Pin the dependencies again, core, extras and development resolved together
	$(BIN)/uv pip compile -q --upgrade $(LOCK) --all-extras --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile -q $(LOCK) --extra sqs --extra oidc -c requirements-dev.txt -o requirements.txt
	$(BIN)/uv pip compile -q $(LOCK) --extra sqs --extra oidc --extra demo --group build -c requirements-dev.txt -o requirements-demo.txt
	$(BIN)/uv pip compile -q $(LOCK_OPTIONS) --group build -c requirements-dev.txt -o requirements-build.txt
LOCK_OPTIONS := --generate-hashes --no-header --no-annotate --universal --python-version 3.11
LOCK := $(LOCK_OPTIONS) pyproject.toml

packages: ## Install the Debian packages of the tests, or print the command without permission
	@tests/packages

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or later is needed: make PYTHON=python3.11'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo 'The module venv is missing: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.demo: .venv/.made requirements-demo.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-demo.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/.dev: .venv/.made requirements-dev.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@ .venv/.demo

# The OpenID Connect provider of the tests: nothing that Signalbox itself needs.
$(OIDC)/.made: tests/support/oidc/package.json tests/support/oidc/package-lock.json | static/vendor/.built
	cd tests/support/oidc && $(NPM_CI)
	@touch $@

# Front-end files: npm where it is, else the one from a wheel. Node would leave a cache of its own in /tmp.
NPM = $(shell command -v npm || echo $(CURDIR)/$(BIN)/npm)
NPM_CI = NODE_DISABLE_COMPILE_CACHE=1 PATH="$(PATH):$(CURDIR)/$(BIN)" $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
static/vendor/.built: package.json package-lock.json app/signalbox/web/assets.py app/signalbox/resources.py $(wildcard static/css/* static/js/* static/img/*) | .venv/.made
	@[ -x "$(NPM)" ] || $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-node.txt
	$(NPM_CI)
	$(BIN)/python -m signalbox.web.assets build
	@touch $@

clean: ## Remove build results; keep the environment and the caches
	rm -rf static/vendor node_modules $(OIDC) .mypy_cache .ruff_cache .pytest_cache .hypothesis .demo dist

.PHONY: help demo test quick test-busy soak check bench wheel screenshots lock packages clean
