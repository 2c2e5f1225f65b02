"""Completion as a person gets it: in the shells themselves, on a terminal."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from mapsweep.cli import COMMANDS
from mapsweep.completing import ITEMS_MAX
from mapsweep.shells import NAMES, SCRIPTS
from tests.mapsweep.conftest import Here
from tests.mapsweep.nights import LAST, night, nights
from tests.waiting import eventually

SCRIPTS_FOLDER = Path(sys.executable).parent
COMMAND = str(SCRIPTS_FOLDER / "mapsweep")
RUN, OLDER = "20261129T040000Z-nightly-beef", "20261128T040000Z-nightly-cafe"
STARTS = {
    "bash": ("bash --norc --noprofile -i", ""),
    "zsh": ("zsh -f -i", "autoload -Uz compinit && compinit -u -D; "),
    "fish": ("fish --no-config --interactive", ""),
}
LOADS = {
    "bash": 'eval "$(mapsweep completion bash)"',
    "zsh": 'eval "$(mapsweep completion zsh)"',
    "fish": "mapsweep completion fish | source",
}

needs_shells = pytest.mark.skipif(
    any(shutil.which(name) is None for name in (*NAMES, "tmux")), reason="bash, zsh, fish or tmux is missing"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An account with two runs, an inventory and a schedule."""
    for run_id in (OLDER, RUN):
        (tmp_path / "runs" / run_id).mkdir(parents=True)
    (tmp_path / "inventory.yaml").write_text(
        "all:\n  children:\n    web: {hosts: {web-01: , web-02: }}\n"
        "    db: {hosts: {db-main.example.org: }}\n"
    )
    settings = tmp_path / ".config/mapsweep/mapsweep.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"runs: {tmp_path}/runs\nbroker: redis://127.0.0.1:1/0\n"
        "schedules:\n  - {name: weekly-web, hosts: web, crontab: '0 4 * * 0'}\n"
    )
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("MAPSWEEP_", "XDG_", "TMUX"))
    }
    path = f"{SCRIPTS_FOLDER}{os.pathsep}{os.environ['PATH']}"
    return kept | {"HOME": str(home), "PATH": path, "TERM": "xterm", "PS1": "$ ", "LC_ALL": "C.UTF-8"}


