# Every command prepares the checkout first (packaging/bootstrap.sh): a fresh Debian machine with Python 3.11, git and make will do.
.DEFAULT_GOAL := help
.PHONY: help demo test test-build check format bench blind campaign year screenshots desktop coverage least debian13 test-system generators upgrade
.PHONY: install manuals site installs deb reuse sbom clean
SHELL := /bin/sh
PY := .venv/bin/python
# For `make install`: below which folder, and for which interpreter. DESTDIR stands for the root directory.
prefix ?= /usr/local
PYTHON ?= /usr/bin/python3
DESTDIR ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## The whole flow on this machine, in half a minute, over a private session bus and a receiver of its own
	@packaging/bootstrap.sh demo
	@$(PY) packaging/demo/demo.py

test: ## Everything that has to pass: linters, the least versions, all tests (OPTIONAL=no: without opendp and PySide6)
	@packaging/bootstrap.sh test
	@packaging/check.sh test

test-build: ## What a distribution's build can run: as nobody, in a network of its own, from the source tree (docs/packaging.md)
	@packaging/bootstrap.sh test
	@packaging/test_build.sh

check: ## The linters only
	@packaging/bootstrap.sh test
	@packaging/check.sh lint

format: ## Format the code, and fix what the linter can fix
	@packaging/bootstrap.sh test
	@$(PY) -m ruff check --quiet --fix-only . && $(PY) -m ruff format --quiet .

bench: ## Figures: start-up, calls and load (docs/performance.md), last pushes, the attack on the reports (docs/privacy.md), who answers
	@packaging/bootstrap.sh bench
	@$(PY) tests/benchmarks/start.py --awake
	@$(PY) tests/benchmarks/load.py --awake
	@$(PY) tests/benchmarks/replies.py --awake
	@$(PY) tests/benchmarks/window.py --awake
	@$(PY) tests/benchmarks/last_push.py
	@$(PY) tests/benchmarks/blind.py --awake
	@$(PY) tests/benchmarks/linkage.py
	@$(PY) tests/benchmarks/selection.py
	@$(PY) tests/benchmarks/moves.py

blind: ## What an application sees beside the user's acts, at starts, midnights, ticks and the timer's run (half a day)
	@packaging/bootstrap.sh bench
	@$(PY) tests/benchmarks/blind_beside.py --awake
	@$(PY) tests/benchmarks/blind_moments.py --awake

campaign: ## The long forms: two hundred times the examples, hundreds of crashes, thousands of power cuts and damages, 400,000 hostile calls, 600 mutants (well over an hour)
	@packaging/bootstrap.sh test
	@$(PY) -m pytest -q -n 2 --hypothesis-profile=campaign --timeout=900 tests/core tests/toml tests/authoring tests/describe
	@TELEMETRYD_CAMPAIGN=1 $(PY) -m pytest -q -s --timeout=900 tests/flow/test_crash.py tests/flow/test_crash_ticks.py tests/flow/test_power_cut.py \
		tests/flow/test_storage_faults.py tests/flow/test_timer_killed.py tests/flow/test_fuzz.py tests/engine/test_walks.py tests/engine/declarations/test_reload_faults.py
	@TELEMETRYD_CAMPAIGN=1 $(PY) -m pytest -q -n 2 --timeout=900 tests/bus tests/core/privacy/test_share_plan.py tests/flow/test_bus_faults.py tests/flow/test_lifecycle.py \
		tests/settings/test_live.py
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --constraint packaging/constraints.txt --group mutants
	@$(PY) tests/mutants.py

year: ## A year of a desktop in a time that the test moves, with what holds on each of its days (some minutes; TELEMETRYD_SEED= draws the same days)
	@packaging/bootstrap.sh test
	@TELEMETRYD_CAMPAIGN=1 $(PY) -m pytest -q -s --timeout=1800 tests/flow/test_year.py

desktop: ## The window as screen readers and Japanese readers meet it: on Xvfb over the accessibility bus, with fonts (0.3 GB of Debian packages)
	@packaging/bootstrap.sh desktop
	@$(PY) -m pytest -q --timeout=300 tests/settings/test_atspi.py tests/settings/session/test_parent_window.py tests/settings/widgets/test_layout.py

screenshots: ## The pictures of the settings window in docs/screenshots, rendered without a screen over real daemons (needs 0.2 GB of fonts)
	@packaging/bootstrap.sh screenshots
	@$(PY) docs/generate_screenshots.py

coverage: ## All tests once more, and that they reach every branch of the core (half an hour)
	@packaging/bootstrap.sh test
	@packaging/check.sh coverage

least: ## The tests in which libraries matter, with the least versions that pyproject.toml permits (a short form is a part of make test)
	@packaging/bootstrap.sh test
	@packaging/least.sh whole

debian13: ## The same on what Debian 13 itself has, and nothing else (as root, with mmdebstrap; makes a root of 0.7 GB in build/)
	@packaging/debian13.sh

test-system: ## Debian 13 booted with systemd and our packages: units, lifecycle, upgrade, sandboxes and a real Flatpak, both buses (as root, with systemd-container; 1.6 GB in build/)
	@packaging/system/run.sh

generators: ## Every generator of D-Bus code, and what they make compiled and run, for Qt 5, Qt 6, GLib and sdbus-c++ (0.4 GB of Debian packages)
	@packaging/bootstrap.sh generators
	@TELEMETRYD_GENERATORS=1 $(PY) -m pytest -q --timeout=900 tests/bus/test_generators.py tests/bus/test_settings_page.py

upgrade: ## Newest versions of all Python packages; then run the tests and commit packaging/constraints.txt
	@packaging/bootstrap.sh test
	@packaging/upgrade.sh

install: ## Install for all users: programs, units, manual pages, … (DESTDIR= prefix=/usr/local PYTHON=/usr/bin/python3)
	@packaging/bootstrap.sh demo
	@rm -rf build/wheel
	@$(PY) -m hatchling build --target wheel --directory build/wheel >/dev/null
	@$(PY) packaging/install.py --destdir "$(DESTDIR)" --prefix "$(prefix)" --python "$(PYTHON)" build/wheel/*.whl

manuals: ## The manual pages and the shells' completions, in build/share
	@packaging/bootstrap.sh demo
	@$(PY) packaging/manuals/write.py build/share

site: ## The documents as a site in build/site/html, with every link and anchor checked; links to elsewhere are listed
	@packaging/bootstrap.sh demo
	@packaging/site.sh

installs: ## make install, pip --user, pipx and uv tool, each in a root of Debian 13, each up to the first answered call (as root)
	@packaging/installs.sh

deb: ## The Debian packages, built twice to the same bytes, with tests, lintian; then installed, opened, upgraded and purged (as root, with mmdebstrap)
	@packaging/deb.sh

reuse: ## Every file says its licence and its holder, as REUSE asks
	@packaging/bootstrap.sh demo
	@packaging/reuse.sh

sbom: ## What telemetryd needs at run time, as CycloneDX in build/, and that the licences of all of it are known and fit
	@packaging/bootstrap.sh test
	@$(PY) packaging/sbom.py build/telemetryd.cdx.json

clean: ## Remove what the commands made, the virtual environment too
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
