"""What drives a search for a given time: Hypothesis, or atheris over Hypothesis. One call a process."""

import importlib
import sys
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from hypothesis import HealthCheck, Phase, settings

ROUND_EXAMPLES: Final = 200
FOUND: Final = Path(".hypothesis/fuzz")
INPUT_BYTES_MAX: Final = 2048  # of what Hypothesis makes its choices from
CORPUS_COUNT: Final = 32


def with_hypothesis(name: str, seconds: int) -> None:
    """Rounds of random examples until the time is over."""
    from tests.fuzz.search import SEARCHES as FUNCTIONS  # noqa: PLC0415 - see with_atheris

    rounds = 0
    search = settings(
        max_examples=ROUND_EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )(FUNCTIONS[name])
    end = monotonic() + seconds
    while monotonic() < end:
        search()
        rounds += 1
    print(f"{name}: {rounds * ROUND_EXAMPLES} inputs", flush=True)


def with_atheris(name: str, seconds: int) -> None:
    """Examples that grow from those which reached new code; ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["procmaps", "collector"]):
        from tests.fuzz.search import SEARCHES as FUNCTIONS  # noqa: PLC0415 - what is imported here is watched

    corpus = FOUND / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for number in range(CORPUS_COUNT):  # short inputs end before Hypothesis has drawn a mutation from them
        (corpus / f"begin-{number}").write_bytes(Random(number).randbytes(INPUT_BYTES_MAX // 2))
    options = [
        str(corpus),
        "-len_control=0",
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-artifact_prefix={FOUND}/{name}-",
    ]
    # without the phase of explanations, for which Hypothesis keeps a trace of every input
    phases = (Phase.reuse, Phase.generate, Phase.shrink)
    search = settings(deadline=None, phases=phases)(FUNCTIONS[name])
    atheris.Setup(
        [sys.argv[0], *options, "-timeout=60", "-rss_limit_mb=4096", "-verbosity=1"],
        search.hypothesis.fuzz_one_input,  # type: ignore[attr-defined] # Hypothesis puts it there
    )
    atheris.Fuzz()