def asked(home: Path, line: str, **environ: str) -> list[str]:
    """What mapsweep answers a shell, a value each."""
    ended = subprocess.run(
        [COMMAND],
        env=environment(home) | {"_MAPSWEEP_COMPLETE": "zsh_complete", "MAPSWEEP_LINE": line} | environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return [each.split("\t")[1] for each in ended.stdout.splitlines() if each]


@dataclass
class Screen:
    """A shell in tmux, 100 columns wide, with the completions loaded."""

    shell: str
    home: Path
    _socket: str = field(default_factory=lambda: f"mapsweep-{uuid4().hex[:8]}")

    def tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            env=environment(self.home),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def start(self) -> None:
        command, first = STARTS[self.shell]
        self.tmux("new-session", "-d", "-x", "100", "-y", "60", command)
        self.tmux("send-keys", f"{first}{LOADS[self.shell]}; echo is-''loaded", "Enter")
        self.shows("is-loaded")

    def types(self, text: str) -> None:
        """Type a command on a clean screen, and press Tab; some shells only list at the second one."""
        self.tmux("send-keys", "C-u")
        self.tmux("send-keys", "C-l")
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Tab")

    def tab(self) -> None:
        self.tmux("send-keys", "Tab")

    def shows(self, text: str) -> None:
        eventually(lambda: text in self.shown(), state=self.shown)

    def shown(self) -> str:
        return self.tmux("capture-pane", "-p")

    def end(self) -> None:
        self.tmux("kill-server")


@pytest.fixture(params=NAMES)
def screen(request: pytest.FixtureRequest, home: Path) -> Iterator[Screen]:
    one = Screen(request.param, home)
    try:
        one.start()
        yield one
    finally:
        one.end()


@needs_shells
@pytest.mark.slow
def test_a_shell_completes_commands_runs_and_patterns(screen: Screen) -> None:
    screen.types("mapsweep recl")
    screen.shows("mapsweep reclassify")
    screen.types("mapsweep reclassify --qu")
    screen.shows("mapsweep reclassify --quiet")
    screen.types("mapsweep report 20261129")
    screen.shows(f"mapsweep report {RUN}")
    screen.types("collect --hosts web:db-")
    screen.shows("collect --hosts web:db-main.example.org")
    screen.types("mapsweep runs --scope=weekly")
    screen.shows("mapsweep runs --scope=weekly-web")
    screen.types("mapsweep rules java.gc_mark")
    screen.shows("mapsweep rules java.gc_mark_stack")


@needs_shells
@pytest.mark.slow
def test_a_shell_lists_what_there_is_and_the_newest_run_first(screen: Screen) -> None:
    screen.types("mapsweep mail 2026112")
    screen.tab()
    screen.shows(RUN)
    screen.shows(OLDER)
    shown = screen.shown()
    assert shown.rindex(RUN) < shown.rindex(OLDER)
    if screen.shell != "bash":  # which shows no descriptions
        assert "nightly, " in shown


@needs_shells
@pytest.mark.slow
def test_a_mistake_in_the_settings_is_no_noise_in_the_line(screen: Screen) -> None:
    (screen.home / ".config/mapsweep/mapsweep.yaml").write_text("runs: [\n")
    screen.types("mapsweep report 2026112")
    screen.tab()
    screen.types("mapsweep recl")
    screen.shows("mapsweep reclassify")
    assert "Traceback" not in screen.shown()
    assert "mapsweep:" not in screen.shown()


@pytest.mark.parametrize("shell", NAMES)
def test_each_script_is_good_for_its_shell(shell: str, here: Here) -> None:
    assert here("completion", shell).out == SCRIPTS[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is missing")
    checked = subprocess.run([shell, "-n"], input=SCRIPTS[shell], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("mapsweep ", list(COMMANDS)),
        ("mapsweep runs ", ["rm", "prune"]),
        ("mapsweep report ", ["latest", RUN, OLDER]),
        ("mapsweep runs --runs elsewhere rm ", ["latest"]),
        ("mapsweep wait 20261128", [OLDER]),
        ("mapsweep collect --resume 20261128", [OLDER]),
        (
            "mapsweep hosts --hosts ",
            ["all", "ungrouped", "web", "db", "web-01", "web-02", "db-main.example.org"],
        ),
        ("mapsweep hosts --hosts web:!web-", ["web:!web-01", "web:!web-02"]),
        ("mapsweep hosts --hosts=web,&d", ["--hosts=web,&db", "--hosts=web,&db-main.example.org"]),
        ("mapsweep hosts --hosts 'web-0", ["web-01", "web-02"]),
        ("mapsweep runs --scope ", ["adhoc", "weekly-web", "nightly"]),
        ("mapsweep collect --name ", ["weekly-web", "nightly"]),
        ("mapsweep collect --fail-on st", ["stacks="]),
        ("mapsweep completion ", list(NAMES)),
        ("mapsweep nonsense ", list(COMMANDS)),
        ("mapsweep report nonsense ", []),
    ],
)
def test_what_is_completed(line: str, values: list[str], home: Path) -> None:
    assert asked(home, line) == values


def test_runs_hosts_and_services_of_runs_are_completed(home: Path) -> None:
    nights(home / "nights")
    last = f"--run {night(LAST)} --runs {home}/nights"
    hosts = ["app-1", "app-2", "app-3", "app-4", "app-6", "db-1"]
    assert asked(home, f"mapsweep diff {last} ") == hosts
    assert asked(home, f"mapsweep diff --runs {home}/nights l") == ["latest", "laptop"]
    assert asked(home, f"mapsweep diff --runs {home}/nights 20261120") == [night(LAST - 3)]
    services = ["checkout.service", "nginx.service", "odd.service", "postgresql.service"]
    assert sorted(asked(home, f"mapsweep top {last} --service ")) == services
    assert asked(home, f"mapsweep history --runs {home}/nights --scope nightly app-6") == ["app-6"]
    assert asked(home, f"mapsweep history --runs {home}/nights --scope nightly ng") == ["nginx.service"]
    assert asked(home, "mapsweep top ") == ["processes", "services", "hosts"]
    assert asked(home, "mapsweep diff 20261129") == [RUN]  # though no host of it can be read


def test_bash_gets_what_is_behind_the_last_break(home: Path) -> None:
    bash = {"_MAPSWEEP_COMPLETE": "bash_complete"}
    line = "mapsweep collect --hosts=web:web-01,db-"
    assert asked(home, line, MAPSWEEP_BREAKS=" :=", **bash) == ["web-01,db-main.example.org"]
    assert asked(home, line, MAPSWEEP_BREAKS=" =", **bash) == ["web:web-01,db-main.example.org"]
    assert asked(home, line, MAPSWEEP_BREAKS=" ", **bash) == ["--hosts=web:web-01,db-main.example.org"]


def test_processes_are_completed_with_their_names(home: Path) -> None:
    assert str(os.getpid()) in asked(home, f"mapsweep capture {os.getpid()}")


def test_no_more_are_offered_than_a_shell_shows_without_asking(home: Path) -> None:
    for number in range(ITEMS_MAX):
        (home / "runs" / f"20261101T040000Z-nightly-{number:04x}").mkdir()
    assert len(asked(home, "mapsweep report ")) == ITEMS_MAX


def test_names_are_kept_until_the_inventory_changes(home: Path) -> None:
    assert asked(home, "mapsweep hosts --hosts web-") == ["web-01", "web-02"]
    (kept,) = (home / ".cache/mapsweep/inventories").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text(kept.read_text().replace("web-02", "web-kept"))
    assert asked(home, "mapsweep hosts --hosts web-") == ["web-01", "web-kept"]
    (home / "inventory.yaml").write_text("all: {hosts: {web-03: }}\n")
    assert asked(home, "mapsweep hosts --hosts web-") == ["web-03"]
    kept.write_text("no json")
    assert asked(home, "mapsweep hosts --hosts web-") == ["web-03"]


def test_what_is_completed_often_imports_nothing_heavy(home: Path) -> None:
    code = (
        "import atexit, sys; from mapsweep.cli import main\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "sys.argv = ['mapsweep']; main()"
    )
    for line in ("mapsweep re", "mapsweep report 2", "mapsweep demo --", "mapsweep collect --"):
        environ = environment(home) | {"_MAPSWEEP_COMPLETE": "bash_complete", "MAPSWEEP_LINE": line}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environ, cwd=home, capture_output=True, text=True, check=True
        )
        assert ended.stdout
        imported = {name.partition(".")[0] for name in ended.stderr.split()}
        assert not imported & {"numpy", "polars", "celery", "paramiko", "rich", "jinja2"}, line
