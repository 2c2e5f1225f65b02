"""mapsweep capture: the files that a report about a wrong label needs."""

from dataclasses import asdict
from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import json_option, quiet_option

STILL_SHOWN = (
    "text in arguments and paths that looks like a secret is masked. The folder still shows the "
    "program's name and arguments, the paths of the files it maps, its user, its cgroup and this machine's "
    "kernel: read it before you pass it on."
)


@click.command(short_help="Record the files that a report about a wrong label needs.")
@click.argument("pid", type=click.IntRange(min=1), shell_complete=completing.pids)
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="A new or an empty folder. Nothing is overwritten.",
)
@json_option
@quiet_option
def capture(*, pid: int, folder: Path, as_json: bool, quiet: bool) -> None:
    """Record the files that a report about a wrong label needs: those of process PID that a sweep reads.

    Secrets in them are masked.

    \b
    mapsweep capture 4711 -o label-4711
    mapsweep classify label-4711 --why    labels it as the process was
    """  # noqa: D301 - \b is click's mark
    from domain.mistakes import Mistake, OperatorError  # noqa: PLC0415 - --help does not wait for it
    from mapsweep import documents  # noqa: PLC0415 - likewise
    from mapsweep.options import load  # noqa: PLC0415 - likewise
    from mapsweep.process_view import capture_folder  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import visible  # noqa: PLC0415 - likewise

    source = Path("/proc", str(pid))
    if not source.is_dir():
        raise OperatorError(Mistake(f"pid {pid}", "no such process"))
    masking = load(None).masking
    captured = capture_folder.capture(source, f"pid {pid}", masking)
    capture_folder.write(captured, folder)
    if as_json:
        files = {name: len(content) for name, content in captured.files.items()}
        missing = [asdict(mistake) for mistake in captured.missing]
        documents.echo(folder=str(folder), files_bytes=files, missing=missing)
    elif not quiet:
        click.echo(visible(str(folder)))
    for mistake in captured.missing:
        complain(f"not captured: {mistake}")
    if not quiet:
        complain(STILL_SHOWN)
