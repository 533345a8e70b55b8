# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench bench-training bench-predict clean

demo: .venv/ready
	$(BIN)/affekt demo --out demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# DATA, a FER+ manifest, puts accuracy beside speed: make bench DATA=ferplus.parquet
bench: .venv/ready
	$(BIN)/python benchmarks/speed.py $(if $(DATA),--data $(DATA))
	$(BIN)/python benchmarks/frozen_training.py

bench-training: .venv/ready
	$(BIN)/python benchmarks/frozen_training.py

bench-predict: .venv/ready
	$(BIN)/python benchmarks/predict_speed.py --out benchmarks/results-predict.md

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv demo build dist .pytest_cache .ruff_cache
