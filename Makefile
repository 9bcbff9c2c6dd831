# Each target works alone on a fresh clone: the environment is made when it is missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types docs fuzz clean

PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --config-settings editable_mode=strict

# What whoever initializes faces needs.
.venv/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

# torch comes first and pinned, so that no other requirement pulls a larger build of it.
.venv/.installed: .venv/.base
	$(PIP) torch==2.13.0
	$(PIP) -e ".[all,dev]"
	touch $@

demo: .venv/.base
	$(BIN)/tcdcn-init demo --out demo.png

# As a module: processes that tests start find the tests by the working directory.
test: .venv/.installed
	$(BIN)/python -m pytest -q -n auto

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Not from here, where the folder tcdcn_init/ hides the installed package with adapters and eval in it.
types: .venv/.installed
	cd tests && ../$(BIN)/mypy --config-file ../pyproject.toml -p tcdcn_init
	cd tests && ../$(BIN)/mypy --config-file ../pyproject.toml repository/typing_usage.py
	cd benchmarks && ../$(BIN)/mypy --config-file ../pyproject.toml *.py
	cd docs && ../$(BIN)/mypy --config-file ../pyproject.toml *.py tables/*.py
	cd docs/site && ../../$(BIN)/mypy --config-file ../../pyproject.toml *.py

# The site, with every example run: build/docs/index.html. A warning is an error.
docs: .venv/.installed
	$(PIP) -e ".[docs]"
	$(BIN)/python docs/site/build.py

# 100,000 hostile inputs and interrupted runs; some ten minutes, and docs/reliability.md.
fuzz: .venv/.installed
	$(BIN)/python fuzz/run.py --out docs/reliability.md

clean:
	rm -rf build .venv *.egg-info
