# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test coverage page wheel lint bench bench-training bench-predict clean

demo: .venv/ready
	$(BIN)/affekt demo --out demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto

# The tests, with the part of the lines that they run: below 90 % it fails.
coverage: .venv/ready
	$(BIN)/python -m pytest -n auto --cov

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# DATA, a FER+ manifest, puts accuracy beside speed: make bench DATA=ferplus.parquet
bench: .venv/ready
	$(BIN)/python benchmarks/speed.py $(if $(DATA),--data $(DATA))
	$(BIN)/python benchmarks/frozen_training.py

# The one target that needs node: npm brings the runtime that the live page computes with.
page: src/affekt/server/page/vendor/ready

src/affekt/server/page/vendor/ready: web/package.json web/vendor.sha256 web/vendor.mjs web/onnxruntime-web.LICENSE.txt
	npm install --prefix web --no-package-lock --ignore-scripts --no-audit --no-fund
	npm run --prefix web build
	touch $@

# The package with the live page and the face detector's file, which AFFEKT_DETECTOR_DIR=DIR takes from a folder.
wheel: .venv/ready page
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

bench-training: .venv/ready
	$(BIN)/python benchmarks/frozen_training.py

bench-predict: .venv/ready
	$(BIN)/python benchmarks/predict_speed.py --out benchmarks/results-predict.md

.venv/ready: requirements.txt pyproject.toml scripts/hatch_build.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv demo build dist src/affekt/shipped/detector/*.onnx .coverage* .pytest_cache .ruff_cache web/node_modules src/affekt/server/page/vendor
