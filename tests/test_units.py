"""The systemd units: what systemd says of them, and what they do when it runs them as they are written."""

import configparser
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.booted import UNITS, Booted, booted
from tests.redis_server import RedisServer, redis_server
from tests.smtp import PASSWORD, USERNAME, MailServer, mail_server
from tests.sshd import PATIENT, Sshd, serve
from tests.tables import rows_of
from tests.test_docs import parse
from tests.waiting import eventually
from workers.fleet.app import QUEUES

pytestmark = pytest.mark.journey

HOSTS = 3
EXPOSURE_MOST = 1.9  # of 10, as systemd-analyze counts
SERVICES = sorted(UNITS.glob("*.service"))
WORKERS = tuple(f"mapsweep-worker@{queue}.service" for queue in QUEUES)
FLEET = ("mapsweep-beat.service", *WORKERS)
SECRETS = "/etc/mapsweep/secrets"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with the units, and the servers that they need."""

    systemd: Booted
    sshd: Sshd
    root: Path  # of its hosts
    redis: RedisServer
    mail: MailServer


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, made_root: Path) -> Iterator[Machine]:
    """Settings without `runs`, an account without a home, secrets that root alone may read."""
    folder = tmp_path_factory.mktemp("machine")
    with ExitStack() as stack:
        systemd = stack.enter_context(booted(folder))
        sshd = stack.enter_context(serve(folder, hosts=HOSTS))
        redis = stack.enter_context(redis_server())
        mail = stack.enter_context(mail_server(folder))
        systemd.give("/etc/mapsweep/known_hosts", sshd.known_hosts.read_text())
        systemd.give("/etc/mapsweep/mail-ca.pem", Path(mail.ca_file).read_text())
        secrets = {
            "redis_password": redis.password,
            "signing_key": "k" * 44,
            "smtp_password": PASSWORD,
            "ssh_key": sshd.key_file.read_text(),
        }
        for name, secret in secrets.items():
            systemd.give(f"{SECRETS}/{name}", secret, 0o600)
        yield Machine(systemd, sshd, made_root, redis, mail)


def configure(machine: Machine, unit: str, broker: str = "") -> None:
    """The settings, and an inventory that names the key where systemd puts it for this unit."""
    mail = {
        "from": "mapsweep@example.org",
        "server": machine.mail.host,
        "port": machine.mail.port,
        "ca_file": "/etc/mapsweep/mail-ca.pem",
        "username": USERNAME,
    }
    schedule = {"name": "nightly", "hosts": "all", "crontab": "* * * * *", "mail": ["sre@example.org"]}
    given = {
        "inventory": "/etc/mapsweep/inventory.yaml",
        "ssh": {"known_hosts": ["/etc/mapsweep/known_hosts"], "use_agent": False},
        "mail": mail,
        "schedules": [schedule],
        "fleet": {"tend_s": 2},
        "limits": PATIENT,
    }
    hosts = {
        f"web{number}": {
            "ansible_host": machine.sshd.host(number).address,
            "ansible_port": machine.sshd.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": f"/run/credentials/{unit}/ssh_key",
            "mapsweep_root": str(machine.root),
        }
        for number in range(HOSTS)
    }
    machine.systemd.give(
        "/etc/mapsweep/mapsweep.yaml", json.dumps(given | ({"broker": broker} if broker else {}))
    )
    machine.systemd.give("/etc/mapsweep/inventory.yaml", json.dumps({"fleet": {"hosts": hosts}}))


def runs(machine: Machine) -> list[Path]:
    """The runs in the state folder, the newest last."""
    return sorted((machine.systemd.root / "var/lib/mapsweep/runs").glob("2*"))


def written(machine: Machine) -> set[str]:
    """The files that were written over those of the machine, but for the state folder of mapsweep."""
    upper = machine.systemd.upper
    paths = {str(each.relative_to(upper)) for each in upper.rglob("*") if not each.is_dir()}
    return {each for each in paths if not f"{each}/".startswith("var/lib/mapsweep/")}


def service(file: Path) -> configparser.SectionProxy:
    """The section Service of a unit, with what the files beside it for its instances say."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as configparser's docs say
    unit.read(file)
    return unit["Service"]


