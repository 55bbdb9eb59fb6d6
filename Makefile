# Everything starts here; `make help` lists the targets. Works with GNU make 3.81 and later.
# Every target that needs the environment makes it first, in .venv.

PROFILE ?= tiny
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
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

.PHONY: help setup smoke reproduce plan figures report test lab base clean

help: ## list the targets
	@echo "usage: make TARGET [PROFILE=tiny] [ARGS='-p key value']"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s%s\n", $$1, $$2 }' Makefile

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

smoke: ## first try: every stage with a few steps, minutes
	@$(MAKE) --no-print-directory reproduce PROFILE=smoke

reproduce: $(STAMP) ## run all stages of PROFILE (skipping finished ones), then the report
	@$(PY) -m cr_utils run --profile $(PROFILE) $(ARGS)
	@$(PY) -m cr_utils report --profile $(PROFILE)

plan: $(STAMP) ## say what `make reproduce` would run, and why
	@$(PY) -m cr_utils run --plan --profile $(PROFILE) $(ARGS)

figures: $(STAMP) ## redraw the figures from recorded results, without training
	@$(PY) -m cr_utils figures --profile $(PROFILE)

report: $(STAMP) ## tables, figures and index.html from recorded results
	@$(PY) -m cr_utils report --profile $(PROFILE)

test: $(STAMP) ## run the tests
	@$(PY) -m pytest $(ARGS)

lab: $(STAMP) ## open the notebooks in JupyterLab
	@$(PY) -m jupyter lab notebooks

base: $(STAMP) ## train the shipped base model anew (hours)
	@$(PY) -m cr_utils base $(ARGS)

clean: ## delete the results of PROFILE (never results/reference)
	@case "$(PROFILE)" in ""|*/*|.*|reference) echo "error: PROFILE=$(PROFILE) names no profile to clean"; exit 2;; esac
	rm -rf "$(RESULTS)/$(PROFILE)"
