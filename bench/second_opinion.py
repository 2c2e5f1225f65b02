"""`make second-opinion`: start processes that can tell what their memory is, label them, and compare.

JVMs answer `jcmd VM.native_memory detail`; arenas and chunks are read from glibc's structures in the
stopped process; a C program prints its stacks; of other runtimes and of servers strace tells who mapped what.
All of it takes an hour: `--only WORD` runs those whose name contains it, `--keep DIR` keeps what was read in
the form of the known processes, `--kept DIR` labels what was kept again with the rules of today and starts
nothing, `--page FILE` writes a page. `--root DIR` runs all inside a root directory of
another release (debootstrap makes one; /proc must be mounted in it, and a C compiler and JDKs installed),
with its libc; it may be given several times, and so may `--found-in DIR`, a folder of other programs.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.live import agreement, capture, found, ill_page, jdks, jvms, kept, page, programs
from bench.live.agreement import Agreement
from bench.live.kept import Opinion
from bench.live.roots import HERE, Root
from procmaps.tables import Evidence

OUT = Path(__file__).with_name("out")
SHOWN_RANGES = 5
SHOWN_BYTES = 64 * 2**10


def main() -> int:
    """Start, compare, print a line a process and kind of evidence."""
    parser = argparse.ArgumentParser(prog="python -m bench.second_opinion", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--kept", type=Path, metavar="DIR", action="append", default=[])
    parser.add_argument("--page", type=Path, metavar="FILE")
    parser.add_argument("--found-in", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--root", type=Path, metavar="DIR", action="append")
    options = parser.parse_args()
    roots = [Root(path.resolve()) for path in options.root or [HERE.path]]
    rows = []
    for opinion in kept.read_all(options.kept, options.only) or _started(
        roots, options.found_in, options.only
    ):
        if options.keep:
            kept.write(options.keep, opinion)
        agreed = {
            evidence: agreement.compare(opinion.files, opinion.truth, evidence) for evidence in page.EVIDENCES
        }
        rows.append(page.Row(opinion.group, opinion.name, opinion.settings, agreed))
        _print(opinion, agreed)
    if options.page and rows:
        libcs = "" if options.kept else ", ".join(root.named(root.libc()) for root in roots) + ", "
        machine = f"Linux {platform.release().partition('-')[0]}, {libcs}{platform.machine()}"
        ill = ill_page.section(options.page.read_text()) if options.page.exists() else ""
        options.page.write_text(page.render(rows, datetime.now(tz=UTC).date().isoformat(), machine, ill))
    return 0 if rows else 1


def _started(roots: list[Root], folders: list[Path], only: str) -> Iterator[Opinion]:
    for root in roots:
        yield from _opinions(root, only)
    yield from _of_found(only, [found.place_of(path) for path in (*(root.path for root in roots), *folders)])


def _opinions(root: Root, only: str) -> Iterator[Opinion]:
    with tempfile.TemporaryDirectory(dir=None if root.is_here else root.outside("/tmp")) as name:
        folder = Path(name)
        yield from _of_programs(root, folder, only)
        yield from _of_jvms(root, folder, only)


def _of_programs(root: Root, folder: Path, only: str) -> Iterator[Opinion]:
    load = programs.compiled(root, "load.c", root.inside(folder / "load"), "-pthread")
    for build, flags in programs.BUILDS.items():
        programs.compiled(root, "load.c", f"{load}-{build}", "-pthread", *flags)
    library = programs.compiled(root, "callers.c", root.inside(folder / "callers.so"), "-shared", "-fPIC")
    if load is None or library is None:
        print("no C compiler: only JVMs are compared", file=sys.stderr)
        return
    own: list[tuple[programs.Program, Path | None]] = [(one, None) for one in programs.native(load)]
    for program, log in [*own, *programs.installed(root, load, library, folder)]:
        if only not in program.name:
            continue
        environment = dict(pair.split("=", 1) for pair in program.environment.split())
        try:
            with capture.started(program.command, environment, root) as process:
                files, truth = programs.observe(process, log)
                group = root.named("native" if log is None else "installed")
                yield Opinion(group, program.name, program.shown, files, truth)
        except capture.NotStartedError as error:
            print(f"{program.name}: left out: {error}", file=sys.stderr)


def _of_found(only: str, places: list[found.Place]) -> Iterator[Opinion]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # servers run as other users
        load = programs.compiled(HERE, "load.c", str(folder / "load"), "-pthread")
        if load is None:
            return
        for one in found.all_found(places, Path(load), folder, only):
            try:
                with capture.started(one.command, {}) as process:
                    files, truth = found.observe(process, one)
                    yield Opinion(one.group, one.name, one.settings, files, truth)
            except (capture.NotStartedError, OSError) as error:
                print(f"{one.group} {one.name}: left out: {error}", file=sys.stderr)


def _of_jvms(root: Root, folder: Path, only: str) -> Iterator[Opinion]:
    installed = jdks.installed(root) + (jdks.packaged(OUT / "jdks") if root.is_here else [])
    if not installed:
        return
    jcmd = jdks.tool(installed, "jcmd")
    source = shutil.copy(Path(jvms.__file__).with_name("Load.java"), folder)
    flags = ["-source", "8", "-target", "8", "-nowarn", "-Xlint:-options"]
    classes = root.inside(folder)
    compiler = [jdks.tool(installed, "javac"), *flags, "-d", classes, root.inside(Path(source))]
    subprocess.run(root.command(compiler), check=True)
    for jdk in installed:
        for setting in jvms.SETTINGS:
            name = f"{jdk.name}-{setting.name}"
            if only not in name or jdk.version not in setting.versions:
                continue
            try:
                with capture.started(
                    jvms.command(jdk, setting, classes), jvms.environment(setting), root
                ) as process:
                    files, truth, notes = jvms.observe(process, jdk, jcmd)
                    settings = f"{setting.environment} {setting.flags} {setting.load}".strip()
                    yield Opinion(jdk.name, setting.name, settings, files, truth, tuple(notes))
            except (capture.NotStartedError, subprocess.SubprocessError) as error:
                print(f"{name}: left out: {error}", file=sys.stderr)


def _print(opinion: Opinion, agreed: dict[Evidence, Agreement]) -> None:
    print(opinion.group, opinion.name)
    for evidence, one in agreed.items():
        cells = " ".join(f"{part:8.2%}" for part in page.shares(one))
        print(f"  {evidence.name.lower():6}{cells}", flush=True)
        for size, start, end, want, got, rule in one.wrong[:SHOWN_RANGES]:
            if size >= SHOWN_BYTES:
                print(f"    {start:x}-{end:x} {size >> 10:9} KiB is {want}, labelled {got} ({rule})")
    for note in opinion.notes[:SHOWN_RANGES]:
        print(f"  {note}")


if __name__ == "__main__":
    raise SystemExit(main())
