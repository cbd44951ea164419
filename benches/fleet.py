"""`batt-fleet run` of an empty service on many hosts, beside a client that does nothing else, and beside other tools."""

import os
import shutil
from typing import Callable

import conversation
from hosts import SERVICE, Host, Hosts
from measuring import Cost, interleaved, median, megabytes, run, spread, table, tell


def measure(programs: str, counts: list[int], forks: int, rounds: int) -> None:
    """Prints one table for each number of hosts."""
    with Hosts(programs, max(counts)) as hosts:
        on_host = conversation.cost_on_a_host(hosts.hosts[0].serve(hosts.agent).split(), SERVICE, 20,
                                               hosts.hosts[0].age_orders)
        tell(f"fleet: a run costs {on_host * 1000:.1f} ms CPU of batt on its host")
        for count in counts:
            _measure(programs, hosts, hosts.first(count), forks, rounds, on_host)


def _measure(programs: str, hosts: Hosts, chosen: list[Host], forks: int, rounds: int, on_host: float) -> None:
    count = len(chosen)
    tell(f"fleet: {count} hosts, {forks} at once")
    bare_true = "bare client, `true`"
    bare_talk = "bare client, same conversation"
    ours = "batt-fleet run"
    bare = [os.path.join(programs, "examples", "bare_client"), str(forks), hosts.user, hosts.file("user_key"),
            hosts.file("host_key.pub")]

    def age_orders() -> None:
        for host in chosen:
            host.age_orders()

    def client(command: Callable[[Host], str], *talk: str) -> Cost:
        age_orders()
        lines = "".join(f"{host.address}:{hosts.port} {command(host)}\n" for host in chosen)
        return run([*bare, *talk], stdin=lines.encode())

    def controller() -> Cost:
        age_orders()
        return run([os.path.join(programs, "batt-fleet"), "run", SERVICE, "-i", hosts.file("fleet"),
                    "-l", f"h[001-{count:03}]", "-f", str(forks), "--known-hosts", hosts.file("known_hosts"),
                    "--state", hosts.file("state")])

    costs = interleaved({
        bare_true: lambda: client(lambda host: "true"),
        ours: controller,
        bare_talk: lambda: client(lambda host: host.serve(hosts.agent), conversation.order(SERVICE), conversation.END),
    }, rounds)
    # They take long and change little: fewer rounds, after the others.
    costs |= interleaved(_others(hosts, chosen, forks), max(1, rounds // 3), warm_up=False)

    floor = median(costs[bare_true])
    rows = []
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.2f}", f"{cost.cpu * 1000 / count:.2f}",
                     spread([one.cpu * 1000 / count for one in of_name]), f"{cost.cpu / floor.cpu:.1f}",
                     f"{cost.wall / floor.wall:.2f}", megabytes(cost.memory), str(len(of_name))])
    print(f"### {count} hosts, {forks} at once\n")
    table(["tool", "wall s", "CPU ms/host", "least-greatest", "ratio CPU", "ratio wall", "memory MB", "runs"], rows)
    wall = median(costs[ours]).wall
    talk = median(costs[bare_talk]).wall
    cores = len(os.sched_getaffinity(0))
    computed = floor.wall + count * on_host / cores
    print(f"- wall, batt-fleet to the bare client with the same conversation: {wall / talk:.2f}")
    print(f"- wall, batt-fleet to `true` plus {on_host * 1000:.1f} ms CPU of batt a host on {cores} cores "
          f"({floor.wall:.2f} s + {count * on_host / cores:.2f} s): {wall / computed:.2f}\n", flush=True)


def _others(hosts: Hosts, chosen: list[Host], forks: int) -> dict[str, Callable[[], Cost]]:
    """Other tools, which run `true` and nothing else; those that are not installed are named."""
    ssh = hosts.ssh_options()
    addresses = ",".join(host.address for host in chosen)
    inventory = hosts.file("ansible.ini")
    with open(inventory, "w", encoding="utf-8") as file:
        file.writelines(f"{host.address}\n" for host in chosen)
    # Empty: no settings of the person or the machine.
    settings = hosts.file("ansible.cfg")
    open(settings, "w", encoding="utf-8").close()
    tools = {
        "pdsh": (["pdsh", "-R", "ssh", "-S", "-f", str(forks), "-w", addresses, "true"],
                 {"PDSH_SSH_ARGS_APPEND": " ".join(ssh)}),
        "clush": (["clush", "-S", "-f", str(forks), "-o", " ".join(ssh), "-w", addresses, "true"], {}),
        "ansible": (["ansible", "all", "-i", inventory, "-m", "raw", "-a", "true", "-f", str(forks)],
                    {"ANSIBLE_SSH_ARGS": " ".join(ssh), "ANSIBLE_CONFIG": settings,
                     "ANSIBLE_LOCAL_TEMP": hosts.file("ansible-local")}),
    }
    there = {}
    for name, (command, environment) in tools.items():
        if shutil.which(name):
            there[f"{name}, `true`"] = lambda command=command, environment=environment: run(
                command, environment=environment)
        else:
            print(f"- skipped: {name} is not installed")
    return there
