"""The benchmarks of batt. `run.sh` builds what they need and calls this; README.md tells what is measured and how."""

import argparse
import os
import platform
import subprocess
import sys

import agent
import catalogue
import dumps
import fleet
import push
import sizes
import store
import trees
from measuring import Failed

ALL = ["fleet", "push", "agent", "store", "trees", "dumps", "catalogue", "sizes"]


def main() -> int:
    """Measures what was named."""
    parser = argparse.ArgumentParser(prog="benches/run.sh", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(ALL)} [default: all]")
    parser.add_argument("--programs", required=True, help="folder of the release programs")
    parser.add_argument("--dist", required=True, help="folder that `make dist` fills")
    parser.add_argument("--hosts", default="50,200", help="numbers of hosts [default: 50,200]")
    parser.add_argument("--forks", type=int, default=64, help="hosts at once [default: 64]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each [default: 5]")
    parser.add_argument("--stream", type=int, default=2048, help="MiB of the stream that is stored [default: 2048]")
    parser.add_argument("--tree", type=int, default=4096, help="MiB of the tree of large files [default: 4096]")
    parser.add_argument("--database", type=int, default=512, help="MiB of the dump of a large database [default: 512]")
    arguments = parser.parse_args()
    unknown = [what for what in arguments.what if what not in ALL]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    counts = [int(count) for count in arguments.hosts.split(",")]
    programs, rounds = os.path.abspath(arguments.programs), arguments.rounds
    print(machine())
    for what in arguments.what or ALL:
        match what:
            case "fleet":
                fleet.measure(programs, counts, arguments.forks, rounds)
            case "push":
                push.measure(programs, counts[0], arguments.forks, rounds)
            case "agent":
                agent.measure(programs, rounds)
            case "store":
                store.measure(programs, arguments.stream << 20, rounds)
            case "trees":
                trees.measure(programs, arguments.tree << 20, rounds)
            case "dumps":
                dumps.measure(programs, arguments.database << 20, rounds)
            case "catalogue":
                catalogue.measure(programs, rounds)
            case "sizes":
                sizes.measure(arguments.dist)
    return 0


def machine() -> str:
    """The machine in a few words: a figure means nothing without it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr.split(",")[0]
    return (f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {system}, kernel {platform.release().split('-')[0]}, "
            f"{ssh.strip()}; load {os.getloadavg()[0]:.1f} at the start\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"benches/run.sh: {failure}")
