# every target sets up .venv by itself when it is missing or older than what it is made from
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-targets lint bench simulate docs clean
.DEFAULT_GOAL := demo

demo: $(READY)
	$(BIN)/ordergroove demo

# side by side: most of the time is spent waiting for what the tests start
test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal

# the same merchant in every engine, for longer
test-targets: $(READY)
	ROUNDS=20 $(BIN)/pytest -n auto -k equal_the_truth tests/targets

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.marts.bench

# a merchant's life beside the warehouse, drawn from a seed: runs, kills, clock changes
SEEDS ?= 20
simulate: $(READY)
	$(BIN)/python -m tests.simulation $(SEEDS)

# the parts of the README that come from the code
docs: $(READY)
	$(BIN)/python -m tests.readme

clean:
	rm -rf .venv .ordergroove .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@