def test_the_page_of_deployment_names_each_file() -> None:
    page = (UNITS.parents[1] / "docs/deployment.md").read_text()
    for file in UNITS.rglob("*"):
        if file.is_file():
            assert f"`{file.relative_to(UNITS)}`" in page


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.name)
def test_the_commands_of_the_units_parse(file: Path) -> None:
    command = service(file)["ExecStart"].replace("%i", "collect").replace("${PROCESSES}", "2")
    words = command.split()
    assert words[0] == "/opt/mapsweep/bin/mapsweep"
    parse(words[1:])


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.name)
def test_a_stop_reaches_the_main_process_first_and_has_time(file: Path) -> None:
    """Celery's children drop their task on SIGTERM; its main process tells them when to end."""
    given = service(file)
    assert given["KillMode"] == "mixed"
    assert int(given["TimeoutStopSec"]) >= 30
    assert given["TasksMax"]
    if "@" in file.name:
        extra = [service(UNITS / f"mapsweep-worker@{queue}.service.d/{queue}.conf") for queue in QUEUES]
        assert all(each["MemoryMax"] and each["Environment"].startswith("PROCESSES=") for each in extra)
    else:
        assert given["MemoryMax"]


def test_systemd_finds_no_mistake_in_the_units(machine: Machine) -> None:
    """A worker is asked for by its instance, so that what lies beside the template is read as well."""
    units = [file.name for file in UNITS.glob("mapsweep-*.*") if file.is_file() and "@" not in file.name]
    made = "mkdir /run/verify && cd /run/verify"
    links = [f"ln -s /etc/systemd/system/{name} {name}" for name in units]
    links += [f"ln -s /etc/systemd/system/mapsweep-worker@.service {name}" for name in WORKERS]
    found = machine.systemd.run(
        "sh", "-c", " && ".join([made, *links, "systemd-analyze verify ./*"]), check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.name)
def test_the_units_are_exposed_to_little(machine: Machine, file: Path) -> None:
    path = f"/etc/systemd/system/{file.name}"
    told = machine.systemd.run("systemd-analyze", "security", "--offline=yes", "--no-pager", path).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert level is not None
    assert float(level[1]) <= EXPOSURE_MOST, told


def test_a_fleet_as_its_units_are_written(machine: Machine) -> None:
    """In a new archive, as on its first night."""
    configure(machine, "mapsweep-worker@collect.service", machine.redis.url)
    before, systemd, box = written(machine), machine.systemd, machine.mail.mailbox
    systemd.run("systemctl", "start", *FLEET)
    killed = systemd.show(WORKERS[0], "MainPID")
    systemd.run("kill", "-9", killed)
    eventually(lambda: bool(box.received), 600)
    assert systemd.show(WORKERS[0], "NRestarts") == "1"
    hosts = rows_of(runs(machine)[-1], "hosts")
    assert len(hosts) == HOSTS
    assert {host["status"] for host in hosts} == {"ok"}
    assert box.received[0].login == USERNAME
    held = {unit: set(systemd.run("ls", f"/run/credentials/{unit}").stdout.split()) for unit in FLEET}
    assert held == {
        "mapsweep-beat.service": {"redis_password"},
        "mapsweep-worker@collect.service": {"redis_password", "signing_key", "ssh_key"},
        "mapsweep-worker@classify.service": {"redis_password"},
        "mapsweep-worker@report.service": {"redis_password", "signing_key", "smtp_password"},
    }
    assert written(machine) == before
    systemd.run("systemctl", "start", "mapsweep-metrics.service")
    metrics = systemd.root / "run/mapsweep-metrics/mapsweep.prom"
    assert 'mapsweep_up{source="archive"} 1.0' in metrics.read_text()
    assert 'mapsweep_up{source="broker"} 1.0' in metrics.read_text()
    for unit in FLEET:
        systemd.run("systemctl", "stop", unit)
        # "timeout" unless it ends by itself, before systemd kills it
        assert systemd.show(unit, "Result") == "success", systemd.log(unit)


def test_a_sweep_as_its_unit_is_written(machine: Machine) -> None:
    configure(machine, "mapsweep-collect.service")
    before, systemd = written(machine), machine.systemd
    started = systemd.run("systemctl", "start", "mapsweep-collect.service", check=False)
    assert started.returncode == 0, systemd.log("mapsweep-collect.service")
    run = runs(machine)[-1]
    hosts = rows_of(run, "hosts")
    assert len(hosts) == HOSTS
    assert {host["status"] for host in hosts} == {"ok"}
    assert (run / "manifest.json").stat().st_uid != 0
    assert run.parent.parent.stat().st_mode & 0o777 == 0o700
    assert written(machine) == before
