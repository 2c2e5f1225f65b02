# Every target sets up what it needs; make, sh and Python 3.11 or later are enough to begin with.
# PYTHON names the interpreter that the virtual environment is made of.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNS := $(VENV)/.runs
COMPILED := $(VENV)/.compiled
# Many tests wait for a deadline or a server: three processes a core, each with whole files of tests, in the
# order of tests/conftest.py: by the number of tests, the few that take longest would come last.
# PARALLEL= runs them one by one, which takes several times as long.
PARALLEL := --numprocesses 6 --dist loadfile --no-loadscope-reorder
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
FUZZ_SECONDS ?= 900
PACE ?= quick
FUZZER := 'atheris>=3'
# What makes a release is apart from what develops: these tools change nothing that is tested.
RELEASE := .venv-release
RELEASE_TOOLS := 'uv>=0.9' 'pip-audit>=2.9' 'cyclonedx-bom>=7'
SBOM := build/mapsweep.cdx.json
SHELL_SCRIPTS := collector/probe.sh scripts/environment scripts/system-packages scripts/audit scripts/release-check .ci/run

# What is compiled is kept, whatever the environment says: the tests start hundreds of processes, and each would
# compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast test-all test-lowest faults faults-ssh check bench bench-pipeline bench-fleet bench-nights bench-broker bench-page second-opinion ill truth case floors edges digests docs fuzz attack hostile stack lock audit sbom release-check man clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo         sweep a demo fleet on this machine; the report lands in runs/'
	@echo 'make test         all tests (as root on Debian: installs the servers they start)'
	@echo 'make test-fast    what a minute has room for: no servers, no slow test, few examples of each property'
	@echo 'make test-all     all tests on each of PYTHONS that is here: what kills processes 30 times over, other examples each time'
	@echo 'make test-lowest  all tests on the lowest versions that pyproject.toml allows'
	@echo 'make faults       break a fleet in every way that docs/faults.md knows, and write that page (half an hour)'
	@echo 'make faults-ssh   sweep SSH servers with every fault beside healthy ones: each has its own reason (TIMES=n hosts of each)'
	@echo 'make check        format, lint, types, import direction'
	@echo 'make bench        what is claimed about speed, one line a figure'
	@echo 'make bench-pipeline  from the dumps of 500 hosts to a rendered report (HOSTS=n for another number)'
	@echo 'make bench-fleet  from the dumps of 2,000 and 10,000 made hosts to a rendered report, and bench-page (HOSTS=n, SEED=n)'
	@echo 'make bench-nights  14 nights of 1,000 made hosts: what is planted is told as new once, all else is quiet (HOSTS=n, SEED=n)'
	@echo 'make bench-broker  what a run of 2,000 hosts costs Redis (HOSTS=n for another number)'
	@echo 'make bench-page   the report of 500 and of 5,000 hosts in a browser, against that of the demo'
	@echo 'make second-opinion  label processes that can tell what their memory is (JVMs, C), and compare'
	@echo 'make ill          start processes that leak, drawn by chance, and score the labels on them'
	@echo 'make truth        score the classifier on the known processes (TRUTH=DIR: on those of a folder; SWAPPED=1: swapped out)'
	@echo 'make case CAPTURE=DIR  add a known process: a captured folder with truth.tsv (SET=, NAME=)'
	@echo 'make floors       raise the floors of the figures of make truth to today'\''s'
	@echo 'make edges        whose order matters among the labellers, and which known process shows it (some minutes)'
	@echo 'make docs         the pages and lists that are generated: settings, columns, schemas, the rules of each kind, troubles'
	@echo 'make digests      after RULES_VERSION was raised: what the rules make of each known process'
	@echo 'make fuzz         search for streams and key files that break their readers, for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make attack       the probe under its sudoers rule, 200 inputs for each pair of shell and awk'
	@echo 'make hostile      sweep 72 hosts that send the most they may, beside healthy ones: memory is bounded (some minutes)'
	@echo 'make stack        as root: the compose file in a container engine of its own, with hosts, mail and mishaps'
	@echo 'make lock         requirements.lock and requirements-build.lock from pyproject.toml (UPGRADE=yes: to the newest versions)'
	@echo 'make audit        advisories on the locked and on the lowest versions (needs a network; AUDIT_SERVICE=osv asks elsewhere)'
	@echo 'make sbom         what the image has of Python, as CycloneDX, from requirements.lock: build/mapsweep.cdx.json'
	@echo 'make release-check  the wheel of a clean clone with the locked versions runs the demo, and the lock files are up to date'
	@echo 'make man          the manual pages, into man/'
	@echo 'make clean        remove what the other targets made, runs/ excepted'

