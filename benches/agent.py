"""What `batt` takes on one host until it answers."""

import os

from hosts import Hosts
from measuring import Cost, interleaved, median, run, spread, table, tell

# Each is so short that only many of them are a measurement.
CALLS = 40


def measure(programs: str, rounds: int) -> None:
    """Prints CPU time of single calls."""
    tell(f"agent: {CALLS} calls a round")
    with Hosts(programs, 1) as hosts:
        home = hosts.hosts[0].home
        commands = {
            "`true` (start of a process)": ["true"],
            "`batt serve`, start to greeting": [hosts.batt, "--home", home, "serve"],
            "`batt list`": [hosts.batt, "--home", home, "list"],
            "`batt list available`": [hosts.batt, "--home", home, "list", "available"],
            "`batt -h`": [hosts.batt, "--home", home, "-h"],
        }
        costs = interleaved({name: lambda command=command: _many(command) for name, command in commands.items()}, rounds)
    rows = []
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.cpu * 1000:.2f}", spread([one.cpu * 1000 for one in of_name]),
                     f"{cost.wall * 1000:.2f}"])
    print("### The agent's start\n")
    table(["call", "CPU ms", "least-greatest", "wall ms"], rows)


def _many(command: list[str]) -> Cost:
    """The mean of many calls. The input is empty, so `serve` greets and ends."""
    costs = [run(command) for _ in range(CALLS)]
    return Cost(sum(cost.wall for cost in costs) / CALLS, sum(cost.cpu for cost in costs) / CALLS,
                max(cost.memory for cost in costs))
