"""What it costs to hold a dump of MySQL to what the server says is in it: `batt store --check mysql` of another commit, ours without an
inventory and ours with one, of the same stream."""

import os
import shutil
import statistics
import subprocess
import tempfile

import engines
from measuring import Cost, Failed, interleaved, run, spread, table, tell

ROWS = 3_700_000
"""Which make a dump of about 1 GB."""


def _write_dump(socket: str, folder: str) -> tuple[str, str]:
    """Fills a table, and returns the path of its dump and of what the server says of it."""
    client = ["mariadb", "--no-defaults", "--user=root", f"--socket={socket}", "--batch", "--skip-column-names"]
    fill = ("CREATE DATABASE large; USE large; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(100), b TEXT, c BLOB);"
            "INSERT INTO t (a, b, c) SELECT MD5(seq), CONCAT('it''s text ', seq, REPEAT(MD5(seq * 7), 3)),"
            f" UNHEX(CONCAT(MD5(seq * 3), MD5(seq * 5))) FROM seq_1_to_{ROWS};")
    subprocess.run(client, input=fill, text=True, check=True)
    dump, inventory = os.path.join(folder, "dump.sql"), os.path.join(folder, "inventory")
    with open(dump, "wb") as file:
        subprocess.run(["mariadb-dump", "--no-defaults", "--user=root", f"--socket={socket}", "--single-transaction", "large"],
                       stdout=file, check=True)
    with open(inventory, "wb") as file:
        subprocess.run([*client, "--execute", "SELECT 'table.t', 'InnoDB' UNION ALL SELECT 'rows.t', COUNT(*) FROM large.t"],
                       stdout=file, check=True)
    return dump, inventory


def measure(ours: str, against: str, rounds: int) -> None:
    """Prints the CPU time of the three, and the ratios of pairs."""
    with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
        with engines.mariadb() as socket:
            tell("stream: a dump of 1 GB")
            dump, inventory = _write_dump(socket, folder)

        def store(program: str, *more: str) -> Cost:
            staging = tempfile.mkdtemp(dir=folder)
            cost = run([program, "store", "--check", "mysql", *more, "large", "--", "cat", dump],
                       environment={"BATT_DEST": staging, "BATT_SERVICE": "bench"})
            if not os.path.getsize(os.path.join(staging, "bench", "large.zst")):
                raise Failed("nothing was stored")
            shutil.rmtree(staging)
            return cost

        costs = interleaved({
            "then": lambda: store(against),
            "now": lambda: store(ours),
            "now, held to the server": lambda: store(ours, "--inventory", inventory),
        }, rounds)
        size = os.path.getsize(dump)
    then = costs["then"]
    rows = []
    for name, of_it in costs.items():
        ratios = [cost.cpu / before.cpu for before, cost in zip(then, of_it)]
        rows.append([name, f"{statistics.median(cost.cpu for cost in of_it):.2f}", spread([cost.cpu for cost in of_it]),
                     f"{statistics.median(ratios):.3f}", spread(ratios)])
    print(f"### `batt store --check mysql` of a dump of {size / 1e9:.2f} GB\n")
    table(["", "CPU s", "least-greatest", "ratio of pairs", "least-greatest"], rows)