$(STAMP): pyproject.toml scripts/environment
	@echo 'installing mapsweep and what its tests need into $(VENV) (some minutes the first time)'
	@sh scripts/environment '$(PYTHON)' $(VENV) --editable '.[dev]'
	@touch $@ $(RUNS)

# What runs needs no tools of development.
$(RUNS): pyproject.toml scripts/environment
	@echo 'installing mapsweep into $(VENV) (a minute the first time)'
	@sh scripts/environment '$(PYTHON)' $(VENV) --editable .
	@touch $@

# Two hosts of the demo fleet fail by design, so the command ends with 3 (some hosts failed): exactly that is right.
demo: $(RUNS)
	@status=0; $(BIN)/mapsweep demo --runs runs || status=$$?; \
	case $$status in \
	  3) ;; \
	  0) echo 'make demo: exit 0, but two hosts of the demo fleet have to fail' >&2; exit 1 ;; \
	  *) exit $$status ;; \
	esac

# Each of the processes that run tests reads all test files: two compile them before, or each would compile all.
# Once: to read all again would cost more than to compile what has changed since.
$(COMPILED): $(STAMP)
	@ls -d tests/*/ tests/test_*.py | xargs -n 12 -P 2 $(BIN)/pytest --collect-only -qq >/dev/null 2>&1 || true
	@touch $@

test: $(COMPILED)
	@sh scripts/system-packages
	$(BIN)/pytest $(PARALLEL) $(TESTS)

test-fast: $(STAMP)
	$(BIN)/pytest -m "not journey and not slow" --hypothesis-profile=fast $(PARALLEL) --quiet $(TESTS)

test-all:
	@sh scripts/system-packages
	@found=; for python in $(PYTHONS); do \
	  command -v "$$python" >/dev/null || { echo "make test-all: $$python is not here" >&2; continue; }; \
	  found=yes; venv=".venv-$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	  sh scripts/environment "$$python" "$$venv" --editable '.[dev]' || exit; \
	  MAPSWEEP_REPEATS=30 "$$venv/bin/pytest" --hypothesis-profile=drawn $(TESTS) || exit; \
	done; test -n "$$found"

test-lowest: .venv-lowest/.installed
	@sh scripts/system-packages
	.venv-lowest/bin/pytest $(TESTS)

.venv-lowest/.installed: pyproject.toml scripts/environment scripts/lowest
	@$(PYTHON) scripts/lowest pyproject.toml > lowest.txt
	@sh scripts/environment '$(PYTHON)' .venv-lowest --requirement lowest.txt --editable '.[dev]'
	@rm -f lowest.txt
	@touch $@

# make faults PACE=shipped: at the pace as shipped, which takes more than an hour.
faults: $(STAMP)
	@sh scripts/system-packages
	MAPSWEEP_FAULT_PACE=$(PACE) MAPSWEEP_FAULT_PAGE=docs/faults.md $(BIN)/pytest -m fault $(TESTS) tests/faults

# make test has one host of each kind.
faults-ssh: $(STAMP)
	@sh scripts/system-packages
	MAPSWEEP_FARM_TIMES=$(or $(TIMES),3) $(BIN)/pytest $(TESTS) tests/farm

man: $(RUNS)
	@$(BIN)/mapsweep man --output man

check: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	MYPYPATH=scripts/recordings $(BIN)/mypy scripts/record
	$(BIN)/mypy scripts/lowest
	$(BIN)/mypy scripts/sbom-check
	$(BIN)/lint-imports
	@if command -v shellcheck >/dev/null; then shellcheck --shell=sh $(SHELL_SCRIPTS); \
	else echo 'shellcheck is not installed: the shell scripts were not checked'; fi

bench: $(STAMP)
	@sh scripts/system-packages
	$(BIN)/python -m bench $(PARTS)

bench-pipeline: $(STAMP)
	$(BIN)/python -m bench.run_pipeline $(HOSTS)

# HOSTS=n measures that size alone, without bounds; PROCESSES=n of each host. All sizes take half an hour.
# FOLDER=DIR in addition keeps the fleet in that folder: the next time it is only closed and rendered.
bench-fleet: $(STAMP)
	$(BIN)/python -m bench.fleet $(if $(HOSTS),--hosts $(HOSTS)) $(if $(PROCESSES),--processes $(PROCESSES)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(FOLDER),--runs $(FOLDER))
	$(if $(HOSTS),,$(BIN)/python -m bench.page)

# HOSTS=n, PROCESSES=n of each, NIGHTS=n, SEED=n. As it is, it takes a quarter of an hour of CPU.
bench-nights: $(STAMP)
	$(BIN)/python -m bench.nights $(if $(HOSTS),--hosts $(HOSTS)) $(if $(PROCESSES),--processes $(PROCESSES)) \
	  $(if $(NIGHTS),--nights $(NIGHTS)) $(if $(SEED),--seed $(SEED))

bench-broker: $(STAMP)
	@sh scripts/system-packages
	$(BIN)/python -m bench.broker $(HOSTS)

bench-page: $(STAMP)
	@sh scripts/system-packages
	$(BIN)/python -m bench.page

second-opinion: $(STAMP)
	$(BIN)/python -m bench.second_opinion $(OPTIONS)

ill: $(STAMP)
	$(BIN)/python -m bench.ill $(OPTIONS)

truth: $(STAMP)
	@$(BIN)/python -m tests.truth $(if $(TRUTH),--folder '$(TRUTH)') $(if $(SWAPPED),--swapped) $(OPTIONS)

case: $(STAMP)
	@$(BIN)/python -m tests.truth.new_case '$(CAPTURE)' $(if $(SET),--set '$(SET)') $(if $(NAME),--name '$(NAME)')

floors: $(STAMP)
	@$(BIN)/python -m tests.truth.floors

edges: $(STAMP)
	$(BIN)/python -m tests.truth.edges --write

docs: $(STAMP)
	$(BIN)/python -m mapsweep.settings.docs docs/settings.md
	$(BIN)/python -m mapsweep.kinds_docs docs/kinds.md
	$(BIN)/python -m mapsweep.finding_codes_docs > docs/finding-codes.md
	$(BIN)/python -m mapsweep.troubles_docs > docs/troubles.md
	$(BIN)/python -m reports.columns.column_docs > docs/report-columns.md
	$(BIN)/python -m reports.formats.json_schema > docs/report.schema.json
	$(BIN)/python -m reports.webhook.webhook_schema > docs/webhook.schema.json

digests: $(STAMP)
	$(BIN)/python -m tests.truth.digests

fuzz: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(FUZZER) 2>/dev/null \
	|| echo 'atheris does not install here: Hypothesis searches by itself'
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m tests.fuzz

attack: $(STAMP)
	@sh scripts/system-packages
	MAPSWEEP_ATTACKS_PER_PAIR=200 $(BIN)/pytest tests/collector/test_probe_input.py

hostile: $(STAMP)
	@sh scripts/system-packages
	MAPSWEEP_HOSTILE_EACH=6 $(BIN)/pytest -s tests/journeys/test_hostile_hosts.py

stack: $(STAMP)
	@sh scripts/system-packages stack
	$(BIN)/python -m tests.stack $(STARTS)

$(RELEASE)/.installed: scripts/environment
	@sh scripts/environment '$(PYTHON)' $(RELEASE) $(RELEASE_TOOLS)
	@touch $@

# For every Python and platform that pyproject.toml allows. What is locked stays as it is while pyproject.toml allows it.
COMPILE := $(RELEASE)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command 'make lock'
BUILD_REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")

lock: $(RELEASE)/.installed
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra age --extra s3 --output-file requirements.lock pyproject.toml
	$(RELEASE)/bin/python -c '$(BUILD_REQUIRES)' \
	| $(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements-build.lock -

audit: $(RELEASE)/.installed
	@$(RELEASE)/bin/python scripts/lowest pyproject.toml > lowest.txt
	@sh scripts/audit $(RELEASE)/bin/pip-audit lowest.txt; status=$$?; rm -f lowest.txt; exit $$status

# The lock has a file's hash for every platform, so the list is the same wherever it is made.
sbom: $(RELEASE)/.installed
	@mkdir -p build
	@$(RELEASE)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --output-file $(SBOM)
	@echo $(SBOM)

release-check: lock sbom
	@git diff --exit-code --stat -- requirements.lock requirements-build.lock \
	|| { echo 'make release-check: the lock files had to change: commit them first' >&2; exit 1; }
	@sh scripts/release-check '$(PYTHON)' $(SBOM)

clean:
	rm -rf $(VENV) .venv-* lowest.txt build man *.egg-info bench/out \
	  .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
