"""What a backup, a drill and a restore cost beside those of another commit, whose programs and scripts are run in turn with
ours: the price of namespaces, accounts and descriptors."""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from typing import Callable, Iterator, NamedTuple

import engines
import stream
from accounting import Group, group
from measuring import Cost, Failed, interleaved, run, spread, table, tell
from trees import SMALL_FILES, write_small

SOME_FILES = 200


class Commit(NamedTuple):
    """One of the two."""

    program: str
    scripts: str | None
    """A folder of scripts in place of those that the program ships."""


class Host(NamedTuple):
    """A home of one of the two, with its own scripts."""

    batt: list[str]
    group: Group

    def backs_up(self, service: str) -> Cost:
        """Runs a service."""
        return self.group.run([*self.batt, service])

    def drills(self, service: str) -> Cost:
        """Rehearses the newest backup of a service."""
        return self.group.run([*self.batt, "drill", service])

    def restores(self, into: str) -> Cost:
        """Restores the service `file` into a new folder."""
        cost = self.group.run([*self.batt, "restore", "file", "--into", into])
        shutil.rmtree(into)
        return cost


class Subject(NamedTuple):
    """A service on something small."""

    service: str
    title: str
    needs: list[str]
    drill: bool
    settings: dict[str, str]
    items: list[str]
    """What the host promises of it; none is everything."""


@contextlib.contextmanager
def _subject(name: str, folder: str) -> Iterator[Subject]:
    """Makes what a service is to back up, and tells how it is led there."""
    match name:
        case "file":
            tree = os.path.join(folder, "tree")
            write_small(tree, SOME_FILES)
            yield Subject("file", f"`file`, {SOME_FILES} files", ["tar"], True, {}, [tree])
        case "sqlite":
            with engines.sqlite() as path:
                yield Subject("sqlite", "`sqlite`, of another account", [], True, {}, [path])
        case "mysql" | "mysql-socket":
            with engines.mariadb() as socket:
                options = os.path.join(folder, "client.cnf")
                with_password = name == "mysql"
                login = f'user=backup\npassword="{engines.PASSWORD}"' if with_password else "user=root"
                _write_private(options, f"[client]\n{login}\nsocket={socket}\n")
                title = "with a password" if with_password else "without one, as root by the socket"
                yield Subject("mysql", f"`mysql`, {title}", [], with_password, {"MYSQL_CREDS": options}, [])
        case "postgresql" | "postgresql-password":
            with engines.postgresql() as socket:
                with_password = name != "postgresql"
                login = {"PGUSER": "backup", "PGPASSWORD": engines.PASSWORD} if with_password else {"BACKUP_USER": "postgres"}
                title = "with a password" if with_password else "as `postgres`"
                yield Subject("postgresql", f"`postgresql`, {title}", [], not with_password, {"PGHOST": socket, **login}, [])
        case "redis":
            with engines.redis() as socket:
                settings = {"REDIS_SOCKET": socket, "REDISCLI_AUTH": engines.PASSWORD}
                yield Subject("redis", "`redis`, by its socket", [], True, settings, [])


NEEDS = {
    "file": ["tar"],
    "sqlite": ["sqlite3"],
    "mysql": ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"],
    "mysql-socket": ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"],
    "postgresql": ["postgres", "initdb", "psql", "pg_dump"],
    "postgresql-password": ["postgres", "initdb", "psql", "pg_dump"],
    "redis": ["redis-server", "redis-cli"],
    "restore": ["tar"],
    "stream": ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"],
}


