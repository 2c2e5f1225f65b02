"""`make ill`: start processes that leak, drawn by chance, record what they say of themselves, and score.

`--keep DIR` records them below DIR and labels nothing, so that the first score is a first sight; with
`--kept DIR` nothing is started: what was recorded is labelled and scored with the rules of today.
The same seed draws the same processes wherever the same runtimes are found: here, in each `--root DIR`
(a root directory of another release; /proc must be mounted in it) and, `node` and `python3` alone, in each
`--found-in DIR`.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.live import capture, draws, found, healthy, ill, ill_page, ill_scores, kept, neutral, patients
from bench.live.kept import Opinion
from bench.live.roots import HERE, Root

OUT = Path(__file__).with_name("out")


def main() -> int:
    """Record, or score, or both."""
    parser = argparse.ArgumentParser(prog="python -m bench.ill", description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--kept", type=Path, metavar="DIR")
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--seed", type=int, default=draws.SEED)
    parser.add_argument("--root", type=Path, metavar="DIR", action="append", default=[])
    parser.add_argument("--found-in", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="what is wrong in each process below 99 %%"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="docs/second-opinion.md, for the table")
    parser.add_argument("--sight", choices=ill_page.SIGHTS, default=ill_page.LATER)
    options = parser.parse_args()
    folder = options.kept or options.keep or OUT / "ill"
    if not options.kept:
        roots = [HERE, *(Root(path.resolve()) for path in options.root)]
        for opinion in _opinions(roots, options.found_in, options.seed, options.only):
            kept.write(folder, neutral.of(opinion, roots, options.found_in))
            print(opinion.group, opinion.name, len(opinion.truth.ranges), "ranges", flush=True)
        if options.keep:
            return 0
    figures = list(ill_scores.table(folder, options.only))
    print("\n".join(figures))
    if options.page:
        page = options.page.read_text()
        date = datetime.now(tz=UTC).date().isoformat()
        options.page.write_text(ill_page.written(page, options.sight, [f"On {date}:", "", *figures]))
    if options.report:
        options.report.write_text("\n".join(ill_scores.report(folder, options.only)) + "\n")
    return 0


def _opinions(roots: list[Root], folders: list[Path], seed: int, only: str) -> Iterator[Opinion]:
    with contextlib.ExitStack() as stack:
        shops = []
        for root in roots:
            name = stack.enter_context(tempfile.TemporaryDirectory(dir=root.outside("/tmp")))
            shops.append(patients.workshop(root, Path(name)))
        for patient in patients.patients(seed, shops, folders):
            if only in patient.name:
                try:
                    yield ill.observe(patient)
                except (capture.NotStartedError, subprocess.SubprocessError, OSError) as error:
                    print(f"{patient.name}: left out: {error}", file=sys.stderr)
        for one in healthy.servers(seed, [found.place_of(root.path) for root in roots], shops[0].folder):
            if only in one.name:
                yield from _served(one)


def _served(one: found.Found) -> Iterator[Opinion]:
    try:
        with capture.started(one.command, {}) as process:
            files, truth = found.observe(process, one)
            yield Opinion(one.group, one.name, one.settings, files, truth)
    except (capture.NotStartedError, OSError) as error:
        print(f"{one.name}: left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
