"""Runs commands and tells what they cost: wall time, CPU time and memory, from the kernel's own accounts."""

import os
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, NamedTuple

# How often the memory of a running command is looked at. Its peak only grows, so only the last moment can be missed.
LOOK_EVERY_MS = 20


class Cost(NamedTuple):
    """What one run of a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time, of the command and all that it waited for."""
    memory: int
    """The peak of resident memory of its largest process, in bytes."""


class Failed(Exception):
    """A command that did not do what was to be measured."""


def run(command: list[str], *, stdin: bytes = b"", environment: dict[str, str] | None = None,
        folder: str | None = None) -> Cost:
    """Runs a command to its end; one that fails is no measurement. Its output goes to a file, as nobody reads it."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
        source.write(stdin)
        source.seek(0)
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=output, stderr=output, cwd=folder,
                                   env=None if environment is None else {**os.environ, **environment})
        peak = _watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read()[-4000:].decode(errors="replace")
            raise Failed(f"`{' '.join(command)}` ended with {process.returncode}:\n{said}")
    # A process begins with the peak of the one that it was forked from: us. What is below that says nothing.
    of_tree = usage.ru_maxrss * 1024
    if of_tree > _own_peak():
        peak = max(peak, of_tree)
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak)


def _watch(pid: int) -> int:
    """Waits until a process has ended, and returns the peak of its own memory."""
    peak = 0
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(LOOK_EVERY_MS):
            peak = max(peak, _peak_now(pid))
    finally:
        os.close(descriptor)
    return peak


def _peak_now(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def interleaved(contenders: dict[str, Callable[[], Cost]], rounds: int,
                warm_up: bool = True) -> dict[str, list[Cost]]:
    """Runs the contenders in turn, A B C C B A, so that a busy minute is a busy minute for all of them, and none always runs
    in the wake of the same other."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(-1 if warm_up else 0, rounds):
        turns = list(contenders.items())
        for name, contender in turns if number % 2 == 0 else reversed(turns):
            cost = contender()
            if number >= 0:
                costs[name].append(cost)
            tell(f"  {'warm-up' if number < 0 else f'round {number + 1}'}: {name}: "
                 f"{cost.wall:.2f} s, {cost.cpu * 1000:.0f} ms CPU")
    return costs


def median(costs: list[Cost]) -> Cost:
    """The median of each column by itself; of memory the greatest."""
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs),
                max(cost.memory for cost in costs))


def spread(values: list[float]) -> str:
    """The least and the greatest, for a reader who asks how noisy it was."""
    return f"{min(values):.2f}-{max(values):.2f}"


def megabytes(size: int) -> str:
    """In millions of bytes, as the goals are given."""
    return f"{size / 1e6:.1f}"


def table(head: list[str], rows: list[list[str]]) -> None:
    """Prints a table that is readable as it is, and is Markdown."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    print(line(head))
    print("| " + " | ".join("-" * width for width in widths) + " |")
    for row in rows:
        print(line(row))
    print(flush=True)


def tell(text: str) -> None:
    """Progress, beside the results."""
    print(text, file=sys.stderr, flush=True)
