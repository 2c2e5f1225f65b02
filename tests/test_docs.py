"""The pages hold: their YAML loads, their commands parse, their links, settings and options exist."""

import ast
import configparser
import importlib
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from collector.inventory import inventory
from domain.mistakes import OperatorError
from mapsweep.cli import COMMANDS, mapsweep
from mapsweep.options import DEBUG_VARIABLE, LOG_FORMAT_VARIABLE
from mapsweep.settings import settings
from mapsweep.settings import sources as setting_sources
from mapsweep.settings.table import rows
from workers.life import crontab

CLONE = Path(__file__).parents[1]
PAGES = sorted([*CLONE.glob("*.md"), *(CLONE / "docs").rglob("*.md")])
LANGUAGES = {
    "yaml",
    "sh",
    "console",
    "cron",
    "ini",
    "python",
    "text",
    "sql",
}  # sql: tests/reports/formats/test_queries.py runs it
CRON_FIELDS = 5  # and then, in /etc/cron.d, the account
# words before a command that is not at the beginning of its line
WRAPPERS = re.compile(r"(sudo|docker-compose exec [\w-]+|docker compose exec [\w-]+) ")
OPERATORS = set("|&;<>()")

_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_VARIABLE = re.compile(r"\bMAPSWEEP_[A-Z_]*[A-Z]\b")
_SETTING = re.compile(r"(?:keep|limits|ssh|mail|report)\.(?!json)[a-z_]+")
_PATH = re.compile(r"(?:\w+/)+[\w.*-]*\w\.(?:py|sh|md)")
_OPTION = re.compile(r"--?[a-z][a-z-]*")
_PARAGRAPH = re.compile(r"^(?=[^\s-])", re.MULTILINE)  # a list ends there
# what an item of a list of options begins with: `--this` (`-t`) FILE and `--that`, ...
_ITEM = re.compile(r"^ *- (?:(?:and |or )?`-[^`]*`[ ,(]*(?:\(`-\w`\))?[ ,]*(?:[A-Z]+[ ,]+)*)+", re.MULTILINE)


class WrongError(Exception):
    """A block or a line that the product would not accept."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(CLONE)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[2], match[3])


def of(*languages: str) -> list[object]:
    """The blocks of all pages in these languages, as parameters of a test."""
    found = [block for page in PAGES for block in blocks(page) if block.language in languages]
    assert found, languages
    return [pytest.param(block, id=str(block)) for block in found]


def kind_of(text: str, folder: Path) -> str:
    """What the product takes a YAML text for: settings, inventory or compose; WrongError for neither."""
    tree = yaml.safe_load(text)
    if isinstance(tree, dict) and "services" in tree:
        return "compose"
    file = folder / "block.yaml"
    file.write_text(text)
    try:
        loaded = settings.load(file, {})
    except OperatorError as error:
        reason = str(error)
    else:
        if not loaded.warnings:
            return "settings"
        reason = "; ".join(loaded.warnings)
    try:
        read = inventory.load(file)
    except OperatorError as error:
        raise WrongError(f"as settings: {reason}; as an inventory: {error}") from error
    # a key that an inventory does not know is a warning there: a misspelt setting must not pass for a group
    if read.warnings or not read.hosts:
        warned = "; ".join(read.warnings) or "no hosts"
        raise WrongError(f"as settings: {reason}; as an inventory: {warned}")
    return "inventory"


def commands(text: str) -> Iterator[list[str]]:
    """The words after `mapsweep` of each call in a shell text."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        call: list[str] = []
        for word in (*lexer, ";"):
            if word and set(word) <= OPERATORS:
                words = shlex.split(WRAPPERS.sub("", shlex.join(call)))
                if words and words[0].rpartition("/")[2] == "mapsweep":
                    yield words[1:]
                call = []
            else:
                call.append(word)


def root() -> click.Context:
    """The context of `mapsweep` with its settings, because a command caches its help options from it."""
    return click.Context(mapsweep, info_name="mapsweep", **mapsweep.context_settings)


