"""mapsweep man: the manual pages."""

import shutil
import subprocess
import sys
from pathlib import Path

import click

FILE_MODE = 0o644  # everybody may read the manual


@click.command(short_help="Show a manual page, or write all of them.")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write all pages into this folder, as ~/.local/share/man/man1.",
)
@click.pass_context
def man(ctx: click.Context, *, words: tuple[str, ...], output: Path | None) -> None:
    """Show a manual page, or write all of them. In a pipe the source of the page is printed.

    \b
    mapsweep man                                    of the whole
    mapsweep man runs prune                         of one command
    mapsweep man -o ~/.local/share/man/man1         for man(1)
    """  # noqa: D301 - \b is click's mark
    from mapsweep import output_file  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.manual import pages  # noqa: PLC0415 - likewise

    if output is not None:
        if words:
            raise click.UsageError("--output writes all pages; omit COMMAND.")
        output = output.expanduser().absolute()
        output.mkdir(parents=True, exist_ok=True)
        for page in pages(ctx.find_root().command):
            output_file.write(output / page.file, [page.source.encode()], FILE_MODE)
        return
    wanted = "-".join(("mapsweep", *words))
    source = next((page.source for page in pages(ctx.find_root().command) if page.name == wanted), None)
    if source is None:
        raise click.UsageError(f"there is no command {' '.join(words)!r}; mapsweep --help lists them.")
    if sys.stdout.isatty() and shutil.which("man"):
        subprocess.run(["man", "-l", "-"], input=source.encode(), check=False)
    else:
        click.echo(source, nl=False)
