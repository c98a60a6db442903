# Tidemark. `make run` and `make test` need a Rust toolchain and a C compiler, nothing else.
# The other targets install what they need by themselves, below .tools/.

CARGO ?= cargo
PYTHON ?= python3
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/python
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help run simulator test test-all check fmt fmt-check clippy docs deny purity test-engine \
        judges sim bench soak fuzz clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

run: ## Start the connector with a demo organisation and a simulated Exchange (Ctrl-C ends it)
	@$(CARGO) run --quiet --package tidemark-local --bin tidemark -- local --demo

simulator: ## Start the simulated Exchange alone, on TIDEMARK_SIM_PORT
	@$(CARGO) run --quiet --package tidemark-local --bin tidemark -- simulator

test: ## Run every test that needs no extra tool
	$(CARGO) test --workspace --quiet

test-all: test purity judges ## Also the third-party judges

check: fmt-check clippy docs deny purity ## Format, lints, documentation, dependency policy

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

deny: $(TOOLS)/bin/cargo-deny ## Check licences, sources and banned crates
	$(TOOLS)/bin/cargo-deny --all-features --config .config/deny.toml check --hide-inclusion-graph licenses bans sources

purity: ## Check that the pure crates stay pure and the layers keep their direction
	$(PYTHON) tests/tools/layers.py

test-engine: ## The fast inner ring: pure crates only
	$(CARGO) test --quiet -p tidemark-model -p tidemark-engine -p tidemark-jscalendar -p tidemark-ews

sim: ## Replay one seed of the simulation: make sim SEED=42
	TIDEMARK_SIM_SEED=$(SEED) $(CARGO) test --package tidemark-scenarios --test it -- --nocapture simulation::replay_one_seed

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --version 0.20.2 --locked --quiet --root $(TOOLS)

clean: ## Remove everything that was built or installed here
	rm -rf target $(TOOLS)
