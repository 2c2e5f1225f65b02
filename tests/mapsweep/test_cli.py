import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mapsweep.cli import COMMANDS, mapsweep
from mapsweep.shells import SCRIPTS as SHELL_SCRIPTS
from mapsweep.terminal.exits import Exit
from mapsweep.verbs import Verbs

SCRIPTS = Path(sys.executable).parent


def verb(name: str) -> click.Command:
    assert isinstance(mapsweep, Verbs)
    command = mapsweep.get_command(click.Context(mapsweep), name)
    assert command is not None
    return command


def test_help_lists_every_verb_and_every_exit_code() -> None:
    shown = CliRunner().invoke(mapsweep, ["--help"]).stdout
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert all(f"  {int(code)} " in shown for code in Exit)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_verb_has_help_that_begins_as_the_list_says(name: str) -> None:
    command = verb(name)
    assert command.help
    assert " ".join(command.help.split("\n\n")[0].split()).startswith(
        COMMANDS[name].split(":")[0].rstrip(".")
    )
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"classify"}))
def test_h_is_help(name: str) -> None:
    result = CliRunner().invoke(mapsweep, [name, "-h"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_a_slip_gets_the_nearest_verb() -> None:
    result = CliRunner().invoke(mapsweep, ["clasify", "1"])
    assert result.exit_code == 2
    assert "Did you mean 'classify'?" in result.stderr


def test_help_imports_no_verb() -> None:
    code = (
        "import sys; from mapsweep.cli import mapsweep\n"
        "try: mapsweep.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    imported = {name.partition(".")[0] for name in ended.stderr.split()}
    assert not imported & {"numpy", "polars", "celery", "paramiko", "pydantic", "rich", "jinja2"}


@pytest.mark.parametrize(
    ("arguments", "searches"), [(["rules", "glibc.arena"], False), (["collect", "--help"], True)], ids=str
)
def test_a_brief_command_is_not_searched_for_garbage(arguments: list[str], searches: bool) -> None:
    code = (
        "import atexit, gc, sys\n"
        "from mapsweep import cli\n"
        "searched = []\n"
        "def at_end():\n"
        "    print(bool(searched), gc.isenabled(), gc.get_freeze_count() > 0, file=sys.stderr)\n"
        "atexit.register(at_end)\n"
        "gc.callbacks.append(lambda phase, _: searched.append(phase))\n"
        f"sys.argv[1:] = {arguments}\n"
        "cli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ended.stderr.split()[-3:] == [str(searches), str(searches), "True"]


@pytest.mark.parametrize(
    "command", [[str(SCRIPTS / "mapsweep")], [sys.executable, "-m", "mapsweep"], [str(SCRIPTS / "collect")]]
)
def test_the_ways_to_start_it(command: list[str]) -> None:
    ended = subprocess.run([*command, "--help"], capture_output=True, check=False, text=True)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"Usage: {'collect' if command[0].endswith('collect') else 'mapsweep'} ")


@pytest.mark.parametrize("group", [[], ["config"], ["schedule"]], ids=str)
def test_a_group_without_a_command_shows_its_help(group: list[str]) -> None:
    bare, asked = (
        subprocess.run([SCRIPTS / "mapsweep", *group, *more], capture_output=True, check=False, text=True)
        for more in ([], ["--help"])
    )
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", asked.stdout)


def test_the_version() -> None:
    assert CliRunner().invoke(mapsweep, ["--version"]).stdout.startswith("mapsweep 0.")


def test_every_verb_and_option_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/commands.md").read_text()
    for name in COMMANDS:
        assert f"## {name}\n" in page
        command = verb(name)
        below = command.commands.values() if isinstance(command, click.Group) else ()
        params = [parameter for one in (command, *below) for parameter in one.params]
        options = [opt for one in params if isinstance(one, click.Option) for opt in one.opts]
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        missing = [opt for opt in options if opt.startswith("--") and f"`{opt}" not in section]
        assert not missing, f"docs/commands.md, {name}: {missing}"


def test_clicks_way_to_the_completion_script_gives_ours() -> None:
    environ = os.environ | {"_MAPSWEEP_COMPLETE": "bash_source"}
    ended = subprocess.run([SCRIPTS / "mapsweep"], capture_output=True, check=False, text=True, env=environ)
    assert ended.stdout.rstrip("\n") == SHELL_SCRIPTS["bash"].rstrip("\n")  # older clicks add an empty line


def test_an_account_without_a_home_is_no_bug(tmp_path: Path) -> None:
    """As a service with a numeric User= runs: no HOME, and no line in passwd."""
    without = ["unshare", "--user", "--map-user=54321", "env", "-i", f"PATH={os.environ['PATH']}"]
    if subprocess.run([*without, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here, or unshare is too old")
    for given in ({}, {"STATE_DIRECTORY": str(tmp_path)}):
        variables = [f"{name}={value}" for name, value in given.items()]
        ended = subprocess.run(
            [*without, *variables, str(SCRIPTS / "mapsweep"), "runs"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert ended.returncode == 0, ended.stderr
        place = f"{tmp_path}/runs" if given else "/nonexistent/.local/state/mapsweep/runs"
        assert f"no runs in {place}" in ended.stdout + ended.stderr
