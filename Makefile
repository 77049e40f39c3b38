# Everything runs in .venv, which holds what requirements/lock.txt lists.
# A POSIX shell is assumed here; the Python code assumes none.

PYTHON ?= python3
# onnxruntime must not report home, whoever imports it first.
export ORT_DISABLE_TELEMETRY := 1
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
VENV := .venv
BENCH_VENV := .venv-bench
PEERS_VENV := .venv-peers
RUN := $(VENV)/$(BIN)/python
BENCH_RUN := $(BENCH_VENV)/$(BIN)/python
PEERS_RUN := $(PEERS_VENV)/$(BIN)/python
PROJECTS := sdk/pyproject.toml server/pyproject.toml
SOURCES := sdk/src server/src tests examples benchmarks tools

# A worker a core; one that has nothing left to do takes over tests of the others. So that workers do not contend for
# cores, the linear algebra of each uses one thread.
PARALLEL := --numprocesses auto --dist worksteal
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# $(call bootstrap,folder,python in it,lock): an environment that was left half made is made again.
define bootstrap
	@$(2) -c "$(SUPPORTED)" 2>/dev/null && $(2) -m pip --version >/dev/null 2>&1 || { \
	  $(PYTHON) -c "$(SUPPORTED)" || { \
	    echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13. Name one that is: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; \
	    exit 1; }; \
	  $(PYTHON) -m venv --clear $(1); }
	$(2) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(3)
endef

# $(call own,python): both distributions, editable.
define own
	$(1) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e sdk -e server
endef

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

.PHONY: setup
setup: $(VENV)/.stamp ## Make .venv from the lock, with both distributions editable

$(VENV)/.stamp: requirements/lock.txt $(PROJECTS)
	$(call bootstrap,$(VENV),$(RUN),requirements/lock.txt)
	$(call own,$(RUN))
	@touch $@

$(BENCH_VENV)/.stamp: requirements/bench-lock.txt $(PROJECTS)
	$(call bootstrap,$(BENCH_VENV),$(BENCH_RUN),requirements/bench-lock.txt)
	$(call own,$(BENCH_RUN))
	@touch $@

$(PEERS_VENV)/.stamp: requirements/peers-lock.txt
	$(call bootstrap,$(PEERS_VENV),$(PEERS_RUN),requirements/peers-lock.txt)
	@touch $@

# torch is not locked: which build fits depends on the machine, and some are gigabytes.
.PHONY: peers
peers: $(PEERS_VENV)/.stamp ## Make the peers' environment (PEERS_TORCH=torch adds torch, in that version or build)
	$(if $(PEERS_TORCH),$(PEERS_RUN) -m pip install --disable-pip-version-check --only-binary :all: \
	  "$(PEERS_TORCH)" "$(shell sed -n 's/^rectools\(==[^ ]*\).*/rectools[torch]\1/p' requirements/peers-lock.txt)")

.PHONY: demo
demo: setup ## Train, publish and use a model on public data, start to end
	$(RUN) examples/demo.py

.PHONY: test
test: setup ## Run the tests with a tenth of the crash and fuzz runs
	$(ONE_THREAD) $(RUN) -m pytest $(PARALLEL)

# One Chromium for all of them: a browser for each core would ask more of a small machine than it saves.
.PHONY: test-browser
test-browser: setup ## Run the tests of pages in a Chromium, which has to be installed
	$(ONE_THREAD) $(RUN) -m pytest tests/browser

.PHONY: coverage
coverage: setup ## Run the same tests and tell which lines none of them reaches (half as long again)
	$(ONE_THREAD) $(RUN) -m pytest $(PARALLEL) --cov --cov-report=term

.PHONY: soak
soak: setup ## Run the tests with all crash and fuzz runs
	$(ONE_THREAD) $(RUN) -m pytest $(PARALLEL) --soak --timeout=0

.PHONY: fuzz
fuzz: setup ## Run all fuzz runs alone: bundles, manifests, policies, catalogues, channels, answers of a repository
	$(ONE_THREAD) $(RUN) -m pytest $(PARALLEL) tests/fuzz --soak --timeout=0

.PHONY: lint
lint: setup ## Check style, types, layers, locks and documentation
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy --strict $(SOURCES)
	$(VENV)/$(BIN)/lint-imports
	$(RUN) -m tools.check_lock
	$(RUN) -m tools.statistics_reference --check
	$(RUN) -m tools.policy_reference --check
	$(RUN) -m tools.pipeline_reference --check
	$(RUN) -m tools.benchmark_page --check
	$(RUN) -m tools.compliance_page --check
	$(RUN) -m tools.risks_reference --check
	$(RUN) -m tools.build_docs

.PHONY: docs
docs: setup ## Build the documentation into site/
	$(RUN) -m tools.build_docs

.PHONY: lock
lock: setup ## Make the locks from what is declared (UPGRADE=1 takes the newest versions)
	$(RUN) -m tools.lock $(if $(UPGRADE),--upgrade)
	$(RUN) -m tools.check_lock

.PHONY: bench
bench: $(BENCH_VENV)/.stamp peers ## Run the benchmarks beside their peers, in environments of their own
	$(BENCH_RUN) -m benchmarks

.PHONY: clean
clean: ## Remove the environments and everything that was built
	rm -rf $(VENV) $(BENCH_VENV) $(PEERS_VENV) site dist .cache .benchmarks .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
