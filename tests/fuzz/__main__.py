"""Search for input that breaks the core, for as long as FUZZ_SECONDS says: with atheris, or Hypothesis alone.

atheris (`pip install atheris`, not a dependency) builds on what reached new code, Hypothesis draws at random.
Either way Hypothesis keeps what breaks in .hypothesis/, and `pytest tests/fuzz` shows it again, made small.
"""

import importlib
import importlib.util
import os
import sys
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Final

from hypothesis import HealthCheck, Phase, settings

SECONDS: Final = 600
ROUND_EXAMPLES: Final = 200
FOUND: Final = Path(".hypothesis/fuzz")
# how much of the time each search gets, and the longest input that atheris makes up for it
SEARCHES: Final = {"any_process": (0.6, 1024), "any_host": (0.3, 1024), "any_bytes": (0.1, 4096)}


def main() -> int:
    seconds = int(os.environ.get("FUZZ_SECONDS", SECONDS))
    engine = with_atheris if importlib.util.find_spec("atheris") else with_hypothesis
    print(f"{seconds} s, {engine.__name__.replace('_', ' ')}", flush=True)
    failed = []
    for name, (share, _) in SEARCHES.items():
        # a process each: atheris watches one function a process, and ends it
        worker = get_context("spawn").Process(target=engine, args=(name, max(1, round(seconds * share))))
        worker.start()
        worker.join()
        if worker.exitcode:
            failed.append(name)
    print(f"found something: {', '.join(failed)}; pytest tests/fuzz shows it" if failed else "nothing found")
    return 1 if failed else 0


def with_hypothesis(name: str, seconds: int) -> None:
    """Rounds of random examples until the time is over."""
    from tests.fuzz.search import SEARCHES as FUNCTIONS  # noqa: PLC0415 - after the engine is ready, see below

    rounds = 0
    search = settings(
        max_examples=ROUND_EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=list(Phase),
    )(FUNCTIONS[name])
    end = monotonic() + seconds
    while monotonic() < end:
        search()
        rounds += 1
    print(f"{name}: {rounds * ROUND_EXAMPLES} inputs", flush=True)


def with_atheris(name: str, seconds: int) -> None:
    """Examples that grow from those which reached new code; ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["procmaps"]):
        from tests.fuzz.search import SEARCHES as FUNCTIONS  # noqa: PLC0415 - what is imported here is watched

    FOUND.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={SEARCHES[name][1]}",
        f"-artifact_prefix={FOUND}/{name}-",
    ]
    search = settings(deadline=None)(FUNCTIONS[name])
    atheris.Setup(
        [sys.argv[0], *options, "-timeout=60", "-rss_limit_mb=4096", "-verbosity=1"],
        search.hypothesis.fuzz_one_input,  # type: ignore[attr-defined] # Hypothesis puts it there
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
