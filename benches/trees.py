"""The service `file` on a tree of small files and on one of large files, beside tar, zstd and sha256sum; and `batt verify`
beside `zstd -t` and sha256sum."""

import glob
import os
import random
import shutil
import subprocess
import tempfile

from measuring import Cost, Failed, interleaved, median, megabytes, run, spread, table, tell
from store import write_block

SMALL_FILES = 100_000
# As the script asks of tar: what is left out there would be an unfair gain here.
TAR = ("tar --create --file=- --format=posix --numeric-owner --one-file-system --sparse --exclude-caches "
       "--acls --xattrs '--xattrs-include=*' --selinux --directory=/ --add-file=\"$1\"")


def measure(programs: str, size: int, rounds: int) -> None:
    """Prints time and memory of both, for both trees."""
    if not shutil.which("zstd"):
        print("- skipped: zstd is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
        small, large = os.path.join(folder, "small"), os.path.join(folder, "large")
        tell(f"trees: {SMALL_FILES} small files")
        write_small(small, SMALL_FILES)
        _one_tree(programs, folder, small, f"{SMALL_FILES:,} small files", rounds)
        shutil.rmtree(small)
        tell(f"trees: {size / 2**30:.1f} GiB of large files")
        total = _write_large(large, size)
        _one_tree(programs, folder, large, f"{total / 2**30:.1f} GiB in files of 64 MiB", rounds)


def _one_tree(programs: str, folder: str, tree: str, what: str, rounds: int) -> None:
    host = os.path.join(folder, "host")
    batt = [os.path.join(programs, "batt"), "--home", os.path.join(host, "home")]
    subprocess.run([*batt, "init"], check=True, stdout=subprocess.DEVNULL)
    settings = os.path.join(host, "home", "conf", "batt.toml")

    def ours(again: bool) -> Cost:
        with open(settings, "w", encoding="ascii") as file:
            file.write(f'path = "{host}/backup"\n')
            # Read again before it is published, or once a week only.
            file.write("" if again else '[service.file]\nreread_every = "7d"\n')
        os.chmod(settings, 0o600)
        return run([*batt, "--file", tree])

    def pipe() -> Cost:
        place = tempfile.mkdtemp(dir=folder)
        script = (f'set -o pipefail; {TAR} | zstd -q -T2 -c | tee "$2" | sha256sum >"$2.sha256"; sync "$2"')
        cost = run(["bash", "-c", script, "bash", tree.lstrip("/"), os.path.join(place, "tree.zst")])
        shutil.rmtree(place)
        return cost

    ours(True)
    costs = interleaved({
        "`tar`, `zstd -T2`, `tee`, `sha256sum`, `sync`": pipe,
        "`batt file`, read again once a week": lambda: ours(False),
        "`batt file`, read again before it is published": lambda: ours(True),
    }, rounds)
    _print(f"### `file`: {what}\n", costs)

    archive = glob.glob(os.path.join(host, "backup", "file", "*.zst"))[0]
    check = 'zstd -q -t "$1" && sha256sum "$1" >/dev/null'
    costs = interleaved({
        "`zstd -t`, then `sha256sum`": lambda: run(["bash", "-c", check, "bash", archive]),
        "`batt verify`": lambda: run([*batt, "verify", "file"]),
    }, rounds)
    _print(f"### verify: {what}\n", costs)
    shutil.rmtree(host)


def _print(title: str, costs: dict[str, list[Cost]]) -> None:
    floor = median(next(iter(costs.values())))
    rows = []
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.2f}", spread([one.wall for one in of_name]), f"{cost.cpu:.2f}",
                     f"{cost.wall / floor.wall:.2f}", f"{cost.cpu / floor.cpu:.2f}", megabytes(cost.memory)])
    print(title)
    table(["what", "wall s", "least-greatest", "CPU s", "ratio wall", "ratio CPU", "memory MB (largest process)"], rows)


def write_small(tree: str, count: int) -> None:
    """Makes a tree of small files, the same each time."""
    chance = random.Random(2015)
    for number in range(count):
        place = os.path.join(tree, f"{number // 500:03}")
        if number % 500 == 0:
            os.makedirs(place)
        with open(os.path.join(place, f"{number}.txt"), "wb") as file:
            text = f"{chance.getrandbits(64):016x} page {number}\n".encode()
            file.write(text * chance.randint(1, 120))


def _write_large(tree: str, size: int) -> int:
    os.makedirs(tree)
    first = os.path.join(tree, "00.sql")
    write_block(first)
    block = os.path.getsize(first)
    count = max(1, size // block)
    for number in range(1, count):
        shutil.copyfile(first, os.path.join(tree, f"{number:02}.sql"))
    if not count:
        raise Failed("nothing to back up")
    return count * block
