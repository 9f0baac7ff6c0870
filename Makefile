# All that a fresh machine with only Python 3.11 or newer needs. `make help` lists the targets.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV ?= .venv
BIN := $(VENV)/bin
RELEASES := build/releases

.PHONY: help setup demo build test suites clients check format docs bench lock picture clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/cybilgraph: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The scripts of the site. pip makes them, too, but does not show what it is told.
FRONTEND := src/cybilgraph/web/frontend
$(VENV)/frontend: $(wildcard $(FRONTEND)/*.js $(FRONTEND)/*.json $(FRONTEND)/*.py) requirements-node.txt | $(BIN)/cybilgraph
	@command -v npm > /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.txt || true
	@$(BIN)/python $(FRONTEND)/build.py
	@touch $@

setup: $(BIN)/cybilgraph $(VENV)/frontend ## make the virtual environment, with the pinned packages

build: setup ## build the graph from data/records into build/releases
	@$(BIN)/cybilgraph build data/records --into $(RELEASES) $(AS_OF)

# What is found depends on the day; it prints what the README says, also in years.
demo: AS_OF = --as-of 2026-01-31
demo: build ## build the graph, ask it one question, serve it until stopped
	@echo
	@$(BIN)/cybilgraph query example-projects-in-country --param country=Belize --from $(RELEASES)
	@echo
	@$(BIN)/cybilgraph serve $(RELEASES) --host $(HOST) --port $(PORT)

test: setup ## run all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

# The W3C test suite of SHACL is not ours: a package that carries it is fetched, by its checksum.
suites: build/suites/data-shapes build/suites/iati ## fetch the test suites of others into build/suites
build/suites/data-shapes: tests/suites.txt | $(BIN)/cybilgraph
	@rm -rf build/suites/data-shapes build/suites/sht_tests build/suites/pyshacl-* && mkdir -p build/suites
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyshacl --require-hashes -r $< -d build/suites
	@tar -xzf build/suites/pyshacl-*.tar.gz -C build/suites --strip-components=3 \
	  $$(basename build/suites/pyshacl-*.tar.gz .tar.gz)/test/resources/sht_tests
	@mv build/suites/sht_tests $@

build/suites/iati: tests/iati-schema.txt | $(BIN)/cybilgraph
	@rm -rf build/suites/iati && mkdir -p build/suites/iati-schema
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyIATI --require-hashes -r $< -d build/suites/iati-schema
	@tar -xzf build/suites/iati-schema/*.tar.gz -C build/suites/iati-schema --strip-components=5 --wildcards '*/standard/2-03/schemas/*.xsd'
	@mv build/suites/iati-schema/schemas $@ && rm -rf build/suites/iati-schema

# Clients of SPARQL that are no Python: those of tests/clients, by their checksums. Tests that need them say so.
clients: ## fetch the clients of others that run in Node.js
	@if command -v npm > /dev/null; then cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
	  || echo "Comunica could not be installed, and is not tested."; \
	  else echo "There is no npm: Comunica is not tested."; fi

check: setup ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## put the source into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## update the generated parts of docs/reference
	@$(BIN)/python docs/update_reference.py

# The peers of the benchmarks live apart: they need older packages than ours. Without them a benchmark says so.
$(VENV)-bench/installed: requirements-bench.txt
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt \
	  && touch $@ || { rm -rf $(VENV)-bench; echo "The peers of the benchmarks could not be installed; the benchmarks go on."; }

bench: setup $(VENV)-bench/installed ## run the benchmarks: ours and the peers' on the same work
	@for program in tests/bench/*.py; do $(BIN)/python $$program || exit 1; done

lock: ## pin the packages of pyproject.toml again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml --output-file requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --constraints requirements.txt --group pyproject.toml:build pyproject.toml --output-file requirements-serve.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:bench --output-file requirements-bench.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:node --output-file requirements-node.txt

picture: build ## take README.png anew (needs chromium)
	@$(BIN)/cybilgraph serve $(RELEASES) --port 8765 > /dev/null & server=$$!; sleep 3; \
	chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update \
	  --disable-sync --hide-scrollbars --user-data-dir=build/chromium --window-size=1000,640 --screenshot=README.png \
	  http://127.0.0.1:8765/id/project/G0020 2> /dev/null; kill $$server

clean: ## remove all that was made
	rm -rf .venv .venv-* build $(FRONTEND)/node_modules src/cybilgraph/web/static/built .mypy_cache .pytest_cache .ruff_cache
