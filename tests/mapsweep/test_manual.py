"""The manual pages: whole, and good for the programs that read manual pages."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from mapsweep.cli import COMMANDS, mapsweep
from mapsweep.manual import Page, contexts, pages
from mapsweep.terminal.exits import Exit
from tests.mapsweep.conftest import Here

ALL = {page.name: page for page in pages(mapsweep, {"SOURCE_DATE_EPOCH": "1795910400"})}


def test_every_command_has_a_page_with_all_its_options() -> None:
    assert {f"mapsweep-{name}" for name in COMMANDS} < set(ALL)
    assert {"mapsweep", "mapsweep-runs-rm", "mapsweep-config-check", "mapsweep-schedule-list"} < set(ALL)
    for ctx in contexts(mapsweep):
        source = ALL[ctx.command_path.replace(" ", "-")].source.replace("\\-", "-")
        for option in ctx.command.get_params(ctx):
            if isinstance(option, click.Option):
                assert option.opts[-1] in source, f"{ctx.command_path} {option.opts}"
        assert all(f"\n.B {int(code)}\n" in source for code in Exit)


def test_a_page_names_its_date_and_its_neighbours() -> None:
    source = ALL["mapsweep-runs"].source
    assert source.startswith('.TH MAPSWEEP\\-RUNS 1 2026-11-29 "mapsweep 0.')
    assert ".BR mapsweep (1),\n.BR mapsweep\\-runs\\-rm (1),\n.BR mapsweep\\-runs\\-prune (1)\n" in source


@pytest.mark.parametrize("page", ALL.values(), ids=lambda page: page.name)
def test_mandoc_has_nothing_to_say(page: Page, tmp_path: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is missing")
    file = tmp_path / page.file
    file.write_text(page.source)
    said = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", file], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ALL.values(), ids=lambda page: page.name)
def test_a_page_fits_a_terminal_of_80_columns(page: Page) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is missing")
    command = ["mandoc", "-T", "ascii", "-O", "width=78"]
    shown = subprocess.run(command, input=page.source, capture_output=True, text=True, check=True).stdout
    plain = subprocess.run(["col", "-b"], input=shown, capture_output=True, text=True, check=True).stdout
    assert max(map(len, plain.expandtabs().splitlines())) <= 80


def test_pages_are_shown_and_written(here: Here, tmp_path: Path) -> None:
    assert here("man", "runs", "rm").out.startswith(".TH MAPSWEEP\\-RUNS\\-RM 1 ")
    assert here("man").out.startswith(".TH MAPSWEEP 1 ")
    assert here("man", "-o", tmp_path / "share/man1").code == 0
    assert {path.name for path in (tmp_path / "share/man1").iterdir()} == {page.file for page in ALL.values()}
    wrong = here("man", "nonsense")
    assert wrong.code == 2
    assert "there is no command 'nonsense'" in wrong.err
    assert here("man", "runs", "-o", tmp_path / "elsewhere").code == 2
    assert not (tmp_path / "elsewhere").exists()
