# Knarr's commands. `make help` lists them; nothing here needs more than a POSIX shell, make and python3.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## A two-node cluster on this machine: deploy, reach, scale, heal, and clean up
	@deploy/demo/demo.sh $(BIN)

.PHONY: test
test: FUZZ_SEED = 1 # so that the same code is told the same; `make fuzz` alone tries what is new
test: setup check unit recordings laws contract integration sim fuzz ## Everything: lint, types, layers, unit, contract, integration, simulation, fuzzing

.PHONY: setup
setup: $(VENV)/.ready ## Install what is missing: packages, virtual environment, etcd, Docker engine, local images
	@deploy/ensure.sh
	@$(BIN)/python deploy/images/build.py

$(VENV)/.ready: pyproject.toml
	@deploy/ensure.sh python
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

.PHONY: check
check: $(VENV)/.ready ## Lint, format, types, layers, and that the generated code is current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/generate.py --check

.PHONY: unit
unit: $(VENV)/.ready ## Decisions, as tables and properties; no engine, no etcd
	$(PYTEST) tests/unit

CLUSTERS ?= 20000
.PHONY: laws
laws: $(VENV)/.ready ## The scheduler equals its obvious reference on CLUSTERS random clusters
	CLUSTERS=$(CLUSTERS) $(PYTEST) --timeout=1800 tests/unit/control_plane/scheduler/test_scheduler_properties.py

.PHONY: contract
contract: setup ## Each Protocol's suite against the fake and the real thing (etcd, Docker)
	$(PYTEST) tests/contract

.PHONY: integration
integration: setup ## Real processes, real etcd, real engine: start, kill -9, restart
	$(PYTEST) tests/integration

.PHONY: recordings
recordings: $(VENV)/.ready ## Recorded answers of Kubernetes, as tests: no file below its aim
	$(PYTEST) tests/conformance

DIR ?=
STORE ?= memory
.PHONY: conformance
conformance: $(VENV)/.ready ## Recorded answers of Kubernetes, played against Knarr; DIR=folder, STORE=etcd
	$(BIN)/python -m tests.conformance --store $(STORE) $(if $(DIR),--dir $(DIR))

SEEDS ?= 200
.PHONY: sim
sim: $(VENV)/.ready ## The whole cluster in virtual time with faults; SEEDS=n, SEED=n for one, STORY=volumes
	$(BIN)/python -m tests.simulation.run --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(STORY),--story $(STORY))

FUZZ_SECONDS ?= 60
TARGET ?=
.PHONY: fuzz
fuzz: $(VENV)/.ready ## What bad input gets, FUZZ_SECONDS for each target; TARGET=name, INPUTS=n, FUZZ_SEED=n
	$(BIN)/python -m tests.fuzz $(TARGET) $(if $(INPUTS),--inputs $(INPUTS),--seconds $(FUZZ_SECONDS)) $(if $(FUZZ_SEED),--seed $(FUZZ_SEED))

BENCH ?=
.PHONY: bench
bench: setup ## Benchmarks as tables, and build/bench.json; BENCH=name for one
	$(BIN)/python -m tests.benchmarks $(BENCH)

.PHONY: protos
protos: $(VENV)/.ready ## Generate knarr/proto/ from protos/
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/generate.py

.PHONY: format
format: $(VENV)/.ready ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove the virtual environment and build results
	rm -rf $(VENV) build *.egg-info
