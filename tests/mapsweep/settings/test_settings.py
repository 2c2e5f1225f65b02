"""mapsweep.yaml, the environment and the flags."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.retention import Keep
from collector.ssh.policy import Policy
from domain.mistakes import OperatorError
from domain.records import Limits, Mute
from mapsweep.settings import docs, settings
from mapsweep.settings.composition import password, signing_key
from mapsweep.settings.for_workers import worker_settings
from mapsweep.settings.mutes import MUTED_DAYS_MAX, MUTES_MAX
from mapsweep.settings.sections import LimitSchema
from mapsweep.settings.settings import find_inventory, load, settings_folders
from mapsweep.settings.table import rows
from reports.mail.delivery import Security
from reports.tables.past_runs import PAST_RUNS_MAX
from workers.life.pace import Pace

ROOT = Path(__file__).parents[3]

WHOLE = """
runs: /srv/runs
evidence: smaps
limits: {concurrency: 10, dns_s: 3}
ssh:
  known_hosts: [/etc/ssh/ssh_known_hosts, ~/more]
  host_key_policy: accept-new
broker: redis://broker:6379/0
broker_password_file: /run/secrets/redis
mail: {from: mapsweep@example.org, server: mail.example.org, security: tls}
report: {top: 20}
schedules:
  - name: nightly
    hosts: prod-*
    crontab: 30 2 * * mon-fri
    timezone: Europe/Berlin
    mail: [ops@example.org, dev@example.org]
