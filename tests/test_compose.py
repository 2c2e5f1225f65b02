"""The compose file, as docker-compose understands it, and the files beside it."""

import os
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import cast

import pytest
import redis
import yaml

from domain.mistakes import OperatorError
from mapsweep.settings import settings
from mapsweep.settings.for_workers import worker_settings
from tests.ports import free_port
from tests.test_packaging import run
from tests.waiting import eventually
from workers.fleet.app import QUEUES

CLONE = Path(__file__).parents[1]

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


def test_each_service_has_its_limits_and_time_to_stop(services: dict[str, Service]) -> None:
    """Without them an engine has none, and kills after 10 s, while a worker hands back its work."""
    for name, service in services.items():
        assert service["stop_grace_period"] == "30s", name
        assert service["memswap_limit"] == service["mem_limit"], name  # the same: no swap
        assert float(cast("float", service["cpus"])) <= 1, name  # an engine refuses more than the machine has
        assert int(cast("int", service["pids_limit"])) > 0, name
        assert service["logging"] == {
            "driver": "json-file",
            "options": {"max-size": "10m", "max-file": "5"},
        }, name


def test_a_worker_has_a_fixed_number_of_processes(services: dict[str, Service]) -> None:
    """One per core of the machine would not fit into the memory of the service."""
    for queue in QUEUES:
        command = cast("list[str]", services[f"worker-{queue}"]["command"])
        assert command[command.index("--concurrency") + 1] == "2"


def test_health_is_the_file_that_the_command_touches(services: dict[str, Service]) -> None:
    for name in set(services) - {"redis"}:
        command = cast("list[str]", services[name]["command"])
        file = command[command.index("--alive") + 1]
        assert file in cast("dict[str, list[str]]", services[name]["healthcheck"])["test"][1], name
        assert any(str(each).startswith("/tmp:") for each in cast("list[str]", services[name]["tmpfs"]))


def test_folders_are_mounted_and_not_files(services: dict[str, Service]) -> None:
    """A mount of a file keeps showing the old one when an editor has replaced it."""
    for name in set(services) - {"redis"}:
        sources = {str(each).partition(":")[0] for each in cast("list[str]", services[name]["volumes"])}
        assert sources == {str(CLONE / "deploy/config")} | ({"archive"} if name != "beat" else set()), name


def test_the_example_of_the_environment_names_each_variable_with_its_default() -> None:
    compose = (CLONE / "docker-compose.yml").read_text()
    used = re.findall(r"(?<!\$)\$\{(\w+):?-([^}]*)\}", compose)
    named = re.findall(r"^#(\w+)=(.*)$", (CLONE / ".env.example").read_text(), re.MULTILINE)
    assert sorted(set(used)) == sorted(named)
    assert len(re.findall(r"(?<!\$)\$\{?\w", compose)) == len(used)  # no other form


def test_an_archive_in_a_bucket_gives_its_account_to_the_workers_alone() -> None:
    if which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    files = ("--file", "docker-compose.yml", "--file", "docker-compose.s3.yml")
    merged = yaml.safe_load(run("docker-compose", *files, "config").stdout)["services"]
    holders = {
        name for name, service in merged.items() if "aws" in {each["source"] for each in service["secrets"]}
    }
    assert holders == {f"worker-{queue}" for queue in QUEUES}
    for name in holders:
        assert merged[name]["environment"]["AWS_SHARED_CREDENTIALS_FILE"] == "/run/secrets/aws"
        assert merged[name]["environment"]["MAPSWEEP_CONFIG"]  # what the other file says is kept
        assert "outside" in merged[name]["networks"], name


def test_the_private_key_of_dumps_goes_to_those_who_classify_as_the_docs_say(tmp_path: Path) -> None:
    if which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    section = (CLONE / "docs/deployment.md").read_text().partition("## Encrypted dumps")[2]
    override = tmp_path / "docker-compose.override.yml"
    override.write_text(section.partition("```yaml\n")[2].partition("```")[0])
    files = ("--project-directory", str(CLONE), "--file", "docker-compose.yml", "--file", str(override))
    merged = yaml.safe_load(run("docker-compose", *files, "config").stdout)
    holders = {
        name: service["environment"]["MAPSWEEP_DUMP_IDENTITY_FILE"]
        for name, service in merged["services"].items()
        if "dump_identity" in {each["source"] for each in service["secrets"]}
    }
    assert holders == {"worker-classify": "/run/secrets/dump_identity"}
    assert "redis_password" in {each["source"] for each in merged["services"]["worker-classify"]["secrets"]}
    given = settings.load(
        CLONE / "deploy/config/mapsweep.yaml", {"MAPSWEEP_DUMP_IDENTITY_FILE": holders["worker-classify"]}
    )
    assert given.dump_identity_file == "/run/secrets/dump_identity"


