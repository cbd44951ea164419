"""`batt store` of a long stream, beside `zstd -T2` in a pipe with `sha256sum`. Both read the same stream and write a file."""

import os
import random
import shutil
import tempfile

from measuring import Cost, Failed, interleaved, median, megabytes, run, spread, table, tell

# Longer than the window of zstd, so that it does not see that the same comes again.
BLOCK = 64 << 20


def measure(programs: str, size: int, rounds: int) -> None:
    """Prints time, memory and size of both."""
    zstd = shutil.which("zstd")
    if not zstd:
        print("- skipped: zstd is not installed")
        return
    times = max(1, size // BLOCK)
    tell(f"store: {times * BLOCK / 2**30:.1f} GiB")
    with tempfile.TemporaryDirectory(prefix="batt-bench-") as folder:
        block = os.path.join(folder, "block")
        write_block(block)
        stream = ["cat"] + [block] * times

        def ours() -> Cost:
            staging = tempfile.mkdtemp(dir=folder)
            cost = run([os.path.join(programs, "batt"), "store", "stream", "--", *stream],
                       environment={"BATT_DEST": staging, "BATT_SERVICE": "bench"})
            sizes["ours"] = _take_away(staging, os.path.join(staging, "bench", "stream.zst"))
            return cost

        def pipe(sync: str) -> Cost:
            place = tempfile.mkdtemp(dir=folder)
            script = ('set -o pipefail; file=$1; shift; "$@" | zstd -q -T2 -c | tee "$file" | sha256sum >"$file.sha256"'
                      + sync)
            file = os.path.join(place, "stream.zst")
            cost = run(["bash", "-c", script, "bash", file, *stream])
            sizes["pipe"] = _take_away(place, file)
            return cost

        sizes: dict[str, int] = {}
        costs = interleaved({
            "`zstd -T2`, `tee`, `sha256sum`": lambda: pipe(""),
            "`batt store` (synced, hashed twice)": ours,
            "the pipe, then `sync FILE`": lambda: pipe('; sync "$file"'),
        }, rounds)
    floor = median(next(iter(costs.values())))
    rows = []
    for name, of_name in costs.items():
        cost = median(of_name)
        rows.append([name, f"{cost.wall:.2f}", spread([one.wall for one in of_name]), f"{cost.cpu:.2f}",
                     f"{cost.wall / floor.wall:.2f}", f"{cost.cpu / floor.cpu:.2f}", megabytes(cost.memory)])
    print(f"### `batt store` of {times * BLOCK / 2**30:.1f} GiB\n")
    table(["what", "wall s", "least-greatest", "CPU s", "ratio wall", "ratio CPU", "memory MB (largest process)"], rows)
    print(f"- written: {megabytes(sizes['ours'])} MB by batt, {megabytes(sizes['pipe'])} MB by the pipe\n", flush=True)


def _take_away(folder: str, file: str) -> int:
    size = os.path.getsize(file)
    if size == 0:
        raise Failed(f"nothing was written to {file}")
    shutil.rmtree(folder)
    return size


def write_block(path: str) -> None:
    """Lines as a dump of a table has them: words, numbers and a hash each."""
    chance = random.Random(2014)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 10))) for _ in range(5000)]
    written = 0
    with open(path, "w", encoding="ascii") as file:
        number = 0
        while written < BLOCK:
            number += 1
            line = (f"INSERT INTO post VALUES ({number},{chance.randint(1, 90000)},'{' '.join(chance.choices(words, k=12))}',"
                    f"'{chance.getrandbits(128):032x}');\n")
            written += file.write(line)
        file.truncate(BLOCK)