"""


def write(folder: Path, text: str, name: str = "mapsweep.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def mistakes(path: Path, **environment: str) -> list[str]:
    with pytest.raises(OperatorError) as caught:
        load(path, environment)
    return [str(mistake).removeprefix(f"{path}: ") for mistake in caught.value.mistakes]


def test_the_pace_of_the_fleet(tmp_path: Path) -> None:
    given = load(
        write(
            tmp_path,
            "broker: redis://127.0.0.1/0\nfleet: {lease_s: 3, tend_s: 1, task_s: 10, again_s: 9, rest_s: 9}",
        ),
        {},
    )
    assert given.fleet.pace() == replace(Pace(), lease_s=3, tend_s=1, task_s=10, again_s=9, rest_s=9)


@pytest.mark.parametrize("name", ["lease_s", "again_s", "rest_s"])
def test_times_of_the_fleet_end_within_a_task(name: str, tmp_path: Path) -> None:
    given = {"lease_s": 50, "again_s": 50, "rest_s": 50, name: 60}
    wrong = write(tmp_path, f"fleet: {json.dumps(given | {'task_s': 60})}")
    (line,) = [line for line in mistakes(wrong) if f"fleet.{name}" in line]
    assert line.endswith(": 60 s is not below fleet.task_s, 60 s (lower it, or raise fleet.task_s)")
    assert load(write(tmp_path, f"fleet: {json.dumps(given | {'task_s': 61})}"), {}).fleet.task_s == 61


def test_runs_are_looked_after_within_a_lease(tmp_path: Path) -> None:
    assert "above fleet.lease_s, 9 s" in str(mistakes(write(tmp_path, "fleet: {lease_s: 9}")))
    assert load(write(tmp_path, "fleet: {lease_s: 10}"), {}).fleet.tend_s == 10


def test_every_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = load(write(tmp_path, WHOLE), {})
    assert given.runs == "/srv/runs"
    assert given.limits.limits() == Limits(concurrency=10, dns_s=3.0)
    assert given.ssh.known_hosts == ("/etc/ssh/ssh_known_hosts", "/home/me/more")
    assert given.ssh.host_key_policy is Policy.ACCEPT_NEW
    assert given.mail is not None
    assert (given.mail.sender, given.mail.security) == ("mapsweep@example.org", Security.TLS)
    assert given.schedules[0].mail == ("ops@example.org", "dev@example.org")
    assert given.warnings == ()


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = load(write(tmp_path, "# nothing\n"), {})
    assert given.limits.limits() == Limits()
    assert given.ssh.known_hosts == ("/home/me/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    assert given.mail is None
    assert Path(given.runs).is_absolute()


def test_default_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert settings.default_runs({"XDG_STATE_HOME": "/state"}, 0) == "/var/lib/mapsweep/runs"
    assert settings.default_runs({}, 1000) == "/home/me/.local/state/mapsweep/runs"
    assert settings.default_runs({"XDG_STATE_HOME": "/state"}, 1000) == "/state/mapsweep/runs"
    for user_id in (0, 1000):
        given = {"STATE_DIRECTORY": "/var/lib/private/a:/var/lib/b", "XDG_STATE_HOME": "/state"}
        assert settings.default_runs(given, user_id) == "/var/lib/private/a/runs"
    assert settings.default_runs({"STATE_DIRECTORY": "relative"}, 0) == "/var/lib/mapsweep/runs"


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "runs: /file\nlimits: {concurrency: 1, attempts: 1}\nbecome: false\n")
    environment = {
        "MAPSWEEP_LIMITS_CONCURRENCY": "2",
        "MAPSWEEP_LIMITS_ATTEMPTS": "2",
        "MAPSWEEP_BECOME": "yes",
        "MAPSWEEP_SSH_KNOWN_HOSTS": "/a:b",
        "MAPSWEEP_LIMITS_TCP_S": "1.5",
        "MAPSWEEP_EVIDENCE": "",
    }
    given = load(path, environment, {"runs": "here", "limits.concurrency": 3, "evidence": None})
    assert (given.runs, given.limits.concurrency) == (f"{tmp_path}/here", 3)
    assert (given.limits.attempts, given.limits.tcp_s, given.become) == (2, 1.5, True)
    assert given.ssh.known_hosts == ("/a", f"{tmp_path}/b")
    assert given.evidence == "maps"
    alone = load(path, {})
    assert (alone.runs, alone.limits.concurrency, alone.limits.attempts) == ("/file", 1, 1)
    assert alone.become is False


def test_every_mistake_is_listed_with_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "runs: runs\n"
        'limits: {concurrency: "10", dns: 3, idle_s: -1, tcp_s: .nan}\n'
        'mail: {from: "a@b.org\\nBcc: x@y.org", server: mx, password: hunter2}\n'
        "broker: redis://:hunter2@broker/0\n"
        "evidence: smap\n"
        "shedules: []\n"
        "ssh: {known_hosts: /x, host_key_policy: none}\n"
        "schedules:\n"
        "  - {name: n, hosts: 'prod-*', crontab: '61 2 * * *', timezone: Mars, mail: [x@@y.org]}\n"
        "  - {hosts: ','}\n",
    )
    found = mistakes(path)
    assert sorted(found) == sorted(
        [
            "runs, line 1: must be an absolute path or begin with ~/, not 'runs'",
            "limits.concurrency, line 2: must be a whole number, not '10'",
            "limits.dns, line 2: there is no such setting (did you mean dns_s?)",
            "limits.idle_s, line 2: must be greater than 0, not -1",
            "limits.tcp_s, line 2: must be less than or equal to 3600, not nan",
            (
                "mail.from, line 3: must be ops@example.org, or Ops <ops@example.org>,"
                " not 'a@b.org\\nBcc: x@y.org'"
            ),
            (
                "mail.password, line 3: there is no such setting"
                " (put it into a separate file, and name that file in password_file)"
            ),
            (
                "broker, line 4: must not hold a password, a user or options: put the password into"
                " broker_password_file or MAPSWEEP_BROKER_PASSWORD, a user into broker_username"
            ),
            "evidence, line 5: must be 'maps' or 'smaps', not 'smap'",
            "shedules, line 6: there is no such setting (did you mean schedules?)",
            "ssh.known_hosts, line 7: must be a list, not '/x'",
            "ssh.host_key_policy, line 7: must be 'strict', 'accept-new' or 'off', not 'none'",
            "schedules.0.crontab, line 9: minute: '61' is not from 0 to 59",
            (
                "schedules.0.timezone, line 9: 'Mars' is not a time zone of the IANA database,"
                " such as Europe/Berlin"
            ),
            "schedules.0.mail.0, line 9: must be a bare address such as ops@example.org, not 'x@@y.org'",
            "schedules.1.name: is missing",
            "schedules.1.crontab: is missing",
            "schedules.1.hosts, line 10: must name hosts; all names every host",
        ]
    )
    assert "hunter2" not in "".join(found)


def test_mistakes_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path, "{}")
    assert mistakes(path, MAPSWEEP_LIMITS_CONCURRENCY="many", MAPSWEEP_BECOME="perhaps") == [
        "MAPSWEEP_BECOME: must be true or false, not 'perhaps'",
        "MAPSWEEP_LIMITS_CONCURRENCY: must be a whole number, not 'many'",
    ]
    with pytest.raises(
        OperatorError, match=r"^--limits.concurrency: must be less than or equal to 1000, not 1001$"
    ):
        load(path, {}, {"limits.concurrency": 1001})
    assert mistakes(tmp_path / "absent.yaml") == [
        f"cannot be read: No such file or directory ({tmp_path}/absent.yaml)"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- runs\n", "must be a mapping of settings"),
        ("runs: [\n", "is not YAML"),
        ("2020-01-01: x\n", "2020-01-01, line 1: there is no such setting"),
        ("mail: !vault x\n", "is encrypted with ansible-vault"),
        ("limits:\n", "limits, line 1: must be a mapping"),
        ("limits: {concurrency: 0}\n", "must be greater than or equal to 1"),
        ("limits: {concurrency: yes}\n", "must be a whole number, not True"),
        ("runs: s3://key:hunter2@bucket/runs\n", "must not hold a password"),
        ("runs: s3://hunter2@bucket/runs\n", "must not hold a password"),
        ("runs: az://bucket/runs?sig=hunter2\n", "must not hold a password"),
        ("runs: abfs://a:hunter2@b/runs\n", "must not hold a password"),
        ("broker: redis://hunter2@h/0\n", "must not hold a password"),
        ("broker: redis://h/0?password=hunter2\n", "must not hold a password"),
        ("broker: redis://[hunter2@h/0\n", "must not hold a password"),
        ("broker: 'redis://h/0#hunter2'\n", "must not hold a password"),
        ("broker: redis://[h/0\n", "has an invalid host or port"),
        ("broker: amqp://h\n", "must be redis://"),
        ("broker: redis://h:99999\n", "has an invalid host or port"),
        ("schedules: [{name: a, hosts: x, crontab: 0 0 31 2 *}]\n", "no day matches"),
        ("schedules: [{name: a/b, hosts: x, crontab: 0 0 * * *}]\n", "must be 1 to 60 of"),
        (
            "schedules: [{name: a, hosts: x, crontab: 0 0 * * *}, {name: a, hosts: y, crontab: 0 1 * * *}]\n",
            "schedules.1.name, line 1: a is the name of another schedule",
        ),
        (
            "schedules: [{name: a, hosts: x, crontab: 0 0 * * *, mail: [a@b.org]}]\n",
            "schedules.0.mail, line 1: cannot be mailed without a mail server",
        ),
    ],
)
def test_what_is_no_setting(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(write(tmp_path, text))[0]
    assert said in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "address", ["a@b.org, c@d.org", "a b@c.org", "<a@b.org>", "a@b.org\r", "@b.org", "ä@b.org", "a@b-"]
)
def test_addresses(tmp_path: Path, address: str) -> None:
    shown = f"{address!r}".replace("'", '"')
    sender = f"mail: {{server: mx, from: {shown}}}\n"
    assert "must be ops@example.org, or Ops <ops@example.org>" in mistakes(write(tmp_path, sender))[0]
    owner = f"mail: {{server: mx, from: m@x.org, owners: {{payments: [{shown}]}}}}\n"
    mistake, *_ = mistakes(write(tmp_path, owner))
    assert mistake.startswith("mail.owners.payments.0, line 1: must be a bare address")


def test_a_sender_may_have_a_name(tmp_path: Path) -> None:
    text = "mail: {server: mx, from: 'Speicher der Flotte, Gr\u00f6\u00dfen <m@x.org>'}\n"
    assert "must be ops@example.org" in mistakes(write(tmp_path, text))[0]  # a comma parts addresses
    mail = load(write(tmp_path, text.replace(",  ", " ").replace("Flotte,", "Flotte")), {}).mail
    assert mail is not None
    assert mail.sender == "Speicher der Flotte Gr\u00f6\u00dfen <m@x.org>"


@pytest.mark.parametrize(
    ("owners", "told"),
    [
        ("{payments: []}", "mail.owners.payments, line 2"),
        ("{'': [a@b.org]}", "must be the text of a label `owner`"),
        ("{payments: a@b.org}", "must be a list"),
        ("[payments]", "mail.owners, line 2"),
    ],
)
def test_owners(tmp_path: Path, owners: str, told: str) -> None:
    text = f"mail: {{server: mx, from: a@b.org,\n  owners: {owners}}}\n"
    assert told in mistakes(write(tmp_path, text))[0]


def test_a_digest_needs_somebody_to_get_it(tmp_path: Path) -> None:
    text = (
        "mail: {server: mx, from: a@b.org}\n"
        "schedules: [{name: n, hosts: all, crontab: 0 2 * * *, digest: 0 8 * * mon}]\n"
    )
    assert mistakes(write(tmp_path, text)) == [
        "schedules.0.digest, line 2: would be mailed to nobody (name the addresses in `mail`)"
    ]
    wrong = text.replace("0 8 * * mon", "mon 08:00").replace("02 * * *,", "02 * * *, mail: [a@b.org],")
    assert "a crontab has five fields" in mistakes(write(tmp_path, wrong))[0]


def test_a_bare_off_of_yaml_is_the_policy(tmp_path: Path) -> None:
    given = load(write(tmp_path, "ssh: {host_key_policy: off}\n"), {})
    assert given.ssh.host_key_policy == "off"


def test_unknown_variables_warn(tmp_path: Path) -> None:
    given = load(write(tmp_path, "{}"), {"MAPSWEEP_LIMITS_CONCURENCY": "3", "MAPSWEEP_KEY_PASSPHRASE": "x"})
    assert given.warnings == (
        "MAPSWEEP_LIMITS_CONCURENCY: there is no such setting; did you mean MAPSWEEP_LIMITS_CONCURRENCY?",
    )


def test_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own, system = tmp_path / "own/mapsweep", tmp_path / "etc"
    monkeypatch.setattr(settings, "SYSTEM_FOLDER", system)
    environment = {"XDG_CONFIG_HOME": str(own.parent)}
    assert load(None, environment).file is None
    assert settings_folders(environment) == (own, system)
    for folder in (system, own):
        path = write(folder, "{}")
        assert load(None, environment).file == path
    own.chmod(0o777)
    given = load(None, environment)
    assert given.file == system / "mapsweep.yaml"
    assert "everybody may write into its folder" in given.warnings[0]
    named = write(tmp_path, "{}", "named.yaml")
    assert load(None, environment | {"MAPSWEEP_CONFIG": str(named)}).file == named
    assert load(path, environment | {"MAPSWEEP_CONFIG": str(named)}).file == path


def test_settings_of_the_working_directory_are_read_only_if_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "own")}
    repository = tmp_path / "repository"
    here = write(repository, "inventory: /proc/self/cwd/a-program\n")
    monkeypatch.chdir(repository)
    with pytest.raises(OperatorError, match="not read unless it is named") as caught:
        load(None, environment)
    assert f"{here}: " in str(caught.value)
    assert "--config mapsweep.yaml" in str(caught.value)
    assert load("mapsweep.yaml", environment).inventory == ("/proc/self/cwd/a-program",)
    assert load(None, environment | {"MAPSWEEP_CONFIG": "mapsweep.yaml"}).file == here
    own = write(tmp_path / "own/mapsweep", "{}")
    with pytest.raises(OperatorError, match="not read unless it is named"):
        load(None, environment)
    monkeypatch.chdir(own.parent)
    assert load(None, environment).file == own


def test_inventory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "SYSTEM_FOLDER", tmp_path / "etc")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "own")}
    given = load(None, environment)
    with pytest.raises(OperatorError, match="there is no inventory") as caught:
        find_inventory(given, environment)
    assert f"{tmp_path}/etc/inventory.yaml" in str(caught.value)
    path = write(tmp_path / "etc", "{}", "inventory.yaml")
    assert find_inventory(given, environment) == (str(path),)
    named = load(None, environment | {"MAPSWEEP_INVENTORY": "some.yaml"})
    assert find_inventory(named, environment) == (str(tmp_path / "some.yaml"),)


def test_passwords(tmp_path: Path) -> None:
    path = write(tmp_path, "from file\r\n", "secret")
    assert password(str(path), "MAPSWEEP_X", {}) == "from file"
    assert password(str(path), "MAPSWEEP_X", {"MAPSWEEP_X": "from environment"}) == "from environment"
    assert password(None, "MAPSWEEP_X", {}) == ""
    for content in (b"", b"\n", b"a\nb\n", b"x" * 4097, b"\xff"):
        path.write_bytes(content)
        with pytest.raises(OperatorError, match=r"secret"):
            password(str(path), "MAPSWEEP_X", {})
    path.write_bytes(b"x" * 4096)
    assert len(password(str(path), "MAPSWEEP_X", {})) == 4096
    with pytest.raises(OperatorError, match="No such file"):
        password(str(tmp_path / "absent"), "MAPSWEEP_X", {})


def test_a_signing_key(tmp_path: Path) -> None:
    path = write(tmp_path, "k" * 32 + "\n", "key")
    given = load(write(tmp_path, f"signing_key_file: {path}\n"), {})
    for mode in (0o604, 0o602, 0o644):
        path.chmod(mode)
        with pytest.raises(OperatorError, match=r"key: .*every account of this machine may read.*chmod o="):
            signing_key(given, {})
    path.chmod(0o640)
    assert signing_key(given, {}) == b"k" * 32
    assert signing_key(given, {"MAPSWEEP_SIGNING_KEY": "e" * 33}) == b"e" * 33
    assert signing_key(load(write(tmp_path, ""), {}), {}) == b""
    path.write_text("hunter2" + "k" * 24)
    for environment in ({}, {"MAPSWEEP_SIGNING_KEY": "hunter2"}):
        with pytest.raises(OperatorError, match="fewer than 32 bytes") as raised:
            signing_key(given, environment)
        assert "hunter2" not in str(raised.value)
    path.unlink()
    with pytest.raises(OperatorError, match="No such file"):
        signing_key(given, {})


def test_a_worker_reads_the_secrets_that_its_queues_need(tmp_path: Path) -> None:
    """As in docker-compose.yml: one settings file for all, and each has its own secrets only."""
    names = ("broker", "key", "passphrase", "mail")
    files = {name: write(tmp_path, name * 8, name) for name in names}
    for file in files.values():
        file.chmod(0o600)
    text = (
        f"broker: redis://broker/0\nbroker_password_file: {files['broker']}\n"
        f"signing_key_file: {files['key']}\nssh: {{passphrase_file: {files['passphrase']}}}\n"
        f"mail: {{from: a@b.org, server: mx, password_file: {files['mail']}}}\n"
    )
    files["key"].write_text("k" * 32)
    given = load(write(tmp_path, text), {})
    for queues, needed in (
        (("collect",), {"broker", "key", "passphrase"}),
        (("report",), {"broker", "key", "mail"}),
        (("classify",), {"broker"}),
        ((), {"broker"}),
    ):
        found = worker_settings(given, {}, queues)
        held = {
            "broker": found.broker_password,
            "key": found.signing_key,
            "passphrase": found.access.credentials.passphrase,
            "mail": found.mail,
        }
        assert {name for name, secret in held.items() if secret} == needed
        for name in names:
            moved = files[name].rename(tmp_path / "away")
            if name in needed:
                with pytest.raises(OperatorError, match="No such file"):
                    worker_settings(given, {}, queues)
            else:
                worker_settings(given, {}, queues)
            moved.rename(files[name])


def test_limits_are_the_archives() -> None:
    assert {field.name for field in fields(LimitSchema)} == {field.name for field in fields(Limits)}


def test_every_key_is_documented() -> None:
    assert all(row.about.meaning for row in rows())
    assert (ROOT / "docs/settings.md").read_text().partition(docs.MARK)[2] == "\n" + docs.tables()


def test_the_example_says_every_key_and_its_default(tmp_path: Path) -> None:
    example = (ROOT / "mapsweep.yaml.example").read_text()
    for row in rows():
        assert f"{row.path.split('.')[-1].split('[')[0]}:" in example, row.path
    given = load(write(tmp_path, example), {})
    assert given.limits.limits() == Limits()
    assert given.schedules


def test_what_is_kept_is_for_ever_unless_the_section_is_there(tmp_path: Path) -> None:
    assert load(write(tmp_path, "become: true\n"), {}).keep is None
    for text in ("keep:\n", "keep: {}\n"):
        keep = load(write(tmp_path, text), {}).keep
        assert keep is not None
        assert keep.keep() == Keep(days=90, dumps_days=7, runs_at_least=PAST_RUNS_MAX)
    keep = load(write(tmp_path, "keep: {days: 0, dumps_days: 3650, runs_at_least: 1}\n"), {}).keep
    assert keep is not None
    assert keep.keep() == Keep(days=0, dumps_days=3650, runs_at_least=1)
    assert load(None, {"MAPSWEEP_KEEP_DAYS": "30"}).keep is not None


@pytest.mark.parametrize(
    ("key", "value"),
    [("days", -1), ("days", 3651), ("dumps_days", -1), ("dumps_days", 3651), ("runs_at_least", 0)],
)
def test_what_is_kept_has_bounds(key: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=rf"keep\.{key}.*must be"):
        load(write(tmp_path, f"keep: {{{key}: {value}}}\n"), {})


MUTE = "mutes: [{{code: many_arenas, reason: known, until: {until}{more}}}]\n"


def in_days(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).isoformat()


def test_a_mute_has_a_reason_and_a_last_day(tmp_path: Path) -> None:
    until = in_days(MUTED_DAYS_MAX)
    (mute,) = load(write(tmp_path, MUTE.format(until=until, more=", hosts: 'web*'")), {}).mutes
    assert mute.mute() == Mute("many_arenas", hosts="web*", reason="known", until=until)
    assert load(write(tmp_path, MUTE.format(until="2020-01-01", more="")), {}).mutes  # over: no mistake


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mutes: [{code: swapped, until: 2026-12-01}]", "mutes.0.reason: is missing"),
        ("mutes: [{code: swapped, reason: known}]", "mutes.0.until: is missing"),
        ("mutes: [{reason: known, until: 2026-12-01}]", "mutes.0.code: is missing"),
        (MUTE.format(until=in_days(MUTED_DAYS_MAX + 2), more=""), "must be at most 366 days from today"),
        (MUTE.format(until="'2026-02-30'", more=""), "must be a day such as 2027-06-30"),
        (MUTE.format(until="2026-12-01 10:00:00", more=""), "must be a day such as 2027-06-30"),
        (MUTE.format(until="soon", more=""), "must be a day such as 2027-06-30"),
        (MUTE.format(until="2026-12-01", more=", service: ''"), "must be a pattern of 1 to 200 characters"),
        (MUTE.format(until="2026-12-01", more=f", hosts: {'a' * 201}"), "must be a pattern"),
        ("mutes: [{code: Arenas!, reason: known, until: 2026-12-01}]", "must be the code of a finding"),
        ("mutes: [{code: swapped, reason: ' ', until: 2026-12-01}]", "must say why"),
        ("mutes: [{code: swapped, reason: '" + "a" * 201 + "', until: 2026-12-01}]", "must say why"),
        ("mutes: [{code: '*', reason: known, until: 2026-12-01}]", "would mute every finding"),
        ("mutes: [{code: '*', hosts: all, reason: known, until: 2026-12-01}]", "would mute every finding"),
    ],
)
def test_mutes_that_are_wrong(tmp_path: Path, text: str, told: str) -> None:
    (mistake,) = mistakes(write(tmp_path, text))
    assert told in mistake


def test_there_are_so_many_mutes_at_most(tmp_path: Path) -> None:
    def of(count: int) -> Path:
        each = "  - {code: swapped, reason: known, until: 2026-12-01}\n"
        return write(tmp_path, "mutes:\n" + each * count)

    assert len(load(of(MUTES_MAX), {}).mutes) == MUTES_MAX
    assert mistakes(of(MUTES_MAX + 1))
