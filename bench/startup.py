"""startup_vs_imports: `mapsweep classify` on one small process against a bare import of what it needs.

Both find their modules compiled, as those of an installed package are, whatever the environment here says.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, children_cpu_s, interleave, run_quietly

ROUNDS = 11


def figures() -> Iterator[Figure]:
    """The start-up of the command, as a ratio of CPU seconds."""
    command = str(Path(sys.executable).with_name("mapsweep"))
    with tempfile.TemporaryDirectory() as folder:
        maps = Path(folder, "maps")
        maps.write_bytes(Path("/proc/self/maps").read_bytes())
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = interleave(
            [
                lambda: run_quietly([command, "classify", str(maps)], environment),
                lambda: run_quietly([sys.executable, "-c", "import numpy, click"], environment),
            ],
            ROUNDS,
            children_cpu_s,
        )
    yield Figure("startup_vs_imports", runs.ratio(0, 1), "ratio", 1.5)
    yield Figure("startup_cpu", runs.median_s(0) * 1e3, "ms")
