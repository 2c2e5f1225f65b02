"""mapsweep config: what is wrong is named, what is in force is shown, and no secret is."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mapsweep.checkup import checked, due_times
from mapsweep.settings.effective import effective
from mapsweep.settings.settings import load
from mapsweep.settings.table import rows
from mapsweep.terminal.exits import Exit
from tests.mapsweep.conftest import Here
from workers.life.schedules import Schedule

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A settings file in which nothing is wrong; its parts are files beside it."""
    for name in ("redis", "mail", "signing", "passphrase"):
        (tmp_path / name).write_text(f"{SECRET}{name}\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "known_hosts").write_text("")
    (tmp_path / "id").write_text("a key")
    (tmp_path / "id").chmod(0o600)
    (tmp_path / "runs").mkdir()
    (tmp_path / "inventory.yaml").write_text(
        f"all: {{hosts: {{web-1: {{ansible_ssh_private_key_file: {tmp_path / 'id'}}}, web-2: {{}}}}}}\n"
    )
    path = tmp_path / "mapsweep.yaml"
    path.write_text(
        f"runs: {tmp_path / 'runs'}\n"
        f"inventory: {tmp_path / 'inventory.yaml'}\n"
        "broker: redis://broker.example.org:6379/0\n"
        f"broker_password_file: {tmp_path / 'redis'}\n"
        f"signing_key_file: {tmp_path / 'signing'}\n"
        f"ssh: {{known_hosts: [{tmp_path / 'known_hosts'}], passphrase_file: {tmp_path / 'passphrase'}}}\n"
        "mail:\n  from: mapsweep@example.org\n  server: mail.example.org\n"
        f"  password_file: {tmp_path / 'mail'}\n"
        "webhook: {url: https://hooks.example.org/mapsweep}\n"
        f"mutes: [{{code: swapped, reason: known, until: {datetime.now(UTC).date() + timedelta(30)}}}]\n"
        "schedules:\n"
        "  - {name: nightly, hosts: web-1, crontab: 30 2 * * *, timezone: Europe/Berlin,"
        " mail: [a@example.org]}\n"
        "keep: {days: 30}\n"
    )
    return path


def test_where_nothing_is_wrong_it_says_what_there_is(good: Path, here: Here) -> None:
    ended = here("config", "check", "--config", good)
    assert (ended.code, ended.err) == (Exit.OK, "")
    heads = [line.split(maxsplit=1)[0] for line in ended.out.splitlines() if not line.startswith(" ")]
    assert heads == [
        "settings",
        "secrets",
        "webhook",
        "broker",
        "runs",
        "audit",
        "inventory",
        "host",
        "schedule",
        "mutes",
    ]
    assert "nightly: 1 host of web-1" in ended.out
    assert SECRET not in ended.out


def test_an_owner_without_a_host_is_told(good: Path, here: Here) -> None:
    text = good.read_text().replace("  server: mail", "  owners: {paymets: [p@example.org]}\n  server: mail")
    good.write_text(text)
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.OK
    assert "mail.owners: no host of the inventory has the label owner=paymets" in " ".join(ended.err.split())


@pytest.mark.parametrize("name", ["redis", "mail", "signing", "passphrase", "known_hosts", "id"])
def test_each_missing_file_is_named(name: str, good: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / name).unlink()
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.USAGE
    assert f"mapsweep: {tmp_path / name}: " in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_missing_file_of_ssh_config_is_named_unless_it_is_a_default_one(
    good: Path, here: Here, tmp_path: Path
) -> None:
    assert here("config", "check", "--config", good).code == Exit.OK
    text = good.read_text().replace("ssh: {", f"ssh: {{config: [{tmp_path / 'ssh_config'}], ")
    good.write_text(text)
    for command in (("config", "check"), ("hosts", "--hosts", "all"), ("doctor", "--hosts", "all")):
        ended = here(*command, "--config", good)
        said = " ".join((ended.out + ended.err).split())
        assert ended.code == Exit.USAGE
        assert f"ssh.config: there is no file {tmp_path / 'ssh_config'}" in said
        assert "remove it from ssh.config" in said
    (tmp_path / "ssh_config").write_text("Host *\n")
    (tmp_path / "ssh_config").chmod(0o600)
    assert here("config", "check", "--config", good).code == Exit.OK


def test_a_key_that_is_open_to_others_is_named(good: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "id").chmod(0o644)
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.USAGE
    told = " ".join(ended.err.split())
    assert f"{tmp_path / 'id'}: the key of 1 host is open to other accounts (mode 0644)" in told
    assert f"chmod 600 {tmp_path / 'id'}" in told


def test_a_missing_inventory_is_named_and_hides_nothing(good: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").unlink()
    (tmp_path / "redis").unlink()
    ended = here("config", "check", "--config", good)
    assert "inventory.yaml" in ended.err
    assert str(tmp_path / "redis") in ended.err
    assert "nightly" in ended.out
    assert ended.code == Exit.USAGE


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        ("hosts: web-1", "hosts: db-*", "schedule nightly"),
        ("broker: redis://broker.example.org:6379/0", "", "no broker is set"),
        ("signing_key_file", "limits: {total_s: 600}\nsigning_key_file", "total_s"),
        ("30 2 * * *", "30 2 31 2 *", "line 14"),
    ],
)
def test_what_the_parts_say_together(line: str, instead: str, says: str, good: Path, here: Here) -> None:
    good.write_text(good.read_text().replace(line, instead))
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.USAGE
    assert says in ended.err