def measure(ours: Commit, against: Commit, whats: list[str], rounds: int, counted: Group) -> None:
    """Prints a table of backups and drills, and one of a restore."""
    backups: list[list[str]] = []
    drills: list[list[str]] = []
    for name in whats:
        if lacking := engines.missing(NEEDS[name]):
            tell(f"- skipped: {name}: not installed: {', '.join(lacking)}")
            continue
        with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
            if name in ("restore", "stream"):
                continue
            with _subject(name, folder) as subject:
                hosts = {"then": _host(against, os.path.join(folder, "then"), subject, counted),
                         "now": _host(ours, os.path.join(folder, "now"), subject, counted)}
                tell(f"{name}: backup")
                backups.append(_row(subject.title, interleaved(
                    {when: lambda host=host: host.backs_up(subject.service) for when, host in hosts.items()}, rounds)))
                if subject.drill:
                    tell(f"{name}: drill")
                    drills.append(_row(subject.title, interleaved(
                        {when: lambda host=host: host.drills(subject.service) for when, host in hosts.items()}, max(3, rounds // 3))))
    head = ["", "CPU ms then", "now", "more, ms", "least-greatest", "ratio"]
    if backups:
        print("### Backups of something small\n")
        table(["backup", *head[1:]], backups)
    if drills:
        print("### Drills of it\n")
        table(["drill", *head[1:]], drills)
    if "restore" in whats:
        _restore(ours, against, max(3, rounds // 3), counted)
    if "stream" in whats:
        stream.measure(ours.program, against.program, max(3, rounds // 3))


def _restore(ours: Commit, against: Commit, rounds: int, counted: Group) -> None:
    tell(f"restore of {SMALL_FILES} files")
    with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
        tree = os.path.join(folder, "tree")
        write_small(tree, SMALL_FILES)
        subject = Subject("file", "", [], False, {}, [tree])
        hosts = {"then": _host(against, os.path.join(folder, "then"), subject, counted),
                 "now": _host(ours, os.path.join(folder, "now"), subject, counted)}
        for host in hosts.values():
            host.backs_up("file")
        costs = interleaved({when: lambda host=host: host.restores(os.path.join(folder, "into")) for when, host in hosts.items()}, rounds)
    rows = [[when, f"{statistics.median(cost.wall for cost in of_it):.2f}", spread([cost.wall for cost in of_it]),
             f"{statistics.median(cost.cpu for cost in of_it):.2f}", spread([cost.cpu for cost in of_it])]
            for when, of_it in costs.items()]
    pairs = list(zip(costs["then"], costs["now"]))
    rows.append(["ratio, of pairs", f"{statistics.median(now.wall / then.wall for then, now in pairs):.2f}",
                 spread([now.wall / then.wall for then, now in pairs]),
                 f"{statistics.median(now.cpu / then.cpu for then, now in pairs):.2f}",
                 spread([now.cpu / then.cpu for then, now in pairs])])
    print(f"### Restore of {SMALL_FILES:,} small files\n")
    table(["", "wall s", "least-greatest", "CPU s", "least-greatest"], rows)


def _row(title: str, costs: dict[str, list[Cost]]) -> list[str]:
    then, now = ([cost.cpu * 1000 for cost in costs[when]] for when in ("then", "now"))
    more = [one_now - one_then for one_then, one_now in zip(then, now)]
    return [title, f"{statistics.median(then):.0f}", f"{statistics.median(now):.0f}", f"{statistics.median(more):+.0f}",
            f"{min(more):+.0f} to {max(more):+.0f}", f"{statistics.median(now) / statistics.median(then):.2f}"]


def _host(commit: Commit, folder: str, subject: Subject, counted: Group) -> Host:
    os.mkdir(folder, 0o700)
    home = os.path.join(folder, "home")
    batt = [commit.program, "--home", home]
    run([*batt, "init"])
    if commit.scripts is not None:
        for name in os.listdir(commit.scripts):
            place = os.path.join(home, "scripts-available", name)
            shutil.copyfile(os.path.join(commit.scripts, name), place)
            os.chmod(place, 0o755)
    promised = f"[service.{subject.service}]\nitems = {json.dumps(subject.items)}\n" if subject.items else ""
    _write_private(os.path.join(home, "conf", "batt.toml"), f'path = "{folder}/backup"\n{promised}')
    _write_private(os.path.join(home, "conf", f"backup-{subject.service}.local.conf"),
                   "".join(f'{key}="{value}"\n' for key, value in subject.settings.items()))
    return Host(batt, counted)


def _write_private(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o600)


def main() -> int:
    """Measures what was named."""
    parser = argparse.ArgumentParser(prog="benches/floor.sh", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(NEEDS)} [default: all]")
    parser.add_argument("--batt", required=True, help="the program")
    parser.add_argument("--against", required=True, help="that of the other commit")
    parser.add_argument("--scripts", metavar="FOLDER", help="scripts in place of those that the program ships: a look without a build")
    parser.add_argument("--rounds", type=int, default=15, help="pairs of each backup; a third of it of drills and restores [default: 15]")
    arguments = parser.parse_args()
    if unknown := [what for what in arguments.what if what not in NEEDS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(NEEDS)}")
    if os.geteuid() != 0:
        raise Failed("only root becomes other accounts: run it as root")
    ours = Commit(os.path.abspath(arguments.batt), arguments.scripts)
    against = Commit(os.path.abspath(arguments.against), None)
    with group() as counted:
        measure(ours, against, arguments.what or list(NEEDS), arguments.rounds, counted)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"benches/floor.sh: {failure}")
