# Tidemark. `make run` and `make test` need a Rust toolchain and a C compiler, nothing else.
# The other targets install what they need by themselves, below .tools/.

CARGO ?= cargo
PYTHON ?= python3
TOOLS := $(CURDIR)/.tools
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
SEED ?= 1
WIRE ?= ews
FUZZ_SECONDS ?= 300
PROFILE ?= lambda
FUZZ_TARGETS := event_json get_item graph_event graph_notification graph_page send_notification \
                sync_folder_items

.DEFAULT_GOAL := help
.PHONY: help run simulator test test-engine test-all judges check fmt fmt-check clippy docs deny \
        purity infra lambda deployed package sim bench soak fuzz clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

run: ## Start the connector with a demo organisation and a simulated Exchange (Ctrl-C ends it)
	@$(CARGO) run --quiet --package tidemark-local --bin tidemark -- local --demo

simulator: ## Start the simulated Exchange alone, on TIDEMARK_SIM_PORT
	@$(CARGO) run --quiet --package tidemark-local --bin tidemark -- simulator

test: ## Run every test that needs no extra tool
	@echo "Unit, property, store, scenario and simulation tests of all crates; the first build takes minutes."
	$(CARGO) test --workspace --quiet

test-engine: ## The fast inner ring: pure crates only
	$(CARGO) test --quiet -p tidemark-model -p tidemark-engine -p tidemark-jscalendar -p tidemark-ews -p tidemark-graph

test-all: test purity infra lambda deployed judges ## Also the layers, the template, the functions, the deployment and the judges that are not ours

judges: ## Let third-party clients and Microsoft's schema judge the running program
	$(PYTHON) tests/tools/judges.py $(JUDGES)

check: fmt-check clippy docs deny purity ## Format, lints, documentation, dependency policy, layers

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

deny: $(CARGO_DENY) ## Check licences, sources and banned crates
	$(CARGO_DENY) --all-features --config .config/deny.toml check --hide-inclusion-graph licenses bans sources

purity: ## Check that the pure crates stay pure and the layers keep their direction
	$(PYTHON) tests/tools/layers.py

infra: ## Check the template of the deployment and its CDK construct, without deploying
	$(PYTHON) tests/infra/infra.py

lambda: ## Try functions in AWS's runtime interface emulator, and what makes their packages
	$(PYTHON) -m unittest discover --quiet --start-directory tests/tools
	$(PYTHON) tests/lambda/emulator.py

deployed: ## Deploy the template on an emulator of AWS, use it and remove it (DEPLOYED="NAME..." for some scenarios)
	$(PYTHON) -B tests/deployed/deployed.py $(DEPLOYED)

package: ## Build a zip for each Lambda function, below target/package (PROFILE=dev is quicker, for tests)
	$(PYTHON) tests/tools/package.py --profile $(PROFILE)

sim: ## Replay one seed of the simulation: make sim SEED=42, or SEED=42 WIRE=graph, WIRE=move
	TIDEMARK_SIM_SEED=$(SEED) TIDEMARK_SIM_WIRE=$(WIRE) $(CARGO) test --package tidemark-scenarios --test it -- --nocapture simulation::replay_one_seed

bench: ## Measure, with peers beside
	$(PYTHON) tests/bench/run.py

soak: ## The long runs: 10,000 seeds, 200 kills, two zips built twice, each permission taken away, every parser fuzzed
	TIDEMARK_SIM_SEEDS=10000 TIDEMARK_SIM_GRAPH_SEEDS=5000 TIDEMARK_SIM_MOVE_SEEDS=5000 TIDEMARK_SIM_DISK_SEEDS=500 \
	  $(CARGO) test --release --package tidemark-scenarios --test it -- --nocapture simulation
	$(PYTHON) tests/tools/package.py --twice ews-webhook deliver
	TIDEMARK_KILLS=200 $(PYTHON) tests/tools/judges.py kill
	$(MAKE) deployed DEPLOYED="a_table_is_put_back every_permission_is_missed"
	$(MAKE) fuzz

fuzz: ## Fuzz what reads EWS, Graph and the API's items from outside, FUZZ_SECONDS each (needs a nightly toolchain)
	@$(CARGO) +nightly --version >/dev/null 2>&1 || { \
	  echo "fuzzing needs a nightly toolchain beside the stable one: rustup toolchain install nightly" >&2; exit 1; }
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { \
	  echo "fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2; exit 1; }
	for target in $(FUZZ_TARGETS); do \
	  $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

$(CARGO_DENY):
	$(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --quiet --root $(TOOLS)

clean: ## Remove everything that was built or installed here
	rm -rf target $(TOOLS) infra/cdk/node_modules infra/cdk/dist
