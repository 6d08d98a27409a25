# Tandem's commands. Each installs what it lacks (scripts/setup.sh says what) and fails if it could not do all of it.
SHELL := /bin/bash
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Its pages go into the binary. What embeds them is touched, or cargo would not see files that are new.
web:
	@scripts/setup.sh run
	cd apps/web && npm run -s setup && npm run build
	cd apps/phone && npm run -s setup && npm run build
	touch crates/http/src/web.rs

.PHONY: web help run build test demo bench check fuzz
help: ## Lists the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: web ## Builds the web and the release binary and runs the demo contact centre until Ctrl-C
	cargo build --release -p tandem-server
	$(TARGET)/release/tandem serve --dev

build: web ## Builds the web and the release binary; starts nothing
	cargo build --release -p tandem-server

test: ## Runs every test: Rust, simulated days, SDKs, real phones, the demo. The last line is the sum
	@scripts/setup.sh
	@scripts/test.sh

demo: ## Plays the demo story with scripted phones on a fresh server (or DEMO_ARGS="--server http://…") and prints what was heard
	@scripts/setup.sh
	cargo build --release -p tandem-server -p tandem-testkit --bins
	$(TARGET)/release/tandem-demo $(DEMO_ARGS)

bench: ## Measures decisions, codecs, legs per core, lives of tasks and calls per second through the whole system, and memory
	@scripts/setup.sh
	cargo bench -p engine
	cargo bench -p tandem-media
	ulimit -n 65536 2>/dev/null || ulimit -n $$(ulimit -Hn); cargo bench -p tandem-gateway --bench calls
	cargo build --release -p tandem-server -p tandem-testkit --bins
	scripts/bench-tasks.sh
	TANDEM_RTP_PORTS=4000 TANDEM_BIN=$(TARGET)/release/tandem scripts/with-server.sh scripts/bench-calls.sh
	scripts/bench-desk.sh

check: ## Formatting, clippy with warnings denied, and the house rules
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo run -q -p xtask -- tidy
	cd apps/web && npm run -s setup && npm run check
	cd apps/phone && npm run -s setup && npm run check

fuzz: ## Fuzzes every parser for FUZZ_SECONDS each (default 60)
	@set -e; for target in fuzz/fuzz_targets/*.rs; do fuzz/run.sh $$(basename $$target .rs) $(or $(FUZZ_SECONDS),60); done
