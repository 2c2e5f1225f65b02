"""Nothing wraps on a terminal of 80 columns, and nothing is cut or broken in a pipe."""

import subprocess
from pathlib import Path

import click
import pytest

from archive.runs import Runs
from mapsweep.cli import mapsweep
from mapsweep.manual import contexts
from mapsweep.terminal.terminal import cells
from tests.mapsweep.screens import COMMAND, shown

COLUMNS = 80
LONG = "host-with-a-rather-long-name.of-a-team.eu-central-1.example.org"
SCHEDULE = "weekly-web-of-all-the-frontends"
PATTERN = f"all:!{LONG}:!gone.{LONG}"


def commands() -> list[click.Context]:
    return list(contexts(mapsweep))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account with a schedule, and with a run of hosts of which some answer and some do not."""
    home = tmp_path_factory.mktemp("home-of-an-account-with-a-long-name")
    names = ("web-01", LONG, f"gone.{LONG}")
    for name in names[:2]:
        process = home / name / "proc/4711"
        process.mkdir(parents=True)
        (process / "maps").write_bytes(b"00400000-00401000 r-xp 00000000 fc:00 7 /usr/lib/a/b/c/d\n")
        (process / "stat").write_bytes(b"4711 (svc) S 1\n")
        (process / "status").write_bytes(b"Name:\tsvc\nVmSize:\t4 kB\n")
    hosts = "".join(f"    {name}: {{mapsweep_root: {home / name}}}\n" for name in names)
    (home / "inventory.yaml").write_text(f"all:\n  vars: {{ansible_connection: local}}\n  hosts:\n{hosts}")
    settings = home / ".config/mapsweep/mapsweep.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"runs: {home}/runs\nbroker: redis://127.0.0.1:1/0\n"
        f"schedules:\n  - {{name: {SCHEDULE}, hosts: '{PATTERN}', crontab: '0 4 * * 0'}}\n"
    )
    code, lines = shown(COLUMNS, "collect", home=home)
    assert code == 3, lines
    assert_fits(lines)
    return home


def assert_fits(lines: list[str]) -> None:
    """A single path or name may be longer: it is to be copied whole."""
    wide = [line for line in lines if cells(line) > COLUMNS and len(line.split()) > 2]
    assert not wide


@pytest.mark.parametrize("ctx", commands(), ids=lambda ctx: ctx.command_path)
def test_every_help_fits(ctx: click.Context) -> None:
    inside = click.Context(
        ctx.command,
        parent=ctx.parent,
        info_name=ctx.info_name,
        terminal_width=COLUMNS,
        **ctx.command.context_settings,
    )
    lines = ctx.command.get_help(inside).splitlines()
    assert max(map(cells, lines)) <= COLUMNS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["nonsense"], 2),
        (["runs"], 0),
        (["runs", "rm", "nonsense"], 2),
        (["runs", "prune", "--dry-run"], 0),
        (["runs", "--max-age", "1m", "--scope", SCHEDULE], 6),
        (["report", "--format", "text"], 0),
        (["report", "20200101T000000Z-adhoc-beef"], 2),
        (["hosts"], 0),
        (["hosts", "--hosts", f"{LONG}:nonsense"], 2),
        (["schedule", "list"], 0),
        (["config", "show", "--origin"], 0),
        (["config", "check"], 0),
        (["rules"], 0),
        (["rules", "glibc.arena"], 0),
        (["classify", "/proc/self", "--why"], 0),
        (["show", LONG], 0),
        (["show", f"{LONG}/4711"], 0),
        (["top"], 0),
        (["top", "services", "--by", "threads"], 0),
        (["history", LONG], 0),
        (["history", f"{LONG}/4711"], 0),
        (["history", "nonsense"], 2),
        (["diff", LONG, "web-01"], 0),
        (["diff", f"{LONG}/4711", "--peers"], 0),
        (["diff"], 2),
        (["mail", "--to", "someone@example.org"], 2),
        (["wait", "nonsense"], 2),
        (["completion", "csh"], 2),
        (["man", "runs"], 0),
        (["worker", "--broker", "redis://broker.of-the-platform-team.example.org:6379/0"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_command_prints_fits(arguments: list[str], code: int, home: Path) -> None:
    ended, lines = shown(COLUMNS, *arguments, home=home)
    assert ended == code, lines
    assert lines
    assert_fits(lines)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 100, 160])
def test_the_list_of_runs_fits_any_terminal_and_names_each(columns: int, home: Path) -> None:
    _, lines = shown(columns, "runs", home=home)
    (run_id,) = Runs(f"{home}/runs").ids()
    assert max(map(cells, lines)) <= columns
    assert any(line.startswith(run_id[:20]) for line in lines)


@pytest.mark.slow
def test_a_pipe_gets_whole_lines(home: Path) -> None:
    """However narrow the terminal is of which standard error is."""

    def piped(*arguments: str) -> str:
        command = [COMMAND, *arguments]
        narrow = {"HOME": str(home), "COLUMNS": "30", "PATH": "/usr/bin:/bin"}
        ended = subprocess.run(command, cwd=home, env=narrow, capture_output=True, text=True, check=False)
        return ended.stdout + ended.stderr

    (run_id,) = Runs(f"{home}/runs").ids()
    assert any(run_id in line and "adhoc all" in line for line in piped("runs").splitlines())
    assert f"{SCHEDULE}: {PATTERN}, 0 4 * * 0 UTC\n" in piped("schedule", "list")
    assert f'schedules[0].hosts: "{PATTERN}"  # {home}/.config/mapsweep/mapsweep.yaml, line 4\n' in piped(
        "config", "show", "--origin"
    )
    assert f"mapsweep: nonsense: is not a run in {home}/runs (`mapsweep runs` lists the runs)\n" in piped(
        "report", "nonsense"
    )
    assert all(line == line.rstrip() for line in piped("runs").splitlines())
