"""mapsweep classify: the memory of one process. It runs often: it imports only NumPy, click and the core."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from mapsweep import completing
from mapsweep.options import debug_option, json_option
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import Exit, complain
from mapsweep.terminal.terminal import terminal_of

if TYPE_CHECKING:
    from mapsweep.process_view.labelled_process import LabelledProcess

PLAIN, CSV, RANGES, JSON = FORMATS = ("plain", "csv", "ranges", "json")


@click.command(
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
    epilog="A target of digits is a PID; write ./1234 for a file of that name.",
)
@click.argument("target", metavar="PID|FILE|DIR|-", required=False, shell_complete=completing.targets)
@click.option("-c", "--csv", is_flag=True, help="One line of CSV: the twelve columns of the tool of 2013.")
@click.option("-H", "--header", is_flag=True, help="With -c, the header before the line.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=None, help="What to print.  [default: plain]"
)
@json_option
@click.option("--why", is_flag=True, help="Add the reason for each label in words.")
@click.option(
    "--evidence",
    type=click.Choice(["maps", "smaps"]),
    default="smaps",
    show_default=True,
    help="What to read: smaps if it exists and is readable, or maps only.",
)
@debug_option
@click.option("-h", "asks_help", is_flag=True, help="Show this message; with -c the same as -H, as in 2013.")
@click.pass_context
def classify(
    ctx: click.Context,
    *,
    target: str | None,
    csv: bool,
    header: bool,
    form: str | None,
    as_json: bool,
    why: bool,
    evidence: str,
    asks_help: bool,
) -> int:
    """Label the memory of one process: a PID, a file, a folder like /proc/PID, or a stream.

    FILE is the text of maps or smaps. Only the files that a sweep reads are read from DIR: maps,
    smaps, status, stat, limits, comm, cmdline, cgroup; and the facts of the host that capture records.

    \b
    mapsweep classify $$            what this shell's memory is
    mapsweep classify -c -H 4711    a line of CSV, with the header before it
    ssh web01 cat /proc/4711/smaps | mapsweep classify -
    """  # noqa: D301 - \b is click's mark
    if as_json:
        if csv or form not in {None, JSON}:
            raise click.UsageError(f"--json and {'-c' if csv else f'--format {form}'} exclude each other.")
        form = JSON
    if csv and form not in {None, CSV}:
        raise click.UsageError(f"-c and --format {form} exclude each other.")
    form = CSV if csv else form or PLAIN
    if asks_help and form != CSV:
        click.echo(ctx.get_help())
        return Exit.OK
    header |= asks_help
    if header and form != CSV:
        raise click.UsageError("--header is for -c; other formats have none.")
    if target is None:
        raise click.UsageError("name a PID, a file, a folder like /proc/PID, or - for standard input.")
    if why and form == CSV:
        raise click.UsageError("--why does not work with CSV; use --format plain, ranges or json.")
    return _show(target, evidence, form, header=header, why=why)


def _show(target: str, evidence_name: str, form: str, *, header: bool, why: bool) -> int:
    # imported here, so that a mistake in the options does not wait for NumPy
    from mapsweep.process_view.labelled_process import label  # noqa: PLC0415 - see above
    from mapsweep.process_view.process_files import open_process  # noqa: PLC0415 - see above
    from procmaps.tables import Evidence  # noqa: PLC0415 - see above

    evidence = Evidence[evidence_name.upper()]
    files = open_process(target, evidence, sys.stdin.buffer)
    for name, content in files.files.items():
        debugging.tell("%s: read %s, %d bytes", files.source, name, len(content))
    process = label(files, evidence)
    debugging.tell(
        "%s: labelled %d mappings in %d parts by %s",
        *(files.source, len(process.snapshot.maps), len(process.parts.kind), process.evidence.name.lower()),
    )
    sys.stdout.writelines(f"{line}\n" for line in _lines(process, form, header=header, why=why))
    sys.stdout.flush()  # before the messages on standard error
    for note in process.notes:
        complain(note)
    return Exit.USAGE if process.is_cut else Exit.OK


def _lines(process: "LabelledProcess", form: str, *, header: bool, why: bool) -> Iterable[str]:
    """The lines of one view; only that view is imported."""
    if form == CSV:
        from mapsweep.process_view.csv_line import HEADER, csv_line  # noqa: PLC0415 - see above

        return (HEADER, csv_line(process)) if header else (csv_line(process),)
    if form == RANGES:
        from mapsweep.process_view.range_lines import range_lines  # noqa: PLC0415 - see above

        return range_lines(process, why=why)
    if form == JSON:
        from mapsweep.process_view.process_json import process_json  # noqa: PLC0415 - see above

        return (process_json(process, why=why),)
    from mapsweep.process_view.plain_view import plain_lines  # noqa: PLC0415 - see above

    return plain_lines(process, terminal_of(sys.stdout), why=why)