def test_a_folder_of_runs_that_cannot_be_one(good: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "runs").rmdir()
    assert here("config", "check", "--config", good).code == Exit.OK  # it will be made
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").write_text("a file")
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.USAGE
    assert f"{tmp_path / 'runs'} is not a folder" in ended.err


def test_a_machine_needs_only_the_secrets_of_its_queues(good: Path, here: Here, tmp_path: Path) -> None:
    for name in ("mail", "signing", "passphrase", "known_hosts", "id"):
        (tmp_path / name).unlink()
    assert here("config", "check", "--config", good, "--queues", "classify").code == Exit.OK
    (tmp_path / "redis").unlink()
    assert here("config", "check", "--config", good, "--queues", "classify").code == Exit.USAGE
    assert here("config", "check", "--config", good, "--queues", "clasify").code == Exit.USAGE


def test_strict_without_known_hosts_is_a_mistake(good: Path) -> None:
    lines = [line for line in good.read_text().splitlines() if not line.startswith("ssh:")]
    nowhere = "ssh: {host_key_policy: strict}\n"
    good.write_text("\n".join(lines) + "\n" + nowhere)
    given = load(good, {})
    there = any(Path(path).exists() for path in given.ssh.known_hosts)
    says = any("none of them is there" in str(each) for each in checked(given, os.environ).mistakes)
    assert says is not there


def test_due_times_in_the_zone_and_in_utc_over_a_change_of_the_clocks() -> None:
    schedule = Schedule("nightly", "all", "30 1 * * *", "Europe/Berlin")
    lines = list(due_times(schedule, datetime(2026, 10, 24, 12, tzinfo=UTC)))
    assert lines == [
        "Sun 2026-10-25 01:30 CEST (Sat 23:30 UTC)",
        "Mon 2026-10-26 01:30 CET (00:30 UTC)",
        "Tue 2026-10-27 01:30 CET (00:30 UTC)",
    ]


def test_every_setting_is_shown_with_its_origin(
    good: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSWEEP_LIMITS_TCP_S", "7")
    monkeypatch.setenv("MAPSWEEP_MAIL_PASSWORD", SECRET)
    ended = here("config", "show", "--config", good, "--broker", "redis://other:6379/0", "--json")
    shown = json.loads(ended.out)
    by_key = {each["key"]: (each["value"], each["origin"]) for each in shown["settings"]}
    assert {key.replace("[0]", "[]") for key in by_key} == {row.path for row in rows()}
    assert by_key["limits.tcp_s"] == (7.0, "MAPSWEEP_LIMITS_TCP_S")
    assert by_key["broker"] == ("redis://other:6379/0", "--broker")
    assert by_key["limits.dns_s"] == (5.0, "default")
    assert by_key["mail.server"] == ("mail.example.org", f"{good}, line 9")
    assert by_key["schedules[0].timezone"] == ("Europe/Berlin", f"{good}, line 14")
    origins = {each["name"]: each["origin"] for each in shown["secrets"]}
    assert origins["mail password"] == "MAPSWEEP_MAIL_PASSWORD"
    assert SECRET not in ended.out


def test_as_text_it_has_the_same_and_no_secret(good: Path, here: Here, tmp_path: Path) -> None:
    ended = here("config", "show", "--config", good, "--origin")
    assert f'runs: "{tmp_path / "runs"}"  # {good}, line 1' in ended.out.splitlines()
    assert f"# signing key: from {tmp_path / 'signing'}" in ended.out
    assert SECRET not in ended.out
    assert "# default" not in here("config", "show", "--config", good).out


def test_sections_and_schedules_that_are_not_given(tmp_path: Path) -> None:
    (tmp_path / "mapsweep.yaml").write_text("schedules: []\n")
    keys = {each.key for each in effective(load(tmp_path / "mapsweep.yaml", {}))}
    assert not any(key.startswith(("mail.", "schedules")) for key in keys)


def test_a_mute_of_an_unknown_code_is_a_mistake_and_one_that_is_over_a_warning(
    good: Path, here: Here
) -> None:
    text = good.read_text()
    good.write_text(text.replace("code: swapped", "code: many_arena"))
    ended = here("config", "check", "--config", good)
    assert (ended.code, "did you mean many_arenas?" in ended.err) == (Exit.USAGE, True)
    good.write_text(text.replace(f"until: {datetime.now(UTC).date() + timedelta(30)}", "until: 2026-01-31"))
    ended = here("config", "check", "--config", good)
    assert ended.code == Exit.OK
    assert "mutes: swapped of * ended on 2026-01-31; remove it or extend it" in ended.err
    assert "0 in force, 1 expired" in ended.out
