# Everything a newcomer needs: `make demo`, `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := var/demo
CUSTOMERS ?= 20000
SEED ?= 7
BENCH_MEGABYTES ?= 2048
# Servers that run already, in place of the embedded ones: a superuser's URL, and http://ACCESS:SECRET@host:port.
POSTGRES_URL ?=
S3_URL ?=
DEMO_OPTIONS = --dir $(DEMO) --customers $(CUSTOMERS) --seed $(SEED) --postgres-url '$(POSTGRES_URL)' --s3-url '$(S3_URL)'
export PYTHONPATH := include
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Progress shows as it happens, also in a pipe.
export PYTHONUNBUFFERED := 1

.PHONY: help demo up down test kills thorough traces check format lock bench bench-classify bench-read bench-decide bench-persons bench-plan bench-sql bench-survivors bench-accuracy bench-ledger mutations mutants forensics bench-objects bench-files bench-objects-delete bench-objects-memory bench-objects-limits object-services scoreboard clean
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

# The environment is complete when both lock files were installed from their hashes.
$(VENV)/runtime: requirements.txt
	@echo "creating the environment from the hash-locked requirements.txt (a minute or two, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements.txt
	@echo "$(CURDIR)/include" > $$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')/winddown.pth
	@touch $@

# Machine code of recognisers and readers; without this, the first process that classifies has to wait for it.
$(VENV)/compiled: $(VENV)/runtime include/winddown/compiled.py include/winddown/stores/sql/copy_cells.py $(wildcard include/winddown/detectors/*.py include/winddown/detectors/kinds/*.py)
	@$(BIN)/python -m winddown.compilation
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	@$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

demo: $(VENV)/compiled ## wind down a generated company through a real Airflow, and stop everything again
	@$(BIN)/python -m winddown.demo run $(DEMO_OPTIONS)

up: $(VENV)/compiled ## start the demo company and the Airflow UI, and leave them running
	@$(BIN)/python -m winddown.demo up $(DEMO_OPTIONS)

down: $(VENV)/runtime ## stop what `make up` started
	@$(BIN)/python -m winddown.demo stop --dir $(DEMO)

# Databases sync thousands of times in the tests; where memory holds their files, nothing waits for a disk.
MEMORY := /dev/shm
test: $(VENV)/development $(VENV)/compiled ## run every test; what cannot run here is named with its reason at the end
	@if [ -z "$$TMPDIR" ] && [ "$$(df --output=avail $(MEMORY) 2>/dev/null | tail -n 1)" -gt 8000000 ] 2>/dev/null; then \
	  TMPDIR=$$(mktemp -d $(MEMORY)/wXXXXXX) && export TMPDIR && trap 'rm -rf "$$TMPDIR"' EXIT; chmod 1777 "$$TMPDIR"; fi; \
	$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations=10 $(PYTEST)

kills: $(VENV)/development $(VENV)/compiled ## kill small destructions before every statement, on every engine, and a case at every system call
	@WINDDOWN_TEST_KILLS=all $(BIN)/pytest -q -n 2 --dist loadfile tests/contract tests/chaos -m chaos

thorough: $(VENV)/development $(VENV)/compiled ## the tests that `make test` leaves out, because another says nearly the same
	@WINDDOWN_TEST_THOROUGH=all $(BIN)/pytest -q -n 2 --dist loadfile -m "thorough or any_key"

traces: $(VENV)/development $(VENV)/compiled ## winddown's own traces erased by DAG runs of a real Airflow, which is searched afterwards
	@WINDDOWN_TEST_THOROUGH=all $(BIN)/pytest -q tests/integration/test_own_traces_dag.py

check: $(VENV)/development ## style, types, layers, compose schema, documents, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	$(BIN)/python docs/generate.py --check
	$(MAKE) --no-print-directory lock
	git diff --exit-code -- requirements.txt requirements-dev.txt

format: $(VENV)/development ## format the code
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

lock: $(VENV)/development ## resolve requirements.in and requirements-dev.in into the lock files
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

bench: bench-classify bench-read bench-decide bench-persons bench-plan bench-sql bench-survivors bench-accuracy bench-ledger bench-objects bench-files ## all benchmarks; each ends with one line a figure

bench-classify: $(VENV)/development ## how fast cells are classified in memory, beside Presidio
	$(BIN)/python bench/bench_classify.py

bench-read: $(VENV)/development ## the same through PostgreSQL and files, and how a bucket of a million keys is listed
	$(BIN)/python bench/bench_read_sql.py --rows 200000
	$(BIN)/python bench/bench_read_objects.py --megabytes 100
	$(BIN)/python bench/bench_list_objects.py --keys 1000000
	$(BIN)/python bench/bench_list_objects.py --keys 1000000 --inventory CSV

bench-decide: $(VENV)/development ## how fast a million records are labelled and decided under every rule in force
	$(BIN)/python bench/bench_decide.py

bench-accuracy: $(VENV)/development ## precision and recall on data of other authors, fetched when it runs
	$(BIN)/python bench/accuracy.py

bench-persons: $(VENV)/development ## distinct persons across stores: time, error and memory at ten million
	$(BIN)/python bench/bench_persons.py

bench-plan: $(VENV)/development ## how much memory a plan of five million records takes, and how long
	$(BIN)/python bench/bench_plan.py --records 5000000

bench-sql: $(VENV)/development ## destruction in PostgreSQL and MariaDB, beside single statements and pt-archiver
	$(BIN)/python bench/bench_sql.py

bench-survivors: $(VENV)/development ## most rows of a PostgreSQL table at once, beside batches and beside DELETE and VACUUM FULL
	$(BIN)/python bench/bench_survivors.py

bench-ledger: $(VENV)/development ## durable appends to the ledger, single and in batches, and how fast a million entries verify
	$(BIN)/python bench/bench_ledger.py

mutations: $(VENV)/development ## change every byte of a bundle, and forge and sign it anew in every way: all must be detected
	@WINDDOWN_TEST_MUTATIONS=all $(BIN)/pytest -q -s --timeout 7200 tests/unit/evidence/test_mutations.py tests/unit/evidence/test_verifier_page.py

mutants: $(VENV)/development $(VENV)/compiled ## change the source of the guards, one place at a time: tests must notice
	$(BIN)/python bench/mutants.py

bench-objects: $(VENV)/development ## rows erased inside Parquet and gzipped JSON lines, beside pyarrow, Polars and DuckDB
	$(BIN)/python bench/bench_objects.py

bench-files: $(VENV)/development ## files of a folder erased in stages, beside sha256sum and rm; BENCH_MEGABYTES=20480 for 20 GB
	$(BIN)/python bench/bench_files.py --megabytes $(BENCH_MEGABYTES)

bench-objects-delete: $(VENV)/development ## small objects with versions destroyed on Ceph RGW, beside bare requests, rclone and aws s3 rm
	$(BIN)/python bench/bench_delete_objects.py

bench-objects-memory: $(VENV)/development ## peak memory of destroying one object of a gibibyte, and rows of one, on the embedded service
	$(BIN)/python bench/bench_rewrite_objects.py --megabytes 1024

bench-objects-limits: $(VENV)/development ## Parquet of 10,000 columns and of a row group of 2 GB: rows erased, peak memory
	$(BIN)/python bench/bench_rewrite_limits.py

object-services: $(VENV)/development ## what the object services at hand do, tried one by one: writes docs/object-services.md
	$(BIN)/python bench/object_services.py --write

forensics: $(VENV)/development ## where the bytes of deleted rows remain, engine by engine: writes docs/forensics.md
	$(BIN)/python bench/forensics.py --write

scoreboard: $(VENV)/development $(VENV)/compiled ## what was tried to break safety and evidence, and what it did: writes docs/scoreboard.md
	$(BIN)/python bench/scoreboard.py --write

clean: ## remove environment, demo and caches
	@if [ -x $(BIN)/python ] && [ -d $(DEMO) ]; then $(BIN)/python -m winddown.demo stop --dir $(DEMO); fi
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
