"""The settings with their origins: flags override the environment, mapsweep.yaml and the defaults."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from domain import yaml_document
from domain.mistakes import Mistake, OperatorError
from domain.yaml_document import Document
from mapsweep.settings.schema import Schema
from mapsweep.settings.sections import FleetSchema
from mapsweep.settings.sources import CONFIG_VARIABLE, Environment, Sources, Typed
from procmaps.masking_options import Masking

if TYPE_CHECKING:
    from collector.inventory.sources import Surroundings

FILE_NAME = "mapsweep.yaml"
INVENTORY_NAME = "inventory.yaml"
SYSTEM_FOLDER = Path("/etc/mapsweep")


@dataclass(frozen=True, slots=True)
class Settings(Schema):
    """What mapsweep.yaml, the environment and the command line say."""

    file: Path | None = None  # None: no file was given or found
    warnings: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)  # place by path of keys, without the defaults

    @property
    def masking(self) -> Masking:
        """What is kept of command lines."""
        return Masking(self.arguments, self.mask_words)

    @property
    def where(self) -> str:
        """Where a missing key belongs, to end a remedy: the file that was read, or where one may be."""
        if self.file is not None:
            return f"in {self.file}"
        folders = ", ".join(map(str, settings_folders(os.environ)))
        return f"in {FILE_NAME}, which is looked for in {folders} (--config names another file)"


def load(path: str | Path | None, environment: Environment, flags: Typed | None = None) -> Settings:
    """The settings of a file, or of the first in the search order; OperatorError with every mistake.

    `flags` are the options of the command line, by path of keys (`limits.concurrency`); None means not given.
    """
    warnings: list[str] = []
    file = _file(path, environment, warnings)
    document = yaml_document.read(file, str(file)) if file else Document(FILE_NAME, None, ())
    sources = Sources(document, environment, flags or {})
    try:
        keys = _adapter().validate_json(json.dumps(sources.tree), strict=True)
    except ValidationError as error:
        raise OperatorError(*sources.mistakes(error)) from error
    if mistakes := tuple(_contradictions(keys, sources)):
        raise OperatorError(*mistakes)
    settings = Settings(
        **{each.name: getattr(keys, each.name) for each in fields(Schema)},
        file=file,
        warnings=(*warnings, *document.warnings, *sources.warnings),
        origins=sources.origins(),
    )
    return settings if settings.runs else replace(settings, runs=default_runs(environment))


def find_inventory(settings: Settings, environment: Environment) -> tuple[str, ...]:
    """The sources of the inventory: of the settings, else the first in the search order, else ansible.cfg's.

    OperatorError if there is none.
    """
    if settings.inventory:
        return settings.inventory
    looked_at = [folder / INVENTORY_NAME for folder in (Path.cwd(), *settings_folders(environment))]
    for path in looked_at:
        if path.is_file() and not _is_open_to_all(path.parent):
            return (str(path),)
    from collector.inventory import ansible_config  # noqa: PLC0415 - seldom needed

    if sources := ansible_config.find(environment, Path.cwd()).inventory:
        return sources
    remedy = f"name one with -i; looked for {', '.join(map(str, looked_at))}"
    raise OperatorError(Mistake(INVENTORY_NAME, "there is no inventory", remedy))


def surroundings(settings: Settings, environment: Environment, *, runs_programs: bool) -> "Surroundings":
    """What decides besides the sources of the inventory: ansible.cfg, ssh_config, and variables around.

    Programs are run only if the settings or the command line name the inventory, and never by a worker.
    """
    from collector.inventory import ansible_config  # noqa: PLC0415 - --help does not wait for it
    from collector.inventory.sources import Surroundings  # noqa: PLC0415 - likewise

    folder = Path.cwd().resolve()
    config = ansible_config.find(environment, folder)
    is_open = _is_open_to_all(folder)
    if is_open:
        found = [folder / name for name in ("group_vars", "host_vars") if (folder / name).is_dir()]
        warnings = tuple(f"{each}: not read, because everybody may write into its folder" for each in found)
        config = replace(config, warnings=(*config.warnings, *warnings))
    return Surroundings(
        config,
        None if is_open else folder,
        runs_programs=runs_programs and bool(settings.inventory),
        ssh_config=_ssh_config(settings),
    )


def _ssh_config(settings: Settings) -> tuple[Path, ...]:
    """The files of ssh_config. The default ones may be missing; OperatorError if one that was named is."""
    from collector.ssh_config.client_config import missing  # noqa: PLC0415 - see above

    paths = tuple(map(Path, settings.ssh.config))
    origin = settings.origins.get("ssh.config")
    if origin is not None and (absent := missing(paths)):
        remedy = "write it, or remove it from ssh.config ([]: none is read)"
        raise OperatorError(
            *(Mistake(f"{origin}: ssh.config", f"there is no file {path}", remedy) for path in absent)
        )
    return paths


def settings_folders(environment: Environment) -> tuple[Path, ...]:
    """The folders whose mapsweep.yaml is read without being named: the account's, the system's."""
    own = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(own) / "mapsweep", SYSTEM_FOLDER


def default_runs(environment: Environment, user_id: int | None = None) -> str:
    """The default place of runs: below the state folder that systemd gives a service, or the account's.

    `user_id` is that of this account by default.
    """
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd.exec(5): one or several
    if given.startswith("/"):
        return str(Path(given) / "runs")
    if (os.geteuid() if user_id is None else user_id) == 0:
        return "/var/lib/mapsweep/runs"
    state = environment.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return str(Path(state) / "mapsweep/runs")


@cache
def _adapter() -> TypeAdapter[Schema]:
    return TypeAdapter(Schema)


def _file(path: str | Path | None, environment: Environment, warnings: list[str]) -> Path | None:
    """The settings file: the given one, that of the environment, or the first in the search order."""
    given = path or environment.get(CONFIG_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    folders = settings_folders(environment)
    _refuse_unnamed(Path.cwd() / FILE_NAME, folders)
    for folder in folders:
        found = folder / FILE_NAME
        if not found.is_file():
            continue
        if _is_open_to_all(folder):
            warnings.append(
                f"{found}: not read, because everybody may write into its folder;"
                " to use it, name it with --config"
            )
            continue
        return found
    return None


def _refuse_unnamed(file: Path, folders: tuple[Path, ...]) -> None:
    """OperatorError if the working directory has settings: they may have come with somebody's repository.

    Settings name programs that are run, servers that get passwords, and files that are written. If they were
    passed by in silence, an operator who has put them there would sweep by other settings than expected.
    """
    if file.is_file() and not any(_is_same(file, folder / FILE_NAME) for folder in folders):
        problem = "is not read unless it is named, because settings can run programs and hand out passwords"
        raise OperatorError(
            Mistake(str(file), problem, f"read it, then name it: --config {FILE_NAME}, or {CONFIG_VARIABLE}")
        )


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and one.samefile(other)


def _is_open_to_all(folder: Path) -> bool:
    """Whether everybody may write into the folder; its files are then not used unasked."""
    return bool(folder.stat().st_mode & stat.S_IWOTH)


def _contradictions(keys: Schema, sources: Sources) -> Iterator[Mistake]:
    """Values that are valid alone but not together."""
    yield from _impossible_pace(keys.fleet, sources)
    if keys.webhook and bool(keys.webhook.url) == bool(keys.webhook.url_file):
        problem = "needs an address: either url or url_file"
        yield Mistake(sources.place(("webhook",)), problem, "name one of the two")
    for index, mute in enumerate(keys.mutes):
        if mute.is_of_everything:
            problem = "would mute every finding"
            yield Mistake(sources.place(("mutes", index, "code")), problem, "name a code, a service or hosts")
    names: set[str] = set()
    for index, schedule in enumerate(keys.schedules):
        if schedule.name in names:
            yield Mistake(
                sources.place(("schedules", index, "name")),
                f"{schedule.name} is the name of another schedule",
            )
        names.add(schedule.name)
        if schedule.mail and keys.mail is None:
            place = sources.place(("schedules", index, "mail"))
            yield Mistake(place, "cannot be mailed without a mail server", "add the section mail")
        if schedule.digest and not schedule.mail:
            place = sources.place(("schedules", index, "digest"))
            yield Mistake(place, "would be mailed to nobody", "name the addresses in `mail`")


def _impossible_pace(fleet: FleetSchema, sources: Sources) -> Iterator[Mistake]:
    """Times of the fleet that contradict each other."""
    for name in ("lease_s", "again_s", "rest_s"):
        seconds = getattr(fleet, name)
        if seconds >= fleet.task_s:
            problem = f"{seconds} s is not below fleet.task_s, {fleet.task_s} s"
            yield Mistake(sources.place(("fleet", name)), problem, "lower it, or raise fleet.task_s")
    if fleet.tend_s > fleet.lease_s:
        problem = f"{fleet.tend_s} s is above fleet.lease_s, {fleet.lease_s} s"
        yield Mistake(sources.place(("fleet", "tend_s")), problem, "lower it, or raise fleet.lease_s")
