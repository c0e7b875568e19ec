PYTHON ?= python3
TORCH ?=
DEMO ?= demo
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-is-new test test-all coverage lint docs bench clean force

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@echo 'make setup TORCH="torch==2.9.1 torchvision==0.24.1"    another torch than pip would pick'
	@echo 'make setup PYTHON=python3.12                           another Python (3.11 or newer)'
	@echo 'make demo DEMO=folder                                  another output folder than demo'

setup: $(INSTALLED) ## make .venv and install drivesim with what development needs

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("drivesim needs Python 3.11 or newer and $(PYTHON) is %d.%d: name another one, as in `make setup PYTHON=python3.12`." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(BIN)/pip
	$(PIP) install $(foreach requirement,$(TORCH),'$(requirement)') -e '.[dev]'
	@echo '$(TORCH)' > $@

# Another TORCH than the installed one installs again; none keeps what is there.
ifneq ($(strip $(TORCH)),)
ifneq ($(strip $(TORCH)),$(strip $(shell cat $(INSTALLED) 2>/dev/null)))
$(INSTALLED): force
endif
endif

demo: demo-is-new setup ## record laps, clone them, drive 100 unseen tracks
# Make expands the whole recipe before it runs the first line: this is the time after the installation.
	$(eval STARTED := $(shell date +%s))
	$(BIN)/python -m agents.record --laps 40 --out '$(DEMO)/laps'
	$(BIN)/python -m agents.train --data '$(DEMO)/laps' --backbone pilotnet --out '$(DEMO)/policy'
	$(BIN)/python -m agents.evaluate --policy '$(DEMO)/policy' --tracks 100 --json '$(DEMO)/evaluation.json' --report '$(DEMO)/report.html' --picture '$(DEMO)/lines.png' --video '$(DEMO)/drive.mp4' --require 'autonomy>=0.99'
	@echo "Recorded, trained and evaluated in $$(( $$(date +%s) - $(STARTED) )) s, installation not counted: see $(DEMO:/=)/."

demo-is-new:
	@test ! -e '$(DEMO)' || { echo '$(DEMO) exists already: run `make demo DEMO=$(DEMO:/=)2`, or remove it.' >&2; exit 1; }

test: setup ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-all: setup ## run the slow tests too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m ""

coverage: setup ## run the tests and say which lines none of them runs
	$(PIP) install -q coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -p no:xdist
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

lint: setup ## check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: setup ## build the documentation's site into build/docs, and look for links that lead nowhere
	$(PIP) install -q -e '.[docs]'
	$(BIN)/zensical build --strict
	$(BIN)/python -m pytest -q tests/docs/test_site.py

bench: setup ## measure throughput beside its peers
	$(PIP) install -e '.[bench]'
	$(BIN)/python -m benchmarks.throughput --peers

clean: ## remove builds and caches; .venv, recordings and policies stay
	rm -rf build dist *.egg-info .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
