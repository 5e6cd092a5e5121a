# make run: the whole service on this machine, with sandbox residents. make test: everything that is checked.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test chaos check format lock services rasa

HOST ?= $(or $(PERLINSOS_HOST),127.0.0.1)
PORT ?= $(or $(PERLINSOS_PORT),8000)
PYTEST_ARGS ?=
CHAOS_ARGS ?= --turns 20000 --kills 50

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

# What the pages remember of a browser; the default is a folder beside the code.
run: export NICEGUI_STORAGE_PATH := var/nicegui
run: export PERLINSOS_HOST := $(HOST)
run: export PERLINSOS_PORT := $(PORT)
run: export PERLINSOS_SANDBOX ?= on
run: export PERLINSOS_DEMO ?= $(if $(PERLINSOS_PUBLIC_URL),off,on)
# With the sandbox, the server migrates its own database: one start of Python less.
run: .venv/.run var/key-ring var/nlu/model.bin ## serve on http://127.0.0.1:8000 (HOST and PORT override)
	@PERLINSOS_SECRET_KEYS="$${PERLINSOS_SECRET_KEYS:-$$(cat var/key-ring)}"; export PERLINSOS_SECRET_KEYS; \
	$(if $(filter on,$(PERLINSOS_SANDBOX)),,.venv/bin/perlinsos migrate &&) exec .venv/bin/perlinsos serve

test: .venv/.test services check var/nlu/model.bin ## all checks, then all tests, with a PostgreSQL of their own
	@.venv/bin/python -m tests.postgres .venv/bin/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

chaos: .venv/.test services var/nlu/model.bin ## ten minutes in which everything is killed while 500 people write (CHAOS_ARGS)
	@.venv/bin/python -m tests.chaos.run $(CHAOS_ARGS)

check: .venv/.test ## style, types and imports, without running anything
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: .venv/.test ## bring the code into shape
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

services: ## PostgreSQL, NATS, Chromium, nginx and wrk for tests and benchmarks, from apt when they are missing
	@scripts/install-services

rasa: var/rasa/perlinsos.tar.gz ## Rasa beside the service: installed apart in .venv-rasa (Python 3.10) and trained
	@echo "Now: scripts/rasa serve, and in another terminal: PERLINSOS_NLU_ENGINE=rasa make run"

lock: ## write requirements/*.lock anew (scripts/lock --upgrade for newer versions)
	scripts/lock

.venv/.run: requirements/run.lock pyproject.toml
	@scripts/install run
	@touch $@

# What the tests need holds what a run needs, in the same versions.
.venv/.test: requirements/test.lock requirements/run.lock pyproject.toml
	@scripts/install test
	@touch .venv/.run $@

# Made once, and never again: without it, nothing that is stored can be read.
var/key-ring: | .venv/.run
	@mkdir -p var && chmod 700 var
	@umask 077 && .venv/bin/perlinsos key ring > $@.new && mv $@.new $@

var/nlu/model.bin: $(wildcard nlu/*.py nlu/*.yml nlu/data/*.yml) | .venv/.run
	@mkdir -p var/nlu
	@echo "Training the classifier (only when its data changed)"
	@.venv/bin/perlinsos nlu train
	@touch $@

var/rasa/perlinsos.tar.gz: requirements/rasa.lock scripts/rasa $(wildcard nlu/*.py nlu/*.yml nlu/data/*.yml)
	@scripts/rasa train $@
