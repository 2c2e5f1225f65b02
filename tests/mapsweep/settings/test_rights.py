"""Files that the settings name, or are, and that every account of the machine may read or write."""

import json
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep.settings import composition, rights
from mapsweep.settings.settings import Settings, load
from tests.mapsweep.conftest import Here


def settings(folder: Path, mode: int) -> Settings:
    """Settings that name a file of each kind, all with the same mode."""
    names = ("passphrase", "broker_password", "mail_password", "hook_url", "hook_secret", "known_hosts")
    at = {name: str(folder / name) for name in (*names, "runs")}
    for name in names:
        (folder / name).write_text("https://example.org/hook\n")
        (folder / name).chmod(mode)
    (folder / "runs").mkdir()
    (folder / "runs").chmod(mode | 0o700)
    written = {
        "runs": at["runs"],
        "broker_password_file": at["broker_password"],
        "ssh": {
            "passphrase_file": at["passphrase"],
            "known_hosts": [at["known_hosts"]],
            "accepted_keys": at["known_hosts"],
        },
        "mail": {"from": "a@example.org", "server": "mail", "password_file": at["mail_password"]},
        "webhook": {"url_file": at["hook_url"], "secret_file": at["hook_secret"]},
    }
    (folder / "mapsweep.yaml").write_text(json.dumps(written))
    return load(folder / "mapsweep.yaml", {})


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_what_is_closed_is_not_told(tmp_path: Path, mode: int) -> None:
    assert list(rights.warnings(settings(tmp_path, mode))) == []


def test_secrets_that_all_may_read_are_told(tmp_path: Path) -> None:
    secrets = ("broker_password", "passphrase", "mail_password", "hook_url", "hook_secret")
    assert list(rights.warnings(settings(tmp_path, 0o644))) == [
        f"{tmp_path / name}: every account of this machine may read this secret: chmod o= {tmp_path / name}"
        for name in secrets
    ]


def test_what_all_may_write_is_told_and_such_secrets_are_refused(tmp_path: Path) -> None:
    read = settings(tmp_path, 0o666)
    told = list(rights.warnings(read))
    assert sum("may add host keys" in each for each in told) == 2
    assert f"{tmp_path}/runs: every account of this machine may write into the runs" in told[-1]
    for make in (composition.access, composition.broker_password, composition.mail_settings):
        with pytest.raises(OperatorError, match="every account of this machine may write it"):
            make(read, {})
    with pytest.raises(OperatorError, match="every account of this machine may write it"):
        composition.webhook_settings(read, {})


def test_settings_that_all_may_write_are_refused(tmp_path: Path) -> None:
    settings(tmp_path, 0o600)
    (tmp_path / "mapsweep.yaml").chmod(0o666)
    with pytest.raises(OperatorError, match="every account of this machine may write it"):
        load(tmp_path / "mapsweep.yaml", {})


def test_a_command_tells_it(tmp_path: Path, here: Here) -> None:
    settings(tmp_path, 0o644)
    ended = here("runs", "--config", tmp_path / "mapsweep.yaml")
    assert "every account of this machine may read this secret" in " ".join(ended.err.split())
