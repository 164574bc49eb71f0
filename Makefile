# Needs Python 3.11 to 3.13 with venv, make, and the package registries.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test check clean

demo: $(VENV)/installed
	$(BIN)/bench run --out runs/demo \
	  --codecs pcm@384,opus@6,opus@12,opus@24,mp3@32,aac@32,amr-nb@12.2,hilcodec@3,hilcodec@6
	@echo "Results: runs/demo (run.sqlite, run.json, audio/, bitstreams/)."
	@echo "Again: $(BIN)/bench show runs/demo --by-category"

test: check
	$(BIN)/python -m pytest

check: $(VENV)/installed-for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) runs build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing codecbench into $(VENV); the first time takes a few minutes."
	$(INSTALL) --editable '.[all]'
	@touch $@

$(VENV)/installed-for-tests: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing codecbench and its test needs into $(VENV)."
	$(INSTALL) --editable '.[all,test]'
	@touch $@ $(VENV)/installed
