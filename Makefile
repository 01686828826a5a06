# make demo: generate and evaluate with the pretrained model; make demo-train: train first.
# make test: run the tests.
# make docs: the documentation site in build/site; make pages: run the code of its pages.
# make release-check: build sdist and wheel, use them in an empty environment.
# make results DATA=FOLDER: every table of docs/results.md anew, resumable; in build/results/.
# make check-long: hours of kills, mutations and statistics, resumable; results in docs/checks/.
# All make the virtual environment .venv first when it is missing or out of date.

PYTHON ?= python3
# Extra words for pip, such as another package index.
PIP_FLAGS ?=

BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check install $(PIP_FLAGS) -c constraints.txt

.PHONY: help setup demo demo-train test docs pages results release-check check-long figures lint clean distclean

help:
	@echo "make setup | demo | demo-train | test | docs | pages | results | release-check | check-long | figures | lint | clean | distclean"

setup: $(STAMP)

# The stamp is written last: an installation that was broken off is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is missing or older than Python 3.11;" \
	    "name a newer one, as in 'make PYTHON=python3.12 setup'" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/calo4pqvae demo -o demo

demo-train: $(STAMP)
	$(BIN)/calo4pqvae demo --train -o demo-train

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

docs: $(STAMP)
	$(BIN)/python scripts/docs.py

pages: $(STAMP)
	$(BIN)/python scripts/run_pages.py

release-check: $(STAMP)
	$(BIN)/python scripts/check_release.py -- $(PIP_FLAGS)

check-long: $(STAMP)
	$(BIN)/python scripts/check_long.py

# FOLDER holds the files of the W-Si Geant4 sample; the held-out ones are read for nothing else.
results: $(STAMP)
	@test -n "$(DATA)" || { echo "make: name the folder of the sample, DATA=FOLDER" >&2; exit 1; }
	$(BIN)/python scripts/results.py --low $(DATA)/geant4_wsi_low_heldout.h5 \
	  --full $(DATA)/geant4_wsi_full_heldout.h5 --other $(DATA)/geant4_wsi_low_train2.h5 \
	  --train $(DATA)/geant4_wsi_low_train.h5 $(DATA)/geant4_wsi_full_train.h5

# What docs/ and the README show of the demo.
figures: demo
	mkdir -p docs/figures
	cp demo/figures/event.svg demo/figures/profiles.svg docs/figures/
	$(BIN)/python scripts/results_table.py best=demo/metrics.json \
	  best:reconstructed=demo/metrics.json

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf build dist demo demo-train .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
