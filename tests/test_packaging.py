"""What a stranger meets first: the targets, the scripts, the compose file, the recordings."""

import io
import lzma
import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.resources import files
from pathlib import Path
from shutil import which
from typing import cast

import pytest
import yaml

from domain.mistakes import OperatorError
from mapsweep.settings import settings
from mapsweep.settings.for_workers import worker_settings
from workers.fleet.app import QUEUES

CLONE = Path(__file__).parents[1]
RECORDINGS_BYTES_MAX = 3 * 2**20


def test_make_help_names_each_target_and_the_targets_exist() -> None:
    makefile = (CLONE / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].split())
    assert {"demo", "test", "check", "bench", "clean", "help"} <= targets
    shown = run("make", "help").stdout
    for target in targets - {"help"}:
        assert f"make {target}" in shown
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_continuous_integration_runs_check_and_test() -> None:
    script = (CLONE / ".ci" / "run").read_text()
    assert "set -eu" in script
    assert script.index("make check") < script.index("make test")


@pytest.mark.slow
def test_the_demo_must_end_with_exactly_3() -> None:
    for code, accepted in ((3, True), (0, False), (1, False), (70, False)):
        assert (make_demo_with(code) == 0) is accepted


def make_demo_with(code: int) -> int:
    """The exit status of the demo's recipe where `mapsweep demo` ends with `code`."""
    recipe = run("make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.installed", "demo").stdout
    script = recipe.replace(".venv/bin/mapsweep demo --runs runs", f"sh -c 'exit {code}'")
    assert script != recipe
    return subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "name", ["scripts/environment", "scripts/system-packages", "scripts/truth", ".ci/run"]
)
def test_the_shell_scripts_parse_and_may_be_run(name: str) -> None:
    assert (CLONE / name).stat().st_mode & 0o111
    run("sh", "-n", name)


def test_an_old_python_is_refused_with_the_reason(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase $1 in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    refused = run("sh", "scripts/environment", str(old), str(tmp_path / "venv"), check=False)
    assert refused.returncode == 1
    assert "Python 3.9.2 is too old; mapsweep needs Python 3.11" in refused.stderr


def test_the_lowest_versions_are_those_of_the_metadata() -> None:
    pins = run(sys.executable, "scripts/lowest", "pyproject.toml").stdout.split()
    declared = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [pin.replace("==", ">=") for pin in pins] == declared


def test_the_license_is_apache_2() -> None:
    text = (CLONE / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_recordings_are_small_and_hold_nothing_but_files() -> None:
    packed = files("mapsweep.demo").joinpath("recordings/fleet.tar.xz").read_bytes()
    assert len(packed) < RECORDINGS_BYTES_MAX
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as archive:
        members = archive.getmembers()
    assert all(member.isreg() and not member.mtime and not member.uid for member in members)
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert not [member.name for member in members if member.name.startswith("/") or ".." in member.name]


def test_the_recordings_name_no_folder_of_the_machine_they_were_made_on() -> None:
    text = lzma.decompress(files("mapsweep.demo").joinpath("recordings/fleet.tar.xz").read_bytes())
    for trace in (b"/home/", b"/root", b"/tmp/tmp", b"/mnt", b".venv", b"pyenv"):
        assert trace not in text


Service = dict[str, object]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    """The services of the compose file, as docker-compose understands it."""
    if which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    accepted = run("docker-compose", "--file", "docker-compose.yml", "config").stdout
    return cast("dict[str, Service]", yaml.safe_load(accepted)["services"])


def test_compose_starts_redis_one_beat_and_a_worker_for_each_queue(services: dict[str, Service]) -> None:
    assert set(services) == {"redis", "beat", "worker-collect", "worker-classify", "worker-report"}
    for queue in QUEUES:
        command = cast("list[str]", services[f"worker-{queue}"]["command"])
        assert command[:3] == ["worker", "--queues", queue]


def test_no_service_runs_as_root_writes_its_root_or_publishes_a_port(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service, name
        assert "ports" not in service, name


def test_only_those_who_need_a_secret_get_it(services: dict[str, Service]) -> None:
    holders: dict[str, set[str]] = {}
    for name, service in services.items():
        for secret in cast("list[dict[str, str]]", service["secrets"]):
            holders.setdefault(secret["source"], set()).add(name)
    assert holders == {
        "redis_password": set(services),
        "signing_key": {"worker-collect", "worker-report"},
        "ssh_key": {"worker-collect"},
        "smtp_password": {"worker-report"},
    }


def test_the_secrets_of_a_service_are_those_that_its_settings_read(services: dict[str, Service]) -> None:
    """The settings file is the same for all; what a service does not hold, it must not ask for."""
    asked = {
        "beat": (),
        "worker-collect": ("collect",),
        "worker-classify": ("classify",),
        "worker-report": ("report",),
    }
    given = settings.load(CLONE / "deploy/mapsweep.yaml", {})
    named = {
        "redis_password": given.broker_password_file,
        "signing_key": given.signing_key_file,
        "smtp_password": given.mail and given.mail.password_file,
    }
    environment = dict.fromkeys(
        ("MAPSWEEP_BROKER_PASSWORD", "MAPSWEEP_SIGNING_KEY", "MAPSWEEP_MAIL_PASSWORD"), "x" * 32
    )
    variables = dict(zip(named, environment, strict=True))
    for name, queues in asked.items():
        held = {secret["source"] for secret in cast("list[dict[str, str]]", services[name]["secrets"])}
        here = {variables[secret]: environment[variables[secret]] for secret in held & named.keys()}
        worker_settings(given, here, queues)  # raises where it reads a file, which is not here
        for secret in held & named.keys():
            without = {key: value for key, value in here.items() if key != variables[secret]}
            with pytest.raises(OperatorError, match=str(named[secret])):
                worker_settings(given, without, queues)


def test_the_example_settings_of_compose_are_settings() -> None:
    read = settings.load(CLONE / "deploy/mapsweep.yaml", {})
    assert not read.warnings
    assert [schedule.name for schedule in read.schedules] == ["nightly"]


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=CLONE, capture_output=True, text=True, check=check, timeout=60)
