# Every command of the project. Needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
SITE := _build/html
CHAPTERS := $(sort $(wildcard book/*.ipynb))

# One thread a process: sums are added in one order, and two workers share the cores.
NBVAL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbval --nbval-current-env \
	--nbval-cell-timeout 300 -n 2 --dist loadfile

# A machine that is lent for its GPU may have its own packages and no network.
GPU_PYTHON := $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
GPU_JSON ?= _build/gpu-check.json

.PHONY: help book test train notebooks pictures screenshots serve lint links lock gpu-check

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18

book: $(STAMP) ## build the book and say where it is
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book: file://$(CURDIR)/$(SITE)/index.html"

test: $(STAMP) ## everything that CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --doctest-modules r1lab tests/unit
	$(NBVAL) $(CHAPTERS) tests/notebooks
	$(MAKE) --no-print-directory book
	$(BIN)/python -m pytest -n 2 -m "not timing" tests/parity tests/site
	$(BIN)/python -m pytest -m timing tests/site

gpu-check: ## on a machine with a GPU: its tests, and images per second as JSON
	$(GPU_PYTHON) -m pytest -rs tests/gpu
	@mkdir -p $(dir $(GPU_JSON))
	@if $(GPU_PYTHON) -c "import torch, sys; sys.exit(not torch.cuda.is_available())"; then \
	  $(GPU_PYTHON) benchmarks/training_step.py --device cuda --width 64 --json $(GPU_JSON); \
	else echo "NO GPU: nothing was measured."; fi

train: $(STAMP) ## train a GAN with the defaults
	$(BIN)/r1lab train

notebooks: $(STAMP) ## execute every chapter in place and check what came
	$(BIN)/python tools/execute.py $(CHAPTERS)
	$(BIN)/python tools/check_book.py $(CHAPTERS)

pictures: book ## what explorers show without JavaScript, and the social preview
	$(BIN)/python tools/fates.py
	$(BIN)/python tools/pictures.py

screenshots: $(STAMP) ## pictures of the built pages, for a person to look at
	$(BIN)/python tools/screenshots.py

serve: book ## read the book at http://localhost:8000
	$(BIN)/python -m http.server --directory $(SITE) 8000

lint: $(STAMP) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy r1lab

links: $(STAMP) ## ask every link out of the book for an answer (needs the network)
	$(BIN)/jupyter-book build . --builder linkcheck

lock: $(STAMP) ## write requirements.txt anew from pyproject.toml
	$(BIN)/python tools/lock.py

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("r1lab needs Python 3.11 or newer and this is %d.%d; name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of requirements.txt into $(VENV) (once; some minutes) ..."
	@$(PIP) install --quiet -r requirements.txt
	@$(PIP) install --quiet --no-deps -e .
	@echo "Installed: $$($(PIP) list --format=freeze | wc -l) packages."
	@touch $@
