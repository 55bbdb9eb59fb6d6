# Everything starts here; `make help` lists the targets. Works with GNU make 3.81 and later.
# Every target that needs the environment makes it first, in .venv.

PROFILE ?= tiny
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# What only reads results needs no torch: it takes the whole environment where there is one, else a light one.
LIGHT_VENV := .venv-light
READ_VENV := $(if $(wildcard $(STAMP)),$(VENV),$(LIGHT_VENV))
READ_STAMP := $(READ_VENV)/.installed
READ := $(READ_VENV)/bin/python
RESULTS := $(if $(CR_RESULTS),$(CR_RESULTS),results)
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && \
	echo $$p && break; done)
# The index for torch on a Linux machine without an NVIDIA GPU: a tenth of the default download. TORCH_INDEX=
# (empty) switches it off; where it cannot be reached, the package index's own torch is installed.
TORCH_INDEX ?= $(shell test "`uname -s`" = Linux && ! command -v nvidia-smi >/dev/null 2>&1 && \
	echo https://download.pytorch.org/whl/cpu)
PIP := $(PY) -m pip --disable-pip-version-check install -qq --progress-bar off

# Idle OpenMP threads that spin slow training down 7-9 times beside a busy neighbour.
export OMP_WAIT_POLICY = passive

.PHONY: help setup light smoke reproduce plan figures report check verify-figures crate checklists environment \
	test test-slow test-browser lint lab base clean

help: ## list the targets
	@echo "usage: make TARGET [PROFILE=tiny] [ARGS='-p key value']"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s%s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## make the environment in .venv

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found: install one, or name it: make setup PYTHON=/path/to/python"; exit 2; }
	@$(PY) -m pip --version >/dev/null 2>&1 || { echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv --clear $(VENV); } || \
		{ echo "error: $(PYTHON) -m venv failed: install the venv module of your Python (Debian: python3-venv)"; exit 2; }
	@echo "installing the packages of requirements.lock (several minutes the first time)"
	@if test -n "$(TORCH_INDEX)"; then \
		$(PIP) --no-deps --retries 1 --timeout 15 --index-url $(TORCH_INDEX) \
			`sed -n '/^torch==/p' requirements.lock` >/dev/null 2>&1 || \
		echo "no torch at $(TORCH_INDEX): taking the package index's own, a larger download"; fi
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

light: $(LIGHT_VENV)/.installed ## make a small environment without torch in .venv-light

$(LIGHT_VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found: install one, or name it: make light PYTHON=/path/to/python"; exit 2; }
	@echo "making $(LIGHT_VENV), without torch (a minute or two, the first time)"
	@$(PYTHON) -m venv --clear $(LIGHT_VENV) || \
		{ echo "error: $(PYTHON) -m venv failed: install the venv module of your Python (Debian: python3-venv)"; exit 2; }
	@$(LIGHT_VENV)/bin/python -m pip --disable-pip-version-check install -qq --progress-bar off \
		-c requirements.lock -e ".[light]"
	@touch $@

smoke: ## first try: every stage with a few steps, minutes
	@$(MAKE) --no-print-directory reproduce PROFILE=smoke

reproduce: $(STAMP) ## run all stages of PROFILE (skipping finished ones), then the report
	@$(PY) -m cr_utils run --profile $(PROFILE) $(ARGS)
	@$(PY) -m cr_utils report --profile $(PROFILE)

plan: $(READ_STAMP) ## say what `make reproduce` would run, why, and what it would cost
	@$(READ) -m cr_utils run --plan --profile $(PROFILE) $(ARGS)

figures: $(READ_STAMP) ## redraw the figures from recorded results (yours, else the reference run's)
	@$(READ) -m cr_utils figures --profile $(PROFILE)

report: $(READ_STAMP) ## tables, figures and index.html from recorded results
	@$(READ) -m cr_utils report --profile $(PROFILE)

check: $(READ_STAMP) ## recompute the reference run's numbers, compare yours with them, print the claims
	@$(READ) -m cr_utils check --profile $(PROFILE)

verify-figures: $(READ_STAMP) ## redraw every figure of the reference run, without torch
	@$(READ) -m cr_utils verify-figures --profile $(PROFILE)

crate: $(READ_STAMP) ## export the results and their provenance as an RO-Crate
	@$(READ) -m cr_utils crate --profile $(PROFILE)

checklists: $(READ_STAMP) ## reproducibility checklists, filled from the records
	@$(READ) -m cr_utils checklists --profile $(PROFILE) $(ARGS)

environment: $(READ_STAMP) ## say what this machine and environment are, and what is missing
	@$(READ) -m cr_utils environment $(ARGS)

test: $(STAMP) ## run the quick tests, with a small run of all six notebooks
	@$(PY) -m pytest -m "not slow and not browser" $(ARGS)

test-slow: $(STAMP) ## run the slow tests: kills, a machine that goes down, a full disk, 100,000 checks
	@$(PY) -m pytest -m slow $(ARGS)

test-browser: $(STAMP) ## run the tests in a headless Chromium, where one is installed
	@$(PY) -m pytest tests/browser $(ARGS)

lint: $(READ_STAMP) ## check the style of the code (ruff, in the version that pyproject.toml pins)
	@$(READ) -m pip --disable-pip-version-check install -qq --progress-bar off \
		`sed -n 's/^lint = \["\(ruff[^"]*\)"\].*/\1/p' pyproject.toml`
	@$(READ) -m ruff check .

lab: $(READ_STAMP) ## open the notebooks in JupyterLab (training needs `make setup` before)
	@test "$(READ_VENV)" = "$(VENV)" || echo "without torch: data, chains and finished results; for training run \`make setup\` first"
	@$(READ) -m jupyter lab notebooks $(ARGS)

base: $(STAMP) ## train the shipped base model anew (hours)
	@$(PY) -m cr_utils base $(ARGS)

clean: ## delete the results of PROFILE (never results/reference)
	@case "$(PROFILE)" in ""|*/*|.*|reference) echo "error: PROFILE=$(PROFILE) names no profile to clean"; exit 2;; esac
	rm -rf "$(RESULTS)/$(PROFILE)"
