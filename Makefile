# `make help` lists what there is.
SHELL := /bin/bash
NODE ?= node
JEST := $(NODE) --experimental-vm-modules --no-warnings node_modules/jest/bin/jest.js -c src/tooling/jest.config.mjs -w 2
# Finds the other clients' toolchains and installs what the project's files pin for them.
PREPARE := $(NODE) build/tests/compat-tests/support/prepare.main.mjs

sources := $(shell find src protocol-specs -type f -not -path '*/generated/*' -not -name '*.test.ts' 2>/dev/null)

.PHONY: help build run test unit compat compat-kills soak soak-eos compat-codec fuzz-codec fuzz-apis sim-log sim-txn check lint bench bench-quick bench-start clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: build/.built ## install what is needed and build; does nothing when nothing changed

# Not `npm ci`: where a registry lacks an optional package of another platform, npm leaves it out of the lock file, and
# `npm ci` then refuses the lock. `npm install --no-save` keeps to the lock's versions and does not write it.
node_modules/.package-lock.json: package.json package-lock.json
	@echo 'npm installs what is pinned: a minute or more, and it says nothing meanwhile'
	npm install --no-save --no-fund --no-audit --loglevel=error
	@touch $@

build/.built: node_modules/.package-lock.json $(sources)
	@mkdir -p build
	$(NODE) src/tooling/build.mjs codegen bundle types
	@touch $@

run: build ## start the broker on 127.0.0.1:9092, data in ./ottla-data; ARGS='--port 0' and other flags
	@exec bin/ottla start $(ARGS)

check: build ## types and lint
	$(NODE) node_modules/typescript/bin/tsc -p .
	node_modules/.bin/oxlint --type-aware --quiet

test: check ## everything: types, lint, all tests that this machine's toolchains allow
	$(NODE) src/tooling/build.mjs tests
	$(PREPARE)
	$(JEST)

unit: build ## the tests beside the code; ARGS='path or -t name' narrows them
	$(NODE) src/tooling/build.mjs tests
	$(JEST) $(ARGS) --selectProjects unit

compat: build ## the tests against real clients and Apache's tools; BROKER=apache checks the tests themselves
	$(NODE) src/tooling/build.mjs tests
	$(PREPARE)
	$(JEST) $(ARGS) --selectProjects compat

compat-codec: build ## hold every message version against Apache's own classes
	$(NODE) src/tooling/build.mjs tests
	$(NODE) build/tests/compat-tests/codec/codec.main.mjs $(ARGS)

COUNT ?= 10000000
fuzz-codec: build ## decode COUNT mutated frames (10000000)
	$(NODE) src/tooling/build.mjs tests
	$(NODE) build/tests/compat-tests/codec/fuzz.main.mjs $(COUNT) $(SEED)

fuzz-apis: build ## send COUNT mutated requests (100000), and sound, extreme and huge ones, of every API and version to a broker; SEED
	$(NODE) src/tooling/build.mjs tests
	$(NODE) --enable-source-maps build/tests/compat-tests/fuzz/apis.main.mjs $(if $(filter command environment,$(origin COUNT)),$(COUNT),100000) $(SEED)

soak: build ## real clients under kills, freezes and link faults, ROUNDS of them (20), judged by the history checker; SEED
	$(NODE) src/tooling/build.mjs tests
	ROUNDS=$(or $(ROUNDS),20) $(JEST) compat-tests/harness/soak --selectProjects compat

soak-eos: build ## transactional clients and Kafka Streams under kill -9 every few seconds for DURATION_S (600); SEED, CLIENTS=name,..., STREAMS=no
	$(NODE) src/tooling/build.mjs tests
	$(PREPARE)
	@$(NODE) --enable-source-maps build/tests/compat-tests/soak-eos/soak-eos.main.mjs

compat-kills: build ## kill -9 the broker KILLS times (200) under load; SEED chooses the moments
	$(NODE) src/tooling/build.mjs tests
	$(PREPARE)
	$(JEST) compat-tests/kills --selectProjects compat

bench: build ## Ottla and Apache Kafka side by side, into docs/benchmarks.md; ARGS='--quick --rows a,b --rounds N --cpu-prof' ('--help' lists them), BROKERS=ottla
	$(NODE) src/tooling/build.mjs tests
	$(if $(filter --help -h,$(ARGS)),,$(PREPARE))
	@$(NODE) build/tests/compat-tests/bench/bench.main.mjs $(ARGS)

bench-quick: ## a look at both brokers in less than a minute; writes no page
	@$(MAKE) --no-print-directory bench ARGS='--quick $(ARGS)'

SEEDS ?= 10000
sim-log: build ## hold SEEDS random lives of logs (10000) against a plain model; SEED begins elsewhere, SEEDS=1 SEED=n is that one
	$(NODE) src/tooling/build.mjs tests
	@$(NODE) --enable-source-maps build/tests/src/log/testing/sim-log.main.mjs $(SEEDS) $(SEED)

sim-txn: build ## hold SEEDS random fates of a broker with transactional clients (10000, an hour or more) against what must hold; SEED as above
	$(NODE) src/tooling/build.mjs tests
	@$(NODE) --enable-source-maps build/tests/src/testing/sim-txn/sim-txn.main.mjs $(SEEDS) $(SEED)

bench-start: build ## from a cold start to the first acknowledged record, and idle memory; ROUNDS of them (20)
	$(NODE) src/tooling/build.mjs tests
	@$(NODE) build/tests/compat-tests/bench/start.main.mjs

clean: ## forget what was built
	rm -rf build dist src/protocol/generated
