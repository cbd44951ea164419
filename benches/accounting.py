"""CPU time of a command with all that it starts, also what leaves it (a server that detaches itself): that of a control group."""

import contextlib
import os
from typing import Iterator, NamedTuple

from measuring import Cost, run

# Where the first version keeps accounts of CPU time, and where the second keeps all, also beside the first.
FIRST = "/sys/fs/cgroup/cpuacct"
SECOND = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
ENTER = 'echo $$ >"$0/cgroup.procs" && exec "$@"'


class Group(NamedTuple):
    """A control group of ours, or none where none can be had: then what nobody waits for is not counted."""

    path: str | None

    def run(self, command: list[str]) -> Cost:
        """Runs a command in it."""
        if self.path is None:
            return run(command)
        before = self._seconds()
        cost = run(["/bin/sh", "-c", ENTER, self.path, *command])
        return cost._replace(cpu=self._seconds() - before)

    def _seconds(self) -> float:
        assert self.path is not None
        if self.path.startswith(FIRST):
            with open(os.path.join(self.path, "cpuacct.usage"), encoding="ascii") as usage:
                return int(usage.read()) / 1e9
        with open(os.path.join(self.path, "cpu.stat"), encoding="ascii") as usage:
            return int(usage.readline().split()[1]) / 1e6


@contextlib.contextmanager
def group() -> Iterator[Group]:
    """Makes one, as long as it is needed."""
    path = _make()
    try:
        yield Group(path)
    finally:
        if path is not None:
            with contextlib.suppress(OSError):
                os.rmdir(path)


def _make() -> str | None:
    own = {line.split(":")[1]: line.split(":", 2)[2].strip("\n") for line in open("/proc/self/cgroup", encoding="utf-8")}
    places = [FIRST + own["cpuacct"]] if "cpuacct" in own else []
    places += [root + own.get("", "/") for root in SECOND if os.path.exists(os.path.join(root, "cgroup.procs"))]
    for place in places:
        path = os.path.join(place, f"batt-bench-{os.getpid()}")
        with contextlib.suppress(OSError):
            os.mkdir(path)
            return path
    return None
