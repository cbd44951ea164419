"""How large the programs are as they are given away."""

import os

from measuring import table


def measure(dist: str) -> None:
    """Prints the sizes of what `make dist` has made."""
    rows = []
    for name in ["batt", "batt-fleet"]:
        path = os.path.join(dist, name)
        if not os.path.exists(path):
            print(f"- skipped: dist/{name} is not there (`make dist`)")
            continue
        rows.append([f"dist/{name}", f"{os.path.getsize(path) / 1e6:.2f}"])
    if rows:
        print("### Sizes\n")
        table(["program", "MB"], rows)