def test_what_people_put_beside_the_settings_is_neither_committed_nor_built_in() -> None:
    secrets = ("deploy/ssh_key", "deploy/dump_identity", "deploy/aws", "deploy/config/inventory.yaml", ".env")
    ignored = run("git", "check-ignore", *secrets).stdout.split()
    assert set(ignored) == set(secrets)
    shipped = ("deploy/config/mapsweep.yaml", ".env.example", "deploy/systemd/mapsweep-beat.service")
    assert run("git", "check-ignore", *shipped, check=False).returncode == 1
    context = (CLONE / ".dockerignore").read_text().split()
    assert context[0] == "*"
    assert not {"!deploy", "!.env"} & set(context)


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
    given = settings.load(CLONE / "deploy/config/mapsweep.yaml", {})
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
    read = settings.load(CLONE / "deploy/config/mapsweep.yaml", {})
    assert not read.warnings
    assert [schedule.name for schedule in read.schedules] == ["nightly"]


def test_images_are_named_by_digest_where_that_is_said() -> None:
    if which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    pinned = {name: f"example/{name.lower()}:1@sha256:{'0' * 64}" for name in ("BASE", "REDIS_IMAGE")}
    accepted = subprocess.run(
        ["docker-compose", "--file", CLONE / "docker-compose.yml", "config"],
        env=os.environ | pinned,
        capture_output=True,
        text=True,
        check=True,
    )
    services = yaml.safe_load(accepted.stdout)["services"]
    assert services["redis"]["image"] == pinned["REDIS_IMAGE"]
    for name in set(services) - {"redis"}:
        assert services[name]["build"]["args"]["BASE"] == pinned["BASE"]
    dockerfile = (CLONE / "Dockerfile").read_text()
    assert dockerfile.index("ARG BASE=") < dockerfile.index("FROM ")
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE}"}


@pytest.mark.journey
@pytest.mark.parametrize("broker", ["redis", "valkey"])
def test_redis_is_the_main_process_and_ends_when_it_is_told_to(
    services: dict[str, Service], tmp_path: Path, broker: str
) -> None:
    """A shell in its place would wait for the end of the grace period, and SIGKILL."""
    programs = programs_of(broker, tmp_path / "bin")
    entrypoint = cast("list[str]", services["redis"]["entrypoint"])
    (script,) = cast("list[str]", services["redis"]["command"])
    (tmp_path / "redis_password").write_text("pass $word * word")
    port = free_port()
    script = script.replace("$$", "$").replace("/run/secrets", str(tmp_path))
    script = script.replace("bind * -::*", f"bind 127.0.0.1\nport {port}").replace(
        "dir /tmp", f"dir {tmp_path}"
    )
    process = subprocess.Popen([*entrypoint, script], stdout=subprocess.DEVNULL, env={"PATH": programs})
    try:
        with redis.Redis(port=port, password="pass $word * word") as client:
            eventually(lambda: answers(client))
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.info("server")["process_id"] == process.pid
            kind, health = cast("dict[str, list[str]]", services["redis"]["healthcheck"])["test"]
            assert kind == "CMD-SHELL"
            health = health.replace("$$", "$").replace("/run/secrets", str(tmp_path))
            asked = ["/bin/sh", "-c", health.replace(" ping ", f" -p {port} ping ")]
            assert subprocess.run(asked, env={"PATH": programs}, check=False).returncode == 0
            client.config_set("requirepass", "another")
            assert subprocess.run(asked, env={"PATH": programs}, check=False).returncode != 0
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def programs_of(broker: str, folder: Path) -> str:
    """A PATH with the names of one broker alone, as in its image; Redis stands in for a missing Valkey."""
    folder.mkdir()
    for role in ("server", "cli"):
        program = which(f"{broker}-{role}") or which(f"redis-{role}")
        assert program is not None
        (folder / f"{broker}-{role}").symlink_to(program)
    for tool in ("cat", "grep"):
        (folder / tool).symlink_to(which(tool) or tool)
    return str(folder)


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
