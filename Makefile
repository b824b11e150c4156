# What there is to do here. Everything lands in target/; nothing else on the machine is changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help tools demo-tools demo test lint bench deny clean

CARGO_DENY_VERSION := 0.20.2
# The demonstration ends after its story: make demo NO_SERVE=1
NO_SERVE ?=
# More words for the program: make demo ARGS=--kubernetes
ARGS ?=
# Fewer measurements: make bench QUICK=1. Only some subjects: make bench SUBJECTS="rest cluster"
QUICK ?=
SUBJECTS ?=

# The demonstration on a real API server needs all the tools, else the two renderers are enough.
demo_tools := $(if $(findstring --kubernetes,$(ARGS)),tools,demo-tools)

say = @printf '\n==> %s\n' "$(1)"

help: ## Say what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## Build the programs that the tests start, those that are missing, into target/tools/.
	$(call say,The programs that the tests start)
	@scripts/tools.sh

demo-tools: ## Build only what the demonstration needs: kustomize and helm.
	$(call say,The programs that the demonstration starts)
	@scripts/tools.sh kustomize helm

demo: $(demo_tools) ## Show the whole story in the terminal, then a page to go on by hand (NO_SERVE=1, ARGS=…).
	$(call say,The program itself)
	@cargo build --locked --bin tidegate
	$(call say,tidegate demo $(if $(NO_SERVE),--no-serve) $(ARGS))
	@PATH="$(CURDIR)/target/tools:$$PATH" cargo run --quiet --locked --bin tidegate -- demo $(if $(NO_SERVE),--no-serve) $(ARGS)

test: tools ## Set up and run every test.
	$(call say,cargo test --workspace --all-features)
	@cargo test --workspace --all-features --locked

lint: deny ## Check formatting, lints, documentation, scripts, licences and sources.
	$(call say,Formatting)
	@cargo fmt --all --check
	$(call say,Lints)
	@cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(call say,Documentation)
	@RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --document-private-items --locked
	$(call say,Scripts)
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run; \
	else echo 'left out: shellcheck is not installed (apt-get install shellcheck)'; fi

deny: target/tools/.cargo-deny-$(CARGO_DENY_VERSION) ## Check licences, bans and sources of the dependencies.
	$(call say,Dependencies: licences; bans; sources)
	@target/tools/bin/cargo-deny --locked check bans licenses sources

target/tools/.cargo-deny-$(CARGO_DENY_VERSION):
	$(call say,cargo-deny $(CARGO_DENY_VERSION) (once; some minutes))
	@mkdir -p target/tools
	@cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root target/tools --force
	@touch $@

bench: tools ## Measure, and print the figures (QUICK=1; SUBJECTS="rest deliveries comment render cluster yaml diff").
	$(call say,A release build)
	@cargo bench --locked --bench figures --no-run
	$(call say,The figures; docs/benchmarks.md says how to read them)
	@cargo bench --quiet --locked --bench figures -- $(if $(QUICK),--quick) $(SUBJECTS)

clean: ## Remove target/, the built tools with it.
	$(call say,Removing target/)
	@cargo clean
