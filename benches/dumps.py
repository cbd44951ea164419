"""Backups and restores of one large database beside the engine's own programs and a pipe into zstd."""

import glob
import os
import shutil
import statistics
import subprocess
import tempfile
from typing import Callable

import engines
from measuring import Cost, interleaved, median, run, spread, table, tell

# A dump of some 280 bytes for each row, of which zstd keeps a quarter.
BYTES_OF_A_ROW = 280
MARIADB = ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump", "zstd"]
POSTGRESQL = ["postgres", "initdb", "psql", "pg_dump", "pg_restore", "zstd"]


def measure(programs: str, size: int, rounds: int) -> None:
    """Prints time of both engines, for backups and restores."""
    rows = max(1, size // BYTES_OF_A_ROW)
    batt = os.path.join(programs, "batt")
    for engine, needs, of_engine in [("mariadb", MARIADB, _mariadb), ("postgresql", POSTGRESQL, _postgresql)]:
        if lacking := engines.missing(needs):
            tell(f"- skipped: {engine}: not installed: {', '.join(lacking)}")
            continue
        with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
            os.chmod(folder, 0o711)
            of_engine(batt, folder, rows, rounds)


class _Home:
    """A home of batt with one service, and where its backups lie."""

    def __init__(self, batt: str, folder: str, service: str, conf: dict[str, str]) -> None:
        self.batt = [batt, "--home", os.path.join(folder, "home")]
        self.backups = os.path.join(folder, "backup")
        self.service = service
        self.settings = os.path.join(folder, "home", "conf", "batt.toml")
        self.conf = os.path.join(folder, "home", "conf", f"backup-{service}.local.conf")
        run([*self.batt, "init"])
        self.configure(conf)

    def configure(self, conf: dict[str, str]) -> None:
        """Says what the scripts of the service are told."""
        _write_private(self.conf, "".join(f'{key}="{value}"\n' for key, value in conf.items()))

    def backs_up(self, again: bool) -> Cost:
        """Backs up the large database, and reads the archive again or not."""
        later = "" if again else f'[service.{self.service}]\nreread_every = "7d"\n'
        _write_private(self.settings, f'path = "{self.backups}"\n{later}')
        return run([*self.batt, f"--{self.service}-db", "large"])

    def restores(self) -> Cost:
        """Restores the newest backup of it."""
        return run([*self.batt, "restore", self.service, f"--{self.service}-db", "large"])


def _mariadb(batt: str, folder: str, rows: int, rounds: int) -> None:
    with engines.mariadb() as socket:
        tell("dumps: a database of MariaDB")
        login = ["--no-defaults", "--user=root", f"--socket={socket}"]
        _feed(["mariadb", *login], "CREATE DATABASE large; USE large; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(100), b TEXT, c BLOB);"
              "INSERT INTO t (a, b, c) SELECT MD5(seq), CONCAT('it''s text ', seq, REPEAT(MD5(seq * 7), 3)),"
              f" UNHEX(CONCAT(MD5(seq * 3), MD5(seq * 5))) FROM seq_1_to_{rows};")
        options = os.path.join(folder, "client.cnf")
        _write_private(options, f"[client]\nuser=root\nsocket={socket}\n")
        home = _Home(batt, folder, "mysql", {"MYSQL_CREDS": options})
        own = os.path.join(folder, "large.sql.zst")
        dump = f'set -o pipefail; mariadb-dump "$@" --single-transaction --routines --events --triggers large | zstd -q -f -T2 -o {own}; sync {own}'
        _print("### MariaDB: a backup of one large database", interleaved({
            "`mariadb-dump`, `zstd -T2`, `sync`": lambda: _bash(dump, *login),
            "`batt mysql`, read again once a week": lambda: home.backs_up(again=False),
            "`batt mysql`, read again before it is published": lambda: home.backs_up(again=True),
        }, rounds), os.path.getsize(own))
        load = f'set -o pipefail; mariadb "$@" --execute="CREATE DATABASE large"; zstd -q -d -c {own} | mariadb "$@" large'

        def anew(restore: Callable[[], Cost]) -> Cost:
            _feed(["mariadb", *login], "DROP DATABASE large")
            return restore()

        _print("### MariaDB: its restore", interleaved({
            "`zstd -d`, `mariadb`": lambda: anew(lambda: _bash(load, *login)),
            "`batt restore mysql`": lambda: anew(home.restores),
        }, rounds))


def _postgresql(batt: str, folder: str, rows: int, rounds: int) -> None:
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[-1]
    with engines.postgresql() as socket:
        tell("dumps: a database of PostgreSQL")
        psql = [f"{programs}/psql", "-X", "-q", "-h", socket, "-U", "postgres"]
        # Four tables, so that two processes have something to do.
        fill = "".join(f"CREATE TABLE t{part} AS SELECT n AS id, md5(n::text) AS a, 'it''s text ' || n || repeat(md5((n * 7)::text), 3) AS b,"
                       f" decode(md5((n * 3)::text) || md5((n * 5)::text), 'hex') AS c FROM generate_series({part}, {rows}, 4) AS n;"
                       f"ALTER TABLE t{part} ADD PRIMARY KEY (id);" for part in range(4))
        _feed([*psql, "-d", "postgres"], "CREATE DATABASE large")
        _feed([*psql, "-d", "large"], fill + "ANALYZE;")
        conf = {"PGHOST": socket, "BACKUP_USER": "postgres"}
        home = _Home(batt, folder, "postgresql", conf)
        where = f"-h {socket} -U postgres"
        own = os.path.join(folder, "large.dump.zst")
        dump = f"set -o pipefail; {programs}/pg_dump {where} -Fc -Z0 large | zstd -q -f -T2 -o {own}; sync {own}"
        _print("### PostgreSQL: a backup of one large database", interleaved({
            "`pg_dump -Fc -Z0`, `zstd -T2`, `sync`": lambda: _bash(dump),
            "`batt postgresql`, read again once a week": lambda: home.backs_up(again=False),
            "`batt postgresql`, read again before it is published": lambda: home.backs_up(again=True),
        }, rounds), os.path.getsize(own))

        def anew(restore: Callable[[], Cost]) -> Cost:
            _feed([*psql, "-d", "postgres"], "DROP DATABASE large")
            return restore()

        create = f'set -o pipefail; {programs}/psql -X -q {where} -d postgres -c "CREATE DATABASE large"'
        load = f"{create}; zstd -q -d -c {own} | {programs}/pg_restore {where} -d large"
        _print("### PostgreSQL: its restore", interleaved({
            "`zstd -d`, `pg_restore`": lambda: anew(lambda: _bash(load)),
            "`batt restore postgresql`": lambda: anew(home.restores),
        }, rounds))

        home.configure({**conf, "PG_FORMAT": "directory"})
        parts = os.path.join(folder, "large")

        def in_parts() -> Cost:
            shutil.rmtree(parts, ignore_errors=True)
            return _bash(f"{programs}/pg_dump {where} -Fd -j2 -Z1 -f {parts} large; sync {parts}/*")

        _print("### PostgreSQL: a backup in the format of a folder", interleaved({
            "`pg_dump -Fd -j2 -Z1`, `sync`": in_parts,
            "`batt postgresql`, `directory`, read again before it is published": lambda: home.backs_up(again=True),
        }, rounds))
        _print("### PostgreSQL: its restore", interleaved({
            "`pg_restore -j2`": lambda: anew(lambda: _bash(f"{create}; {programs}/pg_restore {where} -j2 -d large {parts}")),
            "`batt restore postgresql`": lambda: anew(home.restores),
        }, rounds))


def _bash(script: str, *arguments: str) -> Cost:
    return run(["bash", "-c", script, "bash", *arguments])


def _feed(client: list[str], statements: str) -> None:
    subprocess.run(client, input=statements, text=True, check=True)


def _write_private(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o600)


def _print(title: str, costs: dict[str, list[Cost]], size: int | None = None) -> None:
    own = next(iter(costs.values()))
    rows = []
    for name, of_name in costs.items():
        ratios = [one.wall / beside.wall for one, beside in zip(of_name, own)]
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.1f}", spread([one.wall for one in of_name]), f"{statistics.median(ratios):.2f}", spread(ratios), f"{cost.cpu:.1f}"])
    print(f"{title}{f', {size / 1e6:.0f} MB compressed' if size is not None else ''}\n")
    table(["what", "wall s", "least-greatest", "ratio of rounds", "least-greatest", "CPU s of the clients"], rows)
