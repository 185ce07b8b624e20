# Each target makes what it needs from nothing: python3 and make are enough. Versions come from constraints.txt.
#   make demo    super-resolve a real anatomy and look at the picture
#   make test    the tests
#   make check   format, lint, types, import contract, documentation
#   make examples   one script a paper, into examples-output/
#   make papers  the five papers' pages, from docs/papers/data and docs/papers/claims
# PYTHON=… picks another Python (3.11 or newer). Without a GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves
# a download of some gigabytes.

PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PIP += $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo test check examples papers docs format clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

demo: .venv/demo.stamp
	$(BIN)/finemri demo --into demo-output --force

test: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

examples: .venv/test.stamp
	set -e; for each in examples/0*.py; do echo "$$each"; OMP_NUM_THREADS=1 $(BIN)/python "$$each"; done

papers: .venv/demo.stamp
	OMP_NUM_THREADS=1 $(BIN)/python scripts/paper_pages.py

docs: .venv/dev.stamp
	$(BIN)/mkdocs serve

format: .venv/dev.stamp
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

clean:
	rm -rf .venv site build dist

.venv/python.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "finemri needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) pip hatchling editables
	touch $@

.venv/demo.stamp: .venv/python.stamp
	$(PIP) --no-build-isolation --editable '.[demo]'
	touch $@

.venv/test.stamp: .venv/python.stamp
	$(PIP) --no-build-isolation --editable '.[demo,tracking,classical,rawdata,registration,study,postgres,cluster]' --group test
	touch $@

.venv/dev.stamp: .venv/python.stamp
	$(PIP) --no-build-isolation --editable '.[demo,tracking,classical,rawdata,registration,study,postgres,cluster]' --group dev
	touch $@
