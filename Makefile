# make demo: the whole road on a bare machine. make test: all tests. Both install into .venv first.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m robovlms_mobile
CONFIG := configs/mobile_vla_demo.json
export PYTHONUNBUFFERED := 1
export OMP_WAIT_POLICY := PASSIVE  # threads that wait do not spin: four times faster on tiny models

.PHONY: install checkout demo test slow lint clean

install: .venv/.installed

.venv/.installed: setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || \
		{ echo "$(PYTHON) is not Python 3.10, 3.11 or 3.12; say which one to use: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

checkout: install
	@[ -n "$$ROBOVLMS_ROOT" ] || [ -f RoboVLMs/main.py ] || $(RUN) upstream fetch --root RoboVLMs >/dev/null || \
		echo "Going on with tests/standin, a test double of RoboVLMs. To fetch it later: make checkout"

runs/demo/.made: .venv/.installed
	$(RUN) synth runs/demo/episodes --episodes 120 --frames 24 --size 320x180 --seed 0 --force
	$(RUN) tiny-vlm runs/demo/tiny-kosmos-2 --force
	@touch $@

demo: checkout runs/demo/.made
	@if [ -n "$$ROBOVLMS_ROOT" ]; then $(RUN) train $(CONFIG); \
	elif [ -f RoboVLMs/main.py ]; then $(RUN) upstream patch >/dev/null && $(BIN)/python RoboVLMs/main.py $(CONFIG); \
	else $(RUN) train --root tests/standin $(CONFIG); fi
	@$(RUN) summary runs/checkpoints/kosmos2/demo
	@if [ -n "$$ROBOVLMS_ROOT" ] || [ -f RoboVLMs/main.py ]; then $(RUN) drive runs/checkpoints/kosmos2/demo; \
	else $(RUN) drive runs/checkpoints/kosmos2/demo --root tests/standin; fi
	@echo "LoRA's own share of this is small: README.md has the figures of the head alone, on the base model as it was."

test: checkout
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

slow: checkout
	-@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[ros]'  # where it installs, else those tests skip
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check . && $(BIN)/python -m mypy

clean:
	rm -rf .venv runs/demo
