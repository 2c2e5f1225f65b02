"""`make bench`: every figure on a line, and all of them in bench/out/latest.json.

Names of parts (core, peers, startup, probe, sweep, known_hosts) as arguments run those alone.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench import core, known_hosts, peers, probe, startup, sweep

PARTS = {
    "core": core,
    "peers": peers,
    "startup": startup,
    "probe": probe,
    "sweep": sweep,
    "known_hosts": known_hosts,
}
OUT = Path(__file__).with_name("out") / "latest.json"


def main(names: list[str]) -> int:
    """Run the parts and keep what they say; 1 when a bound is not met."""
    if unknown := sorted(set(names) - set(PARTS)):
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    kept = {}
    for name in names or PARTS:
        for figure in PARTS[name].figures():
            print(figure.line(), flush=True)
            kept[figure.name] = {key: value for key, value in asdict(figure).items() if key != "name"}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(kept, indent=1) + "\n")
    missed = [
        name for name, row in kept.items() if row["at_most"] is not None and row["value"] > row["at_most"]
    ]
    if missed:
        print(f"over their bound: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
