"""Search for input that breaks what reads it, for as long as FUZZ_SECONDS says: atheris, or Hypothesis alone.

atheris (`pip install atheris`, not a dependency) builds on what reached new code, Hypothesis draws at random.
Either way Hypothesis keeps what breaks in .hypothesis/, and `pytest tests/fuzz` shows it again, made small.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Final

from tests.fuzz.engines import with_atheris, with_hypothesis

SECONDS: Final = 900
ROUND_SECONDS: Final = 60
SHARES: Final = {  # of the time
    "any_process": 0.4,
    "any_host": 0.2,
    "any_bytes": 1 / 15,
    "any_key": 1 / 6,
    "any_certificate": 1 / 12,
    "any_known_hosts": 1 / 12,
}


def main() -> int:
    seconds = int(os.environ.get("FUZZ_SECONDS", SECONDS))
    engine = with_atheris if importlib.util.find_spec("atheris") else with_hypothesis
    print(f"{seconds} s, {engine.__name__.replace('_', ' ')}", flush=True)
    failed = [
        name for name, share in SHARES.items() if not holds(name, max(1, round(seconds * share)), engine)
    ]
    print(f"found something: {', '.join(failed)}; pytest tests/fuzz shows it" if failed else "nothing found")
    return 1 if failed else 0


def holds(name: str, seconds: int, engine: Callable[[str, int], None]) -> bool:
    """Whether a search finds nothing in its time. It goes on in a new process every ROUND_SECONDS.

    atheris watches one function a process, ends it, and grows with every input.
    """
    for begun in range(0, seconds, ROUND_SECONDS):
        worker = get_context("spawn").Process(target=engine, args=(name, min(ROUND_SECONDS, seconds - begun)))
        worker.start()
        worker.join()
        if worker.exitcode:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
