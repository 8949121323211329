# `make demo` and `make test` are all a newcomer needs: each builds .venv on a fresh clone.
PYTHON ?= python3
# Where plain torch is the CUDA build of over 5 GB and there is no GPU:
# make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
BIN := .venv/bin
export OMP_NUM_THREADS ?= 2

.PHONY: demo demo-generator demo-study docs test test-lowest test-tutorials fuzz lint clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
	    $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable ".[dev,docs]"
	touch $@

# Each demonstration replaces its own folder, and leaves the user's server and studies alone.
unexport MLFLOW_TRACKING_URI MLFLOW_EXPERIMENT_NAME EVALSUITE_STUDIES EVALSUITE_DATABASE
SIMULATE := ../../$(BIN)/evalsuite simulate-population --spacing 5
COMPUTE := ../../$(BIN)/evalsuite compute-metrics --extractor radiomics --shape 32,40,32 --seed 1

demo: .venv/ready
	rm -rf demo/metrics && mkdir -p demo/metrics
	cd demo/metrics && $(SIMULATE) real -n 30 --seed 1
	cd demo/metrics && $(SIMULATE) blurred -n 30 --seed 2 --blur 0.5 --noise 0.01
	cd demo/metrics && $(SIMULATE) alike -n 30 --seed 3 --variability 0.5
	cd demo/metrics && $(COMPUTE) --real real --synthetic blurred --synthetic alike --output results
	cd demo/metrics && ../../$(BIN)/evalsuite report --evaluation results --output report
	@echo
	@echo "The table above: simulated brains, of a template and not of patients, against blurred and"
	@echo "noisy ones and against ones that are too much alike, as of a generator that dropped modes."
	@echo "Report:    demo/metrics/report/report.html"
	@echo "Figures:   demo/metrics/results/figures"
	@echo "Dashboard: (cd demo/metrics && ../../$(BIN)/mlflow ui)   then open http://127.0.0.1:5000"

demo-generator: .venv/ready
	rm -rf demo/generator && mkdir -p demo/generator
	cd demo/generator && $(SIMULATE) real -n 100 --seed 1
	cd demo/generator && $(SIMULATE) degraded -n 40 --seed 2 --blur 1 --noise 0.03
	cd demo/generator && ../../$(BIN)/evalsuite generator train real --output run --preset tiny --set fit=crop
	cd demo/generator && ../../$(BIN)/evalsuite generator sample run -n 40 --output samples
	cd demo/generator && $(COMPUTE) --real real --synthetic samples --synthetic degraded --output results
	@echo
	@echo "The table above: simulated brains, of a template and not of patients, against samples of"
	@echo "a generator trained on them for a few minutes, and against degraded simulated brains."
	@echo "Samples:   demo/generator/samples/contact_sheet.png"
	@echo "Figures:   demo/generator/results/figures"
	@echo "Dashboard: (cd demo/generator && ../../$(BIN)/mlflow ui)   then open http://127.0.0.1:5000"

demo-study: .venv/ready
	rm -rf demo/study && mkdir -p demo/study
	cd demo/study && ../../$(BIN)/evalsuite study demo
	cd demo/study && ../../$(BIN)/evalsuite study close demo --yes
	cd demo/study && ../../$(BIN)/evalsuite study export demo --output answers.csv
	cd demo/study && ../../$(BIN)/evalsuite report --study demo --output report
	@echo
	@echo "Three simulated readers judged simulated brains, half of them blurred."
	@echo "Report:    demo/study/report/report.html"
	@echo "Answers:   demo/study/answers.csv"
	@echo "Dashboard: (cd demo/study && ../../$(BIN)/mlflow ui)   then open http://127.0.0.1:5000"
	@echo "To read yourself: mkdir -p demo/yours && cd demo/yours && ../../$(BIN)/evalsuite study serve"
	@echo "(with no study there, its page offers a demonstration)."

# The tests build it, too. Strict: a warning, such as of a broken link, is an error.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "Documentation: build/site/index.html"
	@echo "To search in it as well: $(PYTHON) -m http.server --bind 127.0.0.1 --directory build/site"

# Two processes of one thread each: three took as long on 2 cores. Each takes half of the tests in their
# order, so that files are seldom divided, and then what the other has left.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

# The lowest versions that pyproject.toml allows, and with PYTHON=python3.12 another Python's. Documentation
# is built with those of constraints.txt alone.
# LOWEST_TORCH=VERSION takes another torch, such as where the lowest has no build for the CPU.
test-lowest: LOWEST_TORCH ?=
test-lowest: TESTS ?= tests evalsuite --ignore tests/docs
test-lowest:
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest --resolution lowest-direct \
	    $(if $(TORCH_INDEX),--index $(TORCH_INDEX) --index-strategy unsafe-best-match) \
	    --editable ".[dev,login]" $(if $(LOWEST_TORCH),"torch==$(LOWEST_TORCH)")
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -q -n 2 --dist worksteal $(TESTS)

# README and tutorials as a new user pastes them: from the wheel, in an environment of its own.
test-tutorials:
	rm -rf build/wheel .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	.venv-wheel/bin/python -m pip install --quiet --constraint constraints.txt \
	    $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$$(echo build/wheel/*.whl)[all]"
	.venv-wheel/bin/python docs/paste.py

# Every property with many random examples; those that failed are tried first the next time.
fuzz: TESTS ?= tests
fuzz: SEED ?= $(shell od -An -N4 -tu4 /dev/urandom)
fuzz: .venv/ready
	@seed=$$(echo $(SEED)); echo "To draw the same again: make fuzz TESTS=\"$(TESTS)\" SEED=$$seed"; \
	    OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m hypothesis $(TESTS) \
	    --hypothesis-profile fuzz --hypothesis-seed $$seed

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .venv-lowest .venv-wheel demo build *.egg-info
