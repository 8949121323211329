# `make demo` and `make test` are all a newcomer needs: each builds .venv on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 2

.PHONY: demo test lint clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/ready
	rm -rf demo && mkdir demo
	$(BIN)/evalsuite simulate-population demo/real -n 40 --seed 1
	$(BIN)/evalsuite simulate-population demo/faithful -n 40 --seed 2
	$(BIN)/evalsuite simulate-population demo/degraded -n 40 --seed 3 --blur 1 --noise 0.03
	cd demo && ../$(BIN)/evalsuite compute-metrics --extractor radiomics \
	    --real real --synthetic faithful --synthetic degraded --output results
	@echo
	@echo "The table above: simulated brains against simulated brains, none of them patients."
	@echo "Figures:   demo/results/figures"
	@echo "Dashboard: cd demo && ../.venv/bin/mlflow ui   (then open http://127.0.0.1:5000)"

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv demo build *.egg-info
