#!/bin/sh
# Runs the attacks against the programs of this tree, or with the name of a commit against those of that commit: an attack
# that was mended since succeeds there, and its test fails.
set -eu
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
    earlier=${CARGO_TARGET_DIR:-target}/attacked
    mkdir -p "$earlier"
    earlier=$(realpath "$earlier")
    [ -e "$earlier/tree/.git" ] || git worktree add --detach "$earlier/tree" "$1"
    git -C "$earlier/tree" checkout --quiet --detach "$1"
    (cd "$earlier/tree" && CARGO_TARGET_DIR="$earlier/target" cargo build --locked --package batt --package batt-fleet)
    export BATT_TEST_PROGRAMS="$earlier/target/debug"
    echo "Against $(git -C "$earlier/tree" log -1 --format='%h %s'): each test that fails is an attack that succeeds there."
fi
if [ $# -eq 0 ]; then
    cargo test --package batt --locked --lib place::race
fi
# With output: how much was tried.
exec cargo test --package batt-tests --locked --test attacks --no-fail-fast -- --show-output
