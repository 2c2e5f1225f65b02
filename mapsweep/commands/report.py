"""mapsweep report: a run's report, rendered again or printed."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep.options import (
    config_option,
    debug_option,
    json_option,
    load,
    quiet_option,
    run_argument,
    runs_option,
    so_far_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.run import Run

HTML, CSV, JSON, TEXT = FORMATS = ("html", "csv", "json", "text")
HOSTS, PROCESSES, FOOTPRINTS = TABLES = ("hosts", "processes", "footprints")

FILE_MODE = 0o600  # only the owner may read the data of a run


@click.command(short_help="Render the report of a run again, or print it in another format.")
@run_argument
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=HTML, show_default=True, help="What to make."
)
@click.option(
    "--table",
    type=click.Choice(TABLES),
    default=HOSTS,
    show_default=True,
    help="With --format csv, which table.",
)
@json_option
@quiet_option
@so_far_option
@click.option(
    "-o", "--output", type=click.Path(allow_dash=True), help="Where to write it; - is standard output."
)
@runs_option
@config_option
@debug_option
def report(
    *,
    run: str,
    form: str,
    table: str,
    as_json: bool,
    quiet: bool,
    so_far: bool,
    output: str | None,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Render the report of a run again, or print it in another format.

    RUN is a run's id, its path or URL, or latest. Without options the whole report is rendered into the run's
    folder, and the path of its page is printed.

    \b
    mapsweep report                 the page of the last run, rendered again
    mapsweep report --format text | less
    mapsweep report --so-far        the results so far of a run that is open
    mapsweep report RUN --format csv --table processes -o processes.csv
    """  # noqa: D301 - \b is click's mark
    form = JSON if as_json else form
    from archive.run import PAGE  # noqa: PLC0415 - --help does not wait for it
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from workers.life import ending  # noqa: PLC0415 - likewise

    opened = Runs(load(config, runs=runs_url).runs).open(run)
    if form == HTML and output is None and not (so_far and opened.closed() is None):
        ending.render_report(opened)
        if not quiet:
            click.echo(opened.report_path(PAGE))
        return
    with ending.so_far(opened) if so_far else nullcontext(opened) as shown:
        content = rendered(shown, form, table)
        if form == HTML and output is None:
            opened.write_report(ending.SO_FAR, content)
            if not quiet:
                click.echo(opened.report_path(ending.SO_FAR))
        elif output in {None, "-"}:
            sys.stdout.buffer.writelines(content)
            sys.stdout.buffer.flush()
        else:
            from mapsweep import output_file  # noqa: PLC0415 - --help does not wait for it

            output_file.write(Path(str(output)), content, FILE_MODE)


def rendered(run: "Run", form: str, table: str) -> "Iterable[bytes]":
    """One file of the report, in pieces."""
    from reports import render_csv, render_html, render_json, render_text  # noqa: PLC0415 - start Polars and Jinja
    from reports.report import report as settle  # noqa: PLC0415 - likewise
    from reports.settled import Settled  # noqa: PLC0415 - likewise

    if form == CSV and table != HOSTS:
        render_table = render_csv.footprints if table == FOOTPRINTS else render_csv.processes
        return render_table(Settled(run))
    settled = settle(run)
    if form == JSON:
        return render_json.render(settled)
    render = {HTML: render_html.render, CSV: render_csv.hosts, TEXT: render_text.render}[form]
    return [render(settled)]
