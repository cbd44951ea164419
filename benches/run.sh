#!/bin/sh
# Measures batt and batt-fleet beside other tools, as ratios within one run. README.md tells what and how.
#
#   benches/run.sh                 everything
#   benches/run.sh fleet push      some of it: fleet push agent store trees dumps catalogue sizes
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target}

command -v python3 >/dev/null || {
    echo "benches/run.sh: there is no python3" >&2
    exit 1
}
cd "$root"
"${CARGO:-cargo}" build --release --locked --quiet \
    --package batt --package batt-fleet --package batt-tests --bin batt --bin batt-fleet --example bare_client
exec python3 -B "$here/bench.py" --programs "$target/release" --dist "$root/dist" "$@"
