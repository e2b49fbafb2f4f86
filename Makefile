# Everything a person does with this project, one command each. `make help` lists them.
# Written for GNU make 3.81 and a plain POSIX shell, so that macOS' own make runs it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

# How many of each service `make start` runs. SERVER_COUNT and WORKER_COUNT are other names for store and executor.
STORE_COUNT ?= $(if $(SERVER_COUNT),$(SERVER_COUNT),1)
SCHEDULER_COUNT ?= 2
EXECUTOR_COUNT ?= $(if $(WORKER_COUNT),$(WORKER_COUNT),2)
export STORE_COUNT SCHEDULER_COUNT EXECUTOR_COUNT

# A shell command is no place for make to look for variables of its own.
ifdef CMD
override CMD := $(value CMD)
export CMD
endif

PACKAGES := node_modules/.package-lock.json
BUILT := dist/.built
DEV := node --enable-source-maps dist/tools/dev.js
SOURCES := $(shell find apps libs tools bench test/chaos test/support -name generated -prune -o -type f -name '*.ts' ! -name '*.spec.ts' -print 2>/dev/null) \
	tsconfig.json tsconfig.build.json tools/prisma-generate.mjs tools/client-types.mjs tools/prune-dist.mjs package.json openapi.json prisma/schema.prisma

##@ Run

.PHONY: start
start: $(BUILT) ## Run everything and the example jobs (STORE_COUNT=1 SCHEDULER_COUNT=2 EXECUTOR_COUNT=2)
	@$(DEV) start

.PHONY: stop
stop: dist/tools/dev.js ## End what `make start` began, and only that
	@$(DEV) stop

.PHONY: status
status: dist/tools/dev.js ## Say what runs, where, and who leads
	@$(DEV) status

.PHONY: logs
logs: dist/tools/dev.js ## Show the logs, and follow them on a terminal (NAME=executor for some, LINES=20)
	@$(DEV) logs

.PHONY: zkcli
zkcli: dist/tools/dev.js ## Open ZooKeeper's own shell on the running system (CMD="ls -R /triumvir" for one command)
	@$(DEV) zkcli

##@ Run in parts, by gRPC (SERVER_COUNT=3 WORKER_COUNT=2 BASE_PORT=50051 WEBUI_ADDR=:8080)

.PHONY: run-servers
run-servers: $(BUILT) ## Run stores on BASE_PORT and the ports after it, with schedulers (SERVER_COUNT=1)
	@$(DEV) run-servers

.PHONY: stop-servers
stop-servers: dist/tools/dev.js ## End those; workers, Postgres, Redis and ZooKeeper stay
	@$(DEV) stop-servers

.PHONY: run-worker
run-worker: $(BUILT) ## Run one more executor in this terminal, until Ctrl-C
	@$(DEV) run-worker

.PHONY: run-client
run-client: $(BUILT) ## Run a command on the first server and show what it wrote (CMD='ls -la' or FILE=jobs.json)
	@$(DEV) run-client

.PHONY: run-client-servers
run-client-servers: $(BUILT) ## Run a file of jobs, all servers in turn (FILE=jobs.json)
	@$(DEV) run-client-servers

.PHONY: run-webui
run-webui: $(BUILT) ## Serve a page to run commands from (WEBUI_ADDR=:8080)
	@$(DEV) run-webui

##@ Test

.PHONY: test
test: $(BUILT) ## Run all tests on servers of their own (ARGS="--project unit" for some)
	@$(DEV) test $(ARGS)

.PHONY: test-servers
test-servers: dist/tools/dev.js ## Start servers for single tests and leave them: eval "$$(make -s test-servers)"
	@$(DEV) test-servers

.PHONY: test-servers-stop
test-servers-stop: dist/tools/dev.js ## End those
	@$(DEV) test-servers-stop

.PHONY: check
check: $(BUILT) ## Check format, lint and types, and run the unit tests
	@npm run --silent check

##@ Build

.PHONY: build
build: $(BUILT) ## Install the packages, generate the Prisma client and compile, as far as anything changed
	@:

.PHONY: clean
clean: ## Stop, then delete what was built and all data of `make start` and the tests
	@if [ -f dist/tools/dev.js ]; then $(DEV) stop && $(DEV) test-servers-stop; fi
	@rm -rf dist libs/common/src/database/generated libs/client/src/generated .triumvir
	@echo "Deleted dist, what was generated and .triumvir; node_modules and .env stay."

.PHONY: help
help: ## List all targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  make %-18s %s\n", $$1, $$2 }' Makefile

# Progress goes to standard error: what some targets print is for a program to read. npm writes the stamp itself. No package here needs its install script (see allowScripts in package.json).
$(PACKAGES): package-lock.json
	@echo "Packages    installing with npm ci" >&2
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# What already runs can be stopped and looked at while the code does not compile: built only when it is missing.
dist/tools/dev.js:
	@$(MAKE) --no-print-directory build

$(BUILT): $(PACKAGES) $(SOURCES)
	@node tools/prisma-generate.mjs
	@node tools/client-types.mjs
	@echo "Build       compiling with tsc" >&2
	@node_modules/.bin/tsc -p tsconfig.build.json >&2
	@node tools/prune-dist.mjs
	@touch $@
