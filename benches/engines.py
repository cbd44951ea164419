"""Throw-away servers with a small database each, under the accounts of their packages, as the tests make them."""

import contextlib
import glob
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import time
from typing import Iterator

from measuring import Failed

DEADLINE_S = 60
PASSWORD = "a password of the benchmarks"
TABLES = 5
ROWS = 200


def missing(programs: list[str]) -> list[str]:
    """Those of these programs that are not installed."""
    return [program for program in programs if _find(program) is None]


def _find(program: str) -> str | None:
    newest = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin", *newest[:1]]))


def _run(command: list[str], account: str, text: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd="/", **_as(account))


def _as(account: str) -> dict:
    user = pwd.getpwnam(account)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _statements() -> str:
    return "".join(f"CREATE TABLE t{table} (id integer PRIMARY KEY, word varchar(40));\n"
                   + f"INSERT INTO t{table} VALUES " + ", ".join(f"({row}, 'word {row}')" for row in range(ROWS)) + ";\n"
                   for table in range(TABLES))


@contextlib.contextmanager
def _folder(account: str) -> Iterator[str]:
    # A path of a socket is short (unix(7)).
    with tempfile.TemporaryDirectory(prefix="batt-b-", dir="/tmp") as folder:
        user = pwd.getpwnam(account)
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chmod(folder, 0o711)
        yield folder


@contextlib.contextmanager
def _server(command: list[str], account: str, log: str, asks: list[str]) -> Iterator[None]:
    with open(log, "wb") as output:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", **_as(account))
    try:
        deadline = time.monotonic() + DEADLINE_S
        while _run(asks, account).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                with open(log, encoding="utf-8", errors="replace") as said:
                    raise Failed(f"`{command[0]}` does not answer:\n{said.read()[-4000:]}")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait()


def _checked(finished: subprocess.CompletedProcess) -> None:
    if finished.returncode != 0:
        raise Failed(f"`{finished.args[0]}` ended with {finished.returncode}:\n{finished.stderr[-4000:]}")


@contextlib.contextmanager
def mariadb() -> Iterator[str]:
    """A server with a database `small`, and the accounts `root` without a password and `backup` with one. Tells its socket."""
    with _folder("mysql") as folder:
        data, socket = os.path.join(folder, "data"), os.path.join(folder, "s")
        _checked(_run([_find("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db",
                       "--auth-root-authentication-method=normal"], "mysql"))
        client = [_find("mariadb"), "--no-defaults", "--user=root", f"--socket={socket}"]
        command = [_find("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket}", f"--tmpdir={folder}",
                   f"--pid-file={folder}/pid", "--skip-networking", "--skip-log-bin", "--innodb-buffer-pool-size=32M",
                   "--innodb-flush-log-at-trx-commit=0"]
        with _server(command, "mysql", os.path.join(folder, "log"), [*client, "--execute", "SELECT 1"]):
            _checked(_run(client, "mysql", "CREATE DATABASE small; USE small;\n" + _statements()
                          + f"GRANT ALL ON *.* TO backup@localhost IDENTIFIED BY '{PASSWORD}';\n"))
            yield socket


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A cluster with a database `small`, and the superusers `postgres`, who is trusted, and `backup`, who has a password. Tells
    the folder of its socket."""
    with _folder("postgres") as folder:
        data = os.path.join(folder, "data")
        _checked(_run([_find("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"], "postgres"))
        with open(os.path.join(data, "pg_hba.conf"), "w", encoding="ascii") as rules:
            rules.write("local all postgres trust\nlocal all all scram-sha-256\n")
        client = [_find("psql"), "-X", "-q", "-h", folder, "-U", "postgres"]
        command = [_find("postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off",
                   "-c", "autovacuum=off"]
        with _server(command, "postgres", os.path.join(folder, "log"), [*client, "-d", "postgres", "-c", "SELECT 1"]):
            _checked(_run([*client, "-d", "postgres"], "postgres",
                          f"CREATE DATABASE small; CREATE ROLE backup SUPERUSER LOGIN PASSWORD '{PASSWORD}';\n"))
            _checked(_run([*client, "-d", "small"], "postgres", _statements()))
            yield folder


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A server with some keys, and a password. Tells its socket."""
    with _folder("redis") as folder:
        socket = os.path.join(folder, "s")
        client = [_find("redis-cli"), "-e", "-s", socket, "--no-auth-warning", "-a", PASSWORD]
        command = [_find("redis-server"), "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "",
                   "--appendonly", "no", "--requirepass", PASSWORD, "--repl-diskless-sync-delay", "0"]
        with _server(command, "redis", os.path.join(folder, "log"), [*client, "PING"]):
            _checked(_run(client, "redis", "".join(f"SET key:{row} word-{row}\n" for row in range(ROWS))))
            yield socket


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """A small database of an account, in a folder of its own. Tells its path."""
    account = pwd.getpwnam("nobody")
    with _folder("nobody") as folder:
        path = os.path.join(folder, "small.db")
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(_statements())
        os.chown(path, account.pw_uid, account.pw_gid)
        yield path
