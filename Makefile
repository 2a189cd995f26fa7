# What this project can do. Python 3.12 or newer and make are all that must be there before.
# Everything made here is in .gitignore; `make clean` removes it, and leaves the data in .data alone.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: FORCE help run test lint types migrations deployment pytest bench build format lock clean

VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --require-hashes
SOURCES := manage.py gunicorn.conf.py safetyhub partners casestudies enquiries benchmarks tests
# What the tools read settings with where no value is used.
EXAMPLE := SECRET_KEY=an-example-of-a-long-random-text-that-nobody-else-knows ALLOWED_HOSTS=safety.example \
	SITE_URL=https://safety.example EMAIL_URL=smtp://mail.example HTTPS=true DEBUG=false
NO_DATABASE := DATABASE_URL=postgres:///none
# The tests' own data directory, so that they never meet the data of `make run`.
TEST_DATA := SAFETYHUB_DATA_DIR="$${SAFETYHUB_DATA_DIR:-$(CURDIR)/.data/tests}"

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf 'make %-12s %s\n' "$$name" "$$text"; done

run: $(VENV)/local.installed staticfiles/staticfiles.json ## Run the portal with sample content (PORT, SAFETYHUB_DATA_DIR)
	@exec $(BIN)/python -m safetyhub.run

# pytest comes last: its summary ends the output.
test: lint types migrations deployment pytest ## Run every check and every test

lint: $(VENV)/dev.installed ## Check format, style, templates and the layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/djlint templates --lint --quiet
	@$(BIN)/lint-imports

types: $(VENV)/dev.installed ## Check types
	@$(EXAMPLE) $(NO_DATABASE) $(BIN)/mypy $(SOURCES)

migrations: $(VENV)/dev.installed static/built/site.js ## Check that no migration is missing
	@$(TEST_DATA) $(EXAMPLE) $(MANAGE) makemigrations --check --dry-run

deployment: $(VENV)/dev.installed static/built/site.js ## Check the settings of a server
	@$(TEST_DATA) $(EXAMPLE) $(MANAGE) check --deploy --fail-level WARNING

pytest: $(VENV)/dev.installed staticfiles/staticfiles.json ## Run the tests (ARGS="-k name" for some)
	@$(BIN)/python -m pytest -n logical $(ARGS)

bench: $(VENV)/local.installed staticfiles/staticfiles.json ## Measure the speed (SIZES="1000 10000", SECONDS=5, ARGS)
	@$(BIN)/python -m benchmarks.run $(SIZES) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

build: $(VENV)/local.installed staticfiles/staticfiles.json ## Build style sheets and scripts

format: $(VENV)/dev.installed ## Bring the Python code into form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Keeps what is pinned; `make lock UPGRADE=--upgrade` takes what is new.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate $(UPGRADE)
lock: $(VENV)/version ## Write the lock files from pyproject.toml
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet uv
	@$(LOCK) pyproject.toml --output-file requirements/production.txt
	@$(LOCK) pyproject.toml --group local --output-file requirements/local.txt
	@$(LOCK) pyproject.toml --group local --group dev --output-file requirements/dev.txt
	@$(LOCK) --group node --output-file requirements/node.txt

clean: ## Remove everything made, except the data
	@rm -rf $(VENV) node_modules static/built staticfiles
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The virtual environment -------------------------------------------------------------------------------------

# The interpreter behind a command, where it will do; the command itself may be of the very $(VENV) to be removed.
export USABLE := import sys, venv, ensurepip; sys.version_info >= (3, 12) or sys.exit(1); print(sys._base_executable)
# Looked at each time, and made anew when its Python is gone or has become another one.
$(VENV)/version: FORCE
	@$(BIN)/python -c 'import sys; sys.exit(open("$@").read() != sys.version)' 2>/dev/null || { \
		for python in "$$PYTHON" python3.13 python3 python3.12 python3.14 "$$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do \
			if base=$$("$$python" -c "$$USABLE" 2>/dev/null); then \
				echo "Making $(VENV)"; \
				rm -rf $(VENV) && "$$base" -m venv $(VENV) || exit 1; \
				exec $(BIN)/python -c 'import sys; print(sys.version, end="")' > $@; \
			fi; \
		done; \
		echo "Python 3.12 or newer, with its venv module, is needed and was not found; PYTHON=/path/to/python names one." >&2; \
		exit 1; }

$(VENV)/local.installed: requirements/local.txt $(VENV)/version
	@echo "Installing Python packages"
	@$(PIP) --requirement requirements/local.txt
	@touch $@

# Holds all of local.txt, so that is done as well.
$(VENV)/dev.installed: requirements/dev.txt $(VENV)/version
	@echo "Installing Python packages and tools"
	@$(PIP) --requirement requirements/dev.txt
	@touch $(VENV)/local.installed $@

# --- Style sheets and scripts ------------------------------------------------------------------------------------

# Node of the machine where it is new enough, and else from a Python package.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --loglevel=error
node_modules/.installed: package.json package-lock.json .npmrc | $(VENV)/version
	@PATH="$(CURDIR)/$(BIN):$$PATH"; \
	node -e 'process.exit(+(parseInt(process.versions.node) < 20))' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo "Installing Node"; $(PIP) --requirement requirements/node.txt; }
	@echo "Installing front-end packages"
	@$(NPM) ci --ignore-scripts
	@touch $@

static/built/site.js: node_modules/.installed $(shell find static/scss static/js -type f)
	@echo "Building style sheets and scripts"
	@$(NPM) run --silent build
	@touch $@

STATIC := $(shell find static -type f -not -path 'static/built/*')
staticfiles/staticfiles.json: $(VENV)/local.installed static/built/site.js $(STATIC) safetyhub/settings.py
	@echo "Collecting static files"
	@$(EXAMPLE) $(NO_DATABASE) $(MANAGE) collectstatic --no-input --clear --verbosity 0
	@touch $@
