# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up in .venv.
# CPU=1 takes PyTorch without its CUDA libraries, which saves 4 GB: make test CPU=1
PYTHON ?= python3
BIN := .venv/bin
CPU_BUILDS := https://download.pytorch.org/whl/cpu

.PHONY: demo test coverage serve page docs wheel dist lint bench bench-training bench-predict clean

demo: .venv/ready
	$(BIN)/affekt demo --out demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto

# The tests, with the part of the lines that they run: below 90 % it fails.
coverage: .venv/ready
	$(BIN)/python -m pytest -n auto --cov

# The HTTP service with the live page, at http://127.0.0.1:8000/
serve: .venv/ready page
	$(BIN)/affekt serve

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The pages as a site in build/site; a link that leads nowhere fails.
docs: .venv/ready
	$(BIN)/python scripts/site.py build/site

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

# The wheel, and the source archive that it can be built from; the wheel is tried in an environment of its own.
dist: wheel
	$(BIN)/python -m hatchling build --target sdist --directory dist
	$(BIN)/python scripts/try_wheel.py dist/affekt-*.whl

bench-training: .venv/ready
	$(BIN)/python benchmarks/frozen_training.py

bench-predict: .venv/ready
	$(BIN)/python benchmarks/predict_speed.py --out benchmarks/results-predict.md

.venv/ready: requirements.txt pyproject.toml scripts/hatch_build.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
ifdef CPU
	grep -E '^torch(vision)?==' requirements.txt > .venv/torch.txt
	grep -vE '^(torch|torchvision|triton|nvidia-.*|cuda-.*)==' requirements.txt > .venv/others.txt
	$(BIN)/python -m pip install --quiet --requirement .venv/others.txt
	$(BIN)/python -m pip install --quiet --index-url $(CPU_BUILDS) --requirement .venv/torch.txt
else
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
endif
	touch $@

clean:
	rm -rf .venv demo build dist src/affekt/shipped/detector/*.onnx .coverage* .pytest_cache .ruff_cache web/node_modules src/affekt/server/page/vendor
