"""What batt-fleet says to a host in a run, said without it."""

import concurrent.futures
import ctypes
import json
import os
import secrets
import subprocess
import time
from typing import Callable

from measuring import Failed

# The closing message of a run begins so (docs/wire-protocol.md).
END = '"reply":"ended"'
# <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36


def new_run() -> str:
    """A run id of now: a host executes an id once."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(3)


def order(service: str) -> str:
    """The lines that start a new run and follow it."""
    run = new_run()
    requests = [
        {"verb": "run", "run": run, "services": [{"service": service, "items": []}], "controller": "bench"},
        {"verb": "follow", "run": run, "after": 0, "logs": {}},
    ]
    return "".join(json.dumps(request) + "\n" for request in requests)


def cost_on_a_host(serve: list[str], service: str, samples: int, before: Callable[[], None]) -> float:
    """Returns the CPU seconds that a run takes on its host, without sshd and the shell: `batt serve`, and the supervisor with
    the script. The supervisor belongs to no session; a process of its own, which orphans come to, waits for all. `before` is
    called before each run."""
    with concurrent.futures.ProcessPoolExecutor(max_workers=1) as process:
        return process.submit(_cost_on_a_host, serve, service, samples, before).result()


def _cost_on_a_host(serve: list[str], service: str, samples: int, before: Callable[[], None]) -> float:
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise Failed("orphans do not come to us")
    _run_once(serve, service)
    spent = 0.0
    for _ in range(samples):
        before()
        spent += _run_once(serve, service)
    return spent / samples


def _run_once(serve: list[str], service: str) -> float:
    process = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdin.write(order(service))
    process.stdin.flush()
    end = next((line for line in process.stdout if END in line), "no end")
    if '"exit":0' not in end:
        raise Failed(f"the run on the host did not succeed: {end}")
    process.stdin.close()
    process.stdout.close()
    spent = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            process.returncode = 0
            return spent
        spent += usage.ru_utime + usage.ru_stime
