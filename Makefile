# `make up` runs a stack with what the machine has. Everything big is in the XDG cache, everything of one environment in
# the XDG state folder; nothing is written into the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
STACK ?= local
PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/wso2ei-embedded
VENV_KEY := $(shell { cat requirements.txt requirements-dev.txt policies/requirements.txt; $(PYTHON) -c 'import sys; print(sys.version)'; } | cksum | cut -d' ' -f1)
VENV := $(CACHE)/venv/$(VENV_KEY)
PY := $(VENV)/bin/python
SCAN_KEY := $(shell { cat requirements-scan.txt; $(PYTHON) -c 'import sys; print(sys.version)'; } | cksum | cut -d' ' -f1)
SCAN := $(CACHE)/scan/$(SCAN_KEY)
# Compiled Python goes into the cache too: written nowhere, it would be compiled again at every start of the program.
export PYTHONPYCACHEPREFIX := $(CACHE)/bytecode
unexport PYTHONDONTWRITEBYTECODE
# What mypy knows of the libraries, which is most of its work, serves every checkout; one at a time writes there.
export MYPY_CACHE_DIR := $(CACHE)/mypy

.PHONY: help up preview credentials restore destroy status env docs test lint types unit e2e judge bench clean
help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/; s/\$$\$$/$$/' | expand -t 12

# The folder's name is a hash of its inputs, so no file's date counts: a fresh clone uses it. The stamp is written last,
# so that an interrupted install is repeated, and two at a time wait for each other.
$(VENV)/.complete:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@mkdir -p "$(CACHE)/venv" && exec 9>"$(VENV).lock" && { ! command -v flock >/dev/null || flock 9; } \
		&& { [ -e "$@" ] || { echo "... Python packages (once, usually 40s)" >&2; rm -rf "$(VENV)" && $(PYTHON) -m venv "$(VENV)" \
		&& "$(VENV)/bin/pip" install --quiet --disable-pip-version-check -r requirements-dev.txt && touch "$@"; }; }

up: $(VENV)/.complete ## run a stack on your cluster, or on an embedded one (STACK=local)
	@$(PY) -m embedded up --stack $(STACK)

# A separate virtual environment: checkov pins many packages. Created like the other one.
$(SCAN)/.complete:
	@mkdir -p "$(CACHE)/scan" && exec 9>"$(SCAN).lock" && { ! command -v flock >/dev/null || flock 9; } \
		&& { [ -e "$@" ] || { echo "... Python packages of the checks (once, usually 40s)" >&2; rm -rf "$(SCAN)" && $(PYTHON) -m venv "$(SCAN)" \
		&& "$(SCAN)/bin/pip" install --quiet --disable-pip-version-check -r requirements-scan.txt && touch "$@"; }; }

preview: $(VENV)/.complete $(SCAN)/.complete ## preview an update and check its objects; needs no cluster, credentials or secrets
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && file="Pulumi.$(STACK).yaml" && $(PY) -m tools.without_secrets "$$file" "$$folder/$$file" \
		&& $(PY) -m embedded preview --stack $(STACK) --stack-file "$$folder/$$file" --json "$$folder/plan.json" \
		&& echo "... checking the objects" >&2 && echo && $(SCAN)/bin/python -m tools.check_preview "$$folder/plan.json"

credentials: $(VENV)/.complete ## prompt for the registry's user and token, check them, and store them encrypted
	@$(PY) -m embedded run --stack $(STACK) -- $(PY) -m tools.credentials --stack $(STACK)

restore: $(VENV)/.complete ## restore MySQL from a backup (FROM=NAME: not the latest; FORCE=1: replace what is there)
	@lines=$$($(PY) -m embedded env --stack $(STACK)) && eval "$$lines" \
		&& $(PY) -m tools.restore --stack $(STACK) --from "$(or $(FROM),latest)" $(if $(filter 1,$(FORCE)),--force)

destroy: $(VENV)/.complete ## remove every object; prints what data is kept
	@$(PY) -m embedded destroy --stack $(STACK)

status: $(VENV)/.complete ## pods, pulls, addresses and both endpoints, live until all are ready (ONCE=1: once)
	@$(PY) -m embedded status --stack $(STACK) $(if $(ONCE),--once)

env: $(VENV)/.complete ## export lines, so that plain pulumi and kubectl work: eval "$$(make -s env)"
	@$(PY) -m embedded env --stack $(STACK)

clean: $(VENV)/.complete ## remove the embedded cluster and its state; the cache stays
	@$(PY) -m embedded clean

docs: $(VENV)/.complete ## write docs/settings.md and docs/stack.schema.json from the models
	@$(PY) -m tools.settings_reference && $(PY) -m tools.stack_schema

test: lint types unit ## lint, types, unit and engine tests

lint: $(VENV)/.complete
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(VENV)/.complete
	@mkdir -p "$(CACHE)" && exec 9>"$(CACHE)/mypy.lock" && { ! command -v flock >/dev/null || flock 9; } && $(VENV)/bin/mypy . \
		&& cd embedded/images/nginx_ingress/controller && $(VENV)/bin/mypy --config-file ../../../../pyproject.toml --exclude=^$$ .

unit: $(VENV)/.complete $(SCAN)/.complete
	@# Before the tests, whose time limits do not cover a build.
	@$(PY) -m embedded toolchain pulumi
	@$(PY) -m embedded plugins --pulumi-home "$(CACHE)/pulumi-home"
	@SCAN_PYTHON="$(SCAN)/bin/python" $(PY) -m pytest -q -n auto --dist worksteal -m 'not cluster and not e2e' tests

# A separate state folder for the tests; the tests of the kit's parts run on the same cluster, between the stack's tests.
e2e: export WSO2EI_EMBEDDED_STATE := $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/wso2ei-embedded-e2e
# What is tested is the same on every machine; tests/e2e/test_images.py sees to the rest.
e2e: export WSO2EI_IMAGES := $(or $(WSO2EI_IMAGES),stand-in)
e2e: export KUBECONFIG = $(WSO2EI_EMBEDDED_STATE)/cluster/kubeconfig
e2e: $(VENV)/.complete ## the whole stack on a real cluster, then everything is removed
	@$(PY) -m embedded clean
	@$(PY) -m tests.e2e.lanes

judge: $(VENV)/.complete ## the stack's and the plugins' tests on the cluster that is current, with the stock CLI, plugins and images
	@$(PY) -m pytest -v -p no:randomly -m e2e tests/e2e/test_stack.py
	@$(PY) -m pytest -v -p no:randomly -m cluster tests/kit/plugins

# As for e2e: a separate state folder, and the same images on every machine.
bench: export WSO2EI_EMBEDDED_STATE := $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/wso2ei-embedded-bench
bench: export WSO2EI_IMAGES := $(or $(WSO2EI_IMAGES),stand-in)
bench: export KUBECONFIG = $(WSO2EI_EMBEDDED_STATE)/cluster/kubeconfig
bench: $(VENV)/.complete $(SCAN)/.complete ## speed and cost, side by side in one run, into docs/benchmarks.md (ROWS=P1,P4 RUNS=5)
	@SCAN_PYTHON="$(SCAN)/bin/python" $(PY) -m tests.bench
