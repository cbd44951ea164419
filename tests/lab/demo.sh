#!/bin/bash
# The main job on five throw-away hosts: push, run, the report, and where the backups lie. Ends 0 only when all that was to
# happen has happened, the failure that is planned included.
#
# usage: demo.sh BATT BATT_FLEET [BATT_LAB]       the programs; batt-lab is looked for beside batt-fleet
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    printf 'usage: %s BATT BATT_FLEET [BATT_LAB]\n' "$0" >&2
    exit 64
fi
batt=$(realpath -- "$1")
fleet=$(realpath -- "$2")
lab=$(realpath -- "${3:-$(dirname -- "$fleet")/batt-lab}")

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi

say() { # TEXT
    printf '\n%s\n' "$1"
}

fail() { # TEXT
    printf '\ndemo.sh: %s\n' "$1" >&2
    exit 1
}

# Shows a command, runs it, and ends the demo unless its exit code is the one that is right.
show() { # CODE COMMAND...
    local expected=$1 code=0
    shift
    printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@" || code=$?
    [ "$code" -eq "$expected" ] || fail "the exit code is $code, and should be $expected"
}

place=$(mktemp -d "${TMPDIR:-/tmp}/batt-demo-XXXXXX")
lab_in='' lab_process=''
clean() {
    # The lab ends when its stdin does, and takes its hosts with it.
    [ -z "$lab_in" ] || exec {lab_in}>&-
    [ -z "$lab_process" ] || wait "$lab_process" || true
    lab_in='' lab_process=''
    rm -rf -- "$place"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The programs by their own names, the person's settings out of the way.
mkdir "$place/bin"
ln -s -- "$batt" "$place/bin/batt"
ln -s -- "$fleet" "$place/bin/batt-fleet"
export PATH="$place/bin:$PATH" BATT_FLEET_STATE="$place/state"

say "Five hosts start: in-process SSH servers, each with a home and a place for backups of its own."
coproc LAB { exec "$lab" up --hosts 5 --folder "$place/fleet" --agent "$batt" --until-stdin-closes; }
lab_process=$LAB_PID
exec {lab_in}>&"${LAB[1]}" {lab_out}<&"${LAB[0]}"
eval "exec ${LAB[0]}<&- ${LAB[1]}>&-"
read -r line <&"$lab_out" || fail "the lab does not start"
case $line in inventory:*) ;; *) fail "the lab says: $line" ;; esac
cd "$place/fleet"

show 0 batt-fleet inventory list
say "Their scripts and settings lie beside the inventory. They are brought to the hosts:"
show 0 batt-fleet push
say "All hosts with a database are backed up. The database of db3 is damaged: its dump dies on the way, and that is how it ends."
show 2 batt-fleet run --group db
say "What db3 said:"
show 0 batt-fleet logs --last db3
say "Where the backups lie. Of db3 nothing is visible; half a dump is no backup."
show 0 find hosts/db1/backup hosts/db2/backup hosts/db3/backup -type f
say "One host by itself: read again, and proven without batt."
show 0 batt --home "$PWD/hosts/db1/opt-batt" --path "$PWD/hosts/db1/backup/%Y/%m/%d" verify
(
    cd hosts/db1/backup/*/*/*/notes
    show 0 sha256sum -c SHA256SUMS
)

# What was shown must also be so.
published() { # HOST
    find "hosts/$1/backup" -type f -name 'manifest.json' | wc -l
}
for host in db1:1 db2:1 db3:0 web1:0 web2:0; do
    [ "$(published "${host%:*}")" -eq "${host#*:}" ] || fail "${host%:*} should have ${host#*:} backups, and has $(published "${host%:*}")"
done
batt-fleet logs --last db3 | grep -q 'is damaged' || fail "the log of db3 does not tell why its dump died"

cd /
clean
say "The hosts are gone now. \`make lab\` starts them again, for as long as you like: it prints the inventory to try batt-fleet on."