def parse(words: list[str]) -> None:
    """Parse the words after `mapsweep` with the real command line and run nothing; WrongError if it fails."""
    context = root()
    command = mapsweep.get_command(context, words[0]) if words else None
    if command is None:
        raise WrongError(f"mapsweep {shlex.join(words)}: no such command")
    try:
        made = command.make_context(words[0], words[1:], parent=context)
        if isinstance(command, click.Group) and (behind := [*made._protected_args, *made.args]):
            _, verb, rest = command.resolve_command(made, behind)
            assert verb is not None
            verb.make_context(behind[0], rest, parent=made)
    except click.UsageError as error:
        raise WrongError(f"mapsweep {shlex.join(words)}: {error.format_message()}") from error


def options_of(name: str, verb: str = "") -> set[str]:
    """Every option that a command has, or a verb of it, if it is a group."""
    command = mapsweep.get_command(root(), name)
    if isinstance(command, click.Group) and verb in command.list_commands(root()):
        command = command.get_command(root(), verb)
    assert command is not None, name
    below = command.commands.values() if isinstance(command, click.Group) else ()
    params = [parameter for one in (command, *below) for parameter in one.params]
    own = [each for each in params if isinstance(each, click.Option)]
    return {"--help", "-h", *(option for each in own for option in (*each.opts, *each.secondary_opts))}


