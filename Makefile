# How to work here. `make` alone shows this list.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
HOST := $(shell rustc -vV | sed -n 's/^host: //p')

.DEFAULT_GOAL := help
.PHONY: help build demo lab test needs format lint docs shell-lint unit engines engines-stable regression faults attacks dist bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build both programs and the lab
	$(CARGO) build --workspace

demo: ## show the main job on five throw-away hosts
	$(CARGO) build --workspace --locked
	tests/lab/demo.sh $(TARGET)/debug/batt $(TARGET)/debug/batt-fleet

lab: ## start throw-away hosts to play with, until Ctrl-C
	$(CARGO) build --workspace --locked
	$(TARGET)/debug/batt-lab up

test: needs format lint docs shell-lint unit ## install what the tests need, then check and test everything

needs: ## install what the tests need (Debian packages)
	tests/install-needs

format: ## check the formatting
	$(CARGO) fmt --all --check

lint: ## check with clippy
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

docs: ## build the documentation of the code
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items

shell-lint: ## check the scripts with shellcheck and with a lint of our own
	shellcheck scripts-available/* tests/install-needs tests/engines tests/engines-root tests/regression-packages tests/regression-sources tests/within-root tests/attacks.sh tests/lab/*.sh .ci/run benches/*.sh
	$(CARGO) test --package batt-tests --locked --quiet --test shell_lint

unit: ## run all tests: of the crates, and of the programs on real servers
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --locked; \
	else \
		$(CARGO) test --workspace --locked; \
	fi

engines: engines-stable ## run the zoo on newer servers: those of Debian stable, and those of unstable where they can be had
	tests/engines sid

engines-stable: needs
	tests/engines trixie

regression: needs ## load the regression suites of PostgreSQL, MariaDB, SQLite and Redis, back all up, drop it and restore it; up to an hour
	postgresql=$$(tests/regression-sources postgresql) && sqlite=$$(tests/regression-sources sqlite) && \
		redis=$$(tests/regression-sources redis) && mariadb=$$(tests/regression-packages) && \
		BATT_REGRESSION_POSTGRESQL=$$postgresql BATT_REGRESSION_SQLITE=$$sqlite BATT_REGRESSION_REDIS=$$redis BATT_REGRESSION_MARIADB=$$mariadb \
		$(CARGO) test --package batt-tests --locked --test zoo -- --ignored --nocapture --test-threads 1 regression::

faults: needs ## inject a fault at every call, and cut the power 50 times (the tests take samples); some ten minutes
	BATT_FAULTS=full $(CARGO) test --package batt-tests --locked --test faults

attacks: needs ## run the attacks alone; AGAINST=COMMIT runs them against the programs of that commit, where they may succeed
	tests/attacks.sh $(AGAINST)

dist: ## put release binaries into dist/: batt as one static file, batt-fleet beside it
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release --locked --package batt --target $(HOST)
	$(CARGO) build --release --locked --package batt-fleet
	install -D -m 755 $(TARGET)/$(HOST)/release/batt dist/batt
	install -D -m 755 $(TARGET)/release/batt-fleet dist/batt-fleet
	ls -l dist

bench: ## measure against other tools, as ratios within one run
	benches/run.sh

clean: ## remove what was built
	$(CARGO) clean
	rm -rf dist
