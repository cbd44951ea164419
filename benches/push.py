"""A second push with nothing to do: what goes over the line, counted, and what it costs."""

import os
import time

from hosts import Hosts
from measuring import Cost, Failed, interleaved, median, run, spread, table, tell

# Files of the fleet folder, of the size of real ones.
FILES = 8
FILE_BYTES = 4000


def measure(programs: str, count: int, forks: int, rounds: int) -> None:
    """Prints the counts, then the costs."""
    _count(programs)
    _cost(programs, count, forks, rounds)


def _fill(hosts: Hosts) -> None:
    for folder, name in [("scripts-available", "backup-site{}"), ("conf", "backup-site{}.conf")]:
        os.makedirs(hosts.file(f"fleet/{folder}"))
        for number in range(FILES // 2):
            start = "#!/bin/sh\nexit 1\n" if folder == "scripts-available" else f"SITE{number}=x\n"
            path = hosts.file(f"fleet/{folder}/{name.format(number)}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(start + "# padding\n" * ((FILE_BYTES - len(start)) // 10))
            os.chmod(path, 0o755 if folder == "scripts-available" else 0o644)


def _push(programs: str, hosts: Hosts, count: int, forks: int) -> Cost:
    return run([os.path.join(programs, "batt-fleet"), "push", "-i", hosts.file("fleet"), "-l", f"h[001-{count:03}]",
                "-f", str(forks), "--known-hosts", hosts.file("known_hosts")])


def _count(programs: str) -> None:
    """sshd tells of connections and channels. A program in the agent's place writes down what is said on the channel."""
    with Hosts(programs, 1, log_level="DEBUG1") as hosts:
        _fill(hosts)
        listener = hosts.file("listener")
        with open(listener, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\ntee -a {hosts.folder}/asked | {hosts.batt} "$@" | tee -a {hosts.folder}/answered\n'
                       f'echo >>{hosts.folder}/ended\n')
        os.chmod(listener, 0o755)
        hosts.agent = listener
        hosts.write_inventory()
        rows = []
        for name in ["first push", "second push"]:
            marks = {file: _size(hosts.file(file)) for file in ["sshd.log", "asked", "answered", "ended"]}
            _push(programs, hosts, 1, 1)
            _wait_for_more(hosts.file("ended"), marks["ended"])
            log, asked, answered, _ = (_since(hosts.file(file), mark) for file, mark in marks.items())
            rows.append([name, str(log.count("\nConnection from ") + log.startswith("Connection from ")),
                         str(log.count("server_input_channel_open: ctype session")),
                         str(log.count("server_input_channel_req: channel 0 request exec")),
                         str(asked.count("\n")), str(answered.count("\n"))])
    print("### Push: what goes over the line\n")
    table(["push of 8 files", "connections", "channels", "commands", "lines asked", "lines answered"], rows)
    print("No line asked and one answered: the greeting. It answers the command itself, so there is one round trip after the\n"
          "login.\n", flush=True)


def _wait_for_more(path: str, mark: int) -> None:
    """batt-fleet has gone before all is written down."""
    end = time.monotonic() + 60
    while _size(path) <= mark:
        if time.monotonic() > end:
            raise Failed("the listener on the host did not end")
        time.sleep(0.01)


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _since(path: str, mark: int) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        file.seek(mark)
        return file.read()


def _cost(programs: str, count: int, forks: int, rounds: int) -> None:
    tell(f"push: {count} hosts, {forks} at once")
    with Hosts(programs, count) as hosts:
        _fill(hosts)
        bare = [os.path.join(programs, "examples", "bare_client"), str(forks), hosts.user, hosts.file("user_key"),
                hosts.file("host_key.pub")]
        lines = "".join(f"{host.address}:{hosts.port} true\n" for host in hosts.hosts).encode()
        # The warm-up is the first push.
        costs = interleaved({
            "bare client, `true`": lambda: run(bare, stdin=lines),
            "push, nothing to do": lambda: _push(programs, hosts, count, forks),
        }, rounds)
    floor = median(next(iter(costs.values())))
    rows = []
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.2f}", f"{cost.cpu * 1000 / count:.2f}",
                     spread([one.cpu * 1000 / count for one in of_name]), f"{cost.cpu / floor.cpu:.1f}",
                     f"{cost.wall / floor.wall:.2f}"])
    print(f"### Push: {count} hosts, {forks} at once\n")
    table(["tool", "wall s", "CPU ms/host", "least-greatest", "ratio CPU", "ratio wall"], rows)
