#!/bin/sh
# Measures what backups, drills and a restore cost beside those of another commit, in turn. README.md tells what and how.
#
#   AGAINST=COMMIT benches/floor.sh                everything; some ten minutes
#   AGAINST=COMMIT benches/floor.sh sqlite mysql   some of it
#   benches/floor.sh --help
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target}

command -v python3 >/dev/null || {
    echo "benches/floor.sh: there is no python3" >&2
    exit 1
}
cd "$root"
against=$(git rev-parse --verify --quiet "${AGAINST:-}^{commit}") || {
    echo "benches/floor.sh: AGAINST is no commit: \`${AGAINST:-}\`" >&2
    exit 1
}
source=$target/against/source
rm -rf -- "$source"
mkdir -p -- "$source"
git archive "$against" | tar -x -m -C "$source"
"${CARGO:-cargo}" build --release --locked --quiet --package batt --bin batt
(cd "$source" && CARGO_TARGET_DIR="$target/against" "${CARGO:-cargo}" build --release --locked --quiet --package batt --bin batt)
exec python3 -B "$here/floor.py" --batt "$target/release/batt" --against "$target/against/release/batt" "$@"