def unknown_options(text: str) -> list[str]:
    """The options of an inline call such as `mapsweep collect --hosts` that its command does not have."""
    words = text.split()[1:]
    if not words or words[0].startswith("-") or words[0].isupper():
        return []
    if words[0] not in COMMANDS:
        return [words[0]]
    known = options_of(words[0], words[1] if len(words) > 1 else "")
    return [word for word in words[1:] if word.startswith("-") and word != "-" and word not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_its_language(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(list(blocks(page)))
    assert [str(block) for block in blocks(page) if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_is_settings_an_inventory_or_a_compose_file(block: Block, tmp_path: Path) -> None:
    assert kind_of(block.text, tmp_path) in {"settings", "inventory", "compose"}


@pytest.mark.parametrize("block", of("sh", "console"))
def test_commands_parse(block: Block) -> None:
    for words in commands(block.text):
        parse(words)


@pytest.mark.parametrize("block", of("cron"))
def test_lines_of_cron_parse(block: Block) -> None:
    for line in block.text.splitlines():
        fields = line.split(maxsplit=CRON_FIELDS + 1)
        crontab.parse(" ".join(fields[:CRON_FIELDS]))
        calls = list(commands(fields[-1]))
        assert calls
        for words in calls:
            parse(words)


@pytest.mark.parametrize("block", of("ini"))
def test_units_parse_and_so_do_their_commands(block: Block) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(block.text)
    for words in commands(unit.get("Service", "ExecStart", fallback="")):
        parse(words)


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles_and_what_it_imports_exists(block: Block) -> None:
    tree = ast.parse(block.text)
    imported: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                try:
                    imported[alias.name] = importlib.import_module(f"{node.module}.{alias.name}")
                except ModuleNotFoundError:
                    imported[alias.name] = getattr(importlib.import_module(node.module), alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            assert hasattr(imported[node.value.id], node.attr), f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_inline_commands_links_settings_and_variables_exist(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    inline = _INLINE.findall(text)
    calls = [each for each in inline if each == "mapsweep" or each.startswith("mapsweep ")]
    assert [call for call in calls if unknown_options(call)] == []
    assert [
        link for link in _LINK.findall(text) if not ("://" in link or (page.parent / link).exists())
    ] == []
    assert [each for each in inline if _PATH.fullmatch(each) and not any(CLONE.glob(each))] == []
    paths = {row.path for row in rows()}
    assert [each for each in inline if _SETTING.fullmatch(each) and each not in paths] == []
    variables = {row.environment for row in rows()} | {
        setting_sources.CONFIG_VARIABLE,
        DEBUG_VARIABLE,
        LOG_FORMAT_VARIABLE,
        setting_sources.BROKER_PASSWORD,
        setting_sources.KEY_PASSPHRASE,
        setting_sources.MAIL_PASSWORD,
        setting_sources.SIGNING_KEY,
        setting_sources.WEBHOOK_SECRET,
    }
    assert [name for name in _VARIABLE.findall(text) if name not in variables] == []


def test_the_tests_that_the_page_of_security_names_exist() -> None:
    tests = "".join(path.read_text() for path in (CLONE / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", (CLONE / "docs/security.md").read_text()))
    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_each_row_of_what_was_attacked_has_a_test_or_says_why_there_is_none() -> None:
    page = (CLONE / "docs/security.md").read_text()
    attacked = page.partition("## What was attacked")[2].partition("### What comparable tools have")[0]
    rows = [line.split(" | ") for line in attacked.splitlines() if line.startswith("| ")]
    found = [row for row in rows if row[-1] != "test |"]
    assert len(found) > 50
    assert [
        row
        for row in found
        if "`test_" not in row[-1] and "**refused:**" not in row[1] and "**open:**" not in row[1]
    ] == []


def section_of(name: str) -> str:
    """What the page of commands says of one."""
    page = (CLONE / "docs/commands.md").read_text("utf-8")
    return page.split(f"\n## {name}\n")[1].split("\n## ")[0]


def items_of(text: str) -> list[str]:
    """The options that lists in a text tell of, as often as they do."""
    return [
        word
        for item in _ITEM.findall(text)
        for each in _INLINE.findall(item)
        for word in each.split()[:1]
        if word.startswith("--")
    ]


def test_a_list_of_options_is_read() -> None:
    text = "- `--mail-to`, `--mail-when` as for collect.\n- `--output` (`-o`) FILE, or `-`. See `--not`\n"
    assert items_of(text) == ["--mail-to", "--mail-when", "--output"]
    assert "--quiet" in items_of(section_of("report"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_list_of_the_page_of_commands_tells_of_an_option_once(name: str) -> None:
    """Two items that say different things of one option come of two changes at once."""
    for part in _PARAGRAPH.split(section_of(name)):
        assert [each for each, count in Counter(items_of(part)).items() if count > 1] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_names_no_option_that_is_gone(name: str) -> None:
    section = section_of(name)
    own = [each.split() for each in _INLINE.findall(section) if each.startswith(("-", f"mapsweep {name} "))]
    named = {word for words in own for word in words if _OPTION.fullmatch(word)}
    command = mapsweep.get_command(root(), name)
    verbs = command.list_commands(root()) if isinstance(command, click.Group) else []
    assert named <= options_of(name).union(*(options_of(name, verb) for verb in verbs))


@pytest.mark.parametrize("name", ["mapsweep.yaml.example", "deploy/config/mapsweep.yaml"])
def test_the_files_of_settings_load(name: str, tmp_path: Path) -> None:
    assert kind_of((CLONE / name).read_text("utf-8"), tmp_path) == "settings"


def test_the_example_of_an_inventory_loads(tmp_path: Path) -> None:
    assert kind_of((CLONE / "inventory.yaml").read_text("utf-8"), tmp_path) == "inventory"


@pytest.mark.parametrize(
    "text",
    [
        "limits: {idle: 3}",
        "schedules: [{name: a, hosts: all, crontab: 30 2 * * *, time_zone: UTC}]",
        "mail: {from: a@example.org}",
        "web: {host: {a: }}",
        "web: {hosts: {'a[1:': }}",
        "- a",
    ],
)
def test_wrong_yaml_is_found(text: str, tmp_path: Path) -> None:
    with pytest.raises(WrongError):
        kind_of(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "mapsweep colect --hosts all",
        "mapsweep collect --host-list all",
        "cat x | mapsweep classify --wy -",
        "true && /opt/mapsweep/bin/mapsweep worker --queue collect",
        "docker-compose exec worker-report mapsweep run",
        "$ mapsweep mail latest --cc you@example.org",
        "mapsweep config chek",
        "mapsweep config check --cueues collect",
        "mapsweep",
    ],
)
def test_wrong_commands_are_found(text: str) -> None:
    (words,) = commands(text)
    with pytest.raises(WrongError):
        parse(words)


def test_wrong_inline_options_are_found() -> None:
    assert unknown_options("mapsweep collect --resume RUN") == []
    assert unknown_options("mapsweep collect --continue RUN") == ["--continue"]
    assert unknown_options("mapsweep sweep") == ["sweep"]
