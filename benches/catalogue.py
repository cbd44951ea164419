"""`batt backups` and `batt purge -n` with many published backups."""

import hashlib
import json
import os
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

from measuring import interleaved, median, megabytes, run, spread, table, tell

BACKUPS = 20_000
# As many services, each once a day.
SERVICES = 20


def measure(programs: str, rounds: int) -> None:
    """Prints what a look at all of them takes."""
    tell(f"catalogue: {BACKUPS} backups")
    with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
        home = os.path.join(folder, "home")
        batt = [os.path.join(programs, "batt"), "--home", home]
        subprocess.run([*batt, "init"], check=True, stdout=subprocess.DEVNULL)
        pattern = os.path.join(folder, "backup", "%Y", "%m", "%d")
        with open(os.path.join(home, "conf", "batt.toml"), "w", encoding="ascii") as file:
            file.write(f'path = "{pattern}"\n')
        # One real backup makes the host's id, and is what all others look like.
        with open(os.path.join(folder, "notes"), "w", encoding="ascii") as file:
            file.write("notes\n")
        run([*batt, "--file", os.path.join(folder, "notes")])
        _multiply(folder)
        rebuild = run([*batt, "backups", "--rebuild"])
        costs = interleaved({
            "`batt backups`": lambda: run([*batt, "backups"]),
            "`batt purge -n --keep-daily 7 --keep-monthly 12`":
                lambda: run([*batt, "purge", "-n", "--keep-daily", "7", "--keep-monthly", "12"]),
        }, rounds)
    rows = [["`batt backups --rebuild`, once", f"{rebuild.wall:.2f}", "", f"{rebuild.cpu:.2f}", megabytes(rebuild.memory)]]
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.2f}", spread([one.wall for one in of_name]), f"{cost.cpu:.2f}",
                     megabytes(cost.memory)])
    print(f"### {BACKUPS:,} published backups\n")
    table(["call", "wall s", "least-greatest", "CPU s", "memory MB"], rows)


def _multiply(folder: str) -> None:
    """Makes backups of other days out of the one that is there."""
    first = subprocess.run(["find", os.path.join(folder, "backup"), "-name", "manifest.json"],
                           capture_output=True, text=True, check=True).stdout.strip()
    with open(first, encoding="utf-8") as file:
        manifest = json.load(file)
    real = os.path.dirname(first)
    archive = manifest["archives"][0]["file"]
    now = datetime.now(timezone.utc).replace(microsecond=0)
    for number in range(BACKUPS - 1):
        at = now - timedelta(days=1 + number // SERVICES, minutes=number % SERVICES)
        service = f"s{number % SERVICES}"
        place = os.path.join(folder, "backup", at.strftime("%Y/%m/%d"), service)
        os.makedirs(place, mode=0o700)
        os.link(os.path.join(real, archive), os.path.join(place, archive))
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        text = json.dumps({**manifest, "service": service, "run": at.strftime("%Y%m%dT%H%M%SZ-00000a"),
                           "started": stamp, "ended": stamp}, indent=2).encode()
        guide = b"# Restore\n"
        files = {"manifest.json": text, "RESTORE.md": guide}
        sums = [f"{manifest['archives'][0]['sha256']}  {archive}\n"]
        for name, content in files.items():
            with open(os.path.join(place, name), "wb") as file:
                file.write(content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        with open(os.path.join(place, "SHA256SUMS"), "w", encoding="utf-8") as file:
            file.write("".join(sums))
