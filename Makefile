# Each target works alone on a fresh clone: the environment is made when it is missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types clean

# torch comes first and pinned, so that no other requirement pulls a larger build of it.
.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	touch $@

demo: .venv/.installed
	$(BIN)/tcdcn-init demo --out demo.png

test: .venv/.installed
	$(BIN)/python -m pytest -q

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy sees the package as it installs: adapters/ and eval/ inside tcdcn_init.
types: .venv/.installed
	rm -rf build/types && mkdir -p build/types
	cp -r tcdcn_init build/types/ && cp -r adapters eval build/types/tcdcn_init/
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p tcdcn_init

clean:
	rm -rf build .venv *.egg-info
