"""What a sweep tells of host keys: none was checked, or some were new. A real sshd."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mapsweep.settings import composition
from mapsweep.settings.settings import load
from reports.sentence.headline import SENTENCE_LENGTH_MAX, UNCHECKED_KEYS, headline
from tests.fresh_hosts import PATIENT
from tests.mapsweep.conftest import Here
from tests.mapsweep.reports_made import MIB, fleet, host
from tests.sshd import Sshd, serve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with serve(tmp_path_factory.mktemp("host_keys")) as server:
        yield server


def settings(folder: Path, sshd: Sshd, root: Path, policy: str, *, known: bool) -> tuple[str | Path, ...]:
    """The options that name an inventory of two hosts, and settings."""
    at = [sshd.host(number) for number in range(2)]
    hosts = {
        each.name: {
            "ansible_host": each.address,
            "ansible_port": each.port,
            "ansible_ssh_private_key_file": each.key_file,
            "mapsweep_root": str(root),
        }
        for each in at
    }
    (folder / "fleet.yaml").write_text(json.dumps({"all": {"hosts": hosts}}))
    (folder / "no_keys").touch()
    known_hosts = sshd.known_hosts if known else folder / "no_keys"
    ssh = {"known_hosts": [str(known_hosts)], "use_agent": False, "host_key_policy": policy}
    written = {"runs": str(folder / "runs"), "ssh": ssh, "limits": PATIENT}
    (folder / "mapsweep.yaml").write_text(json.dumps(written))
    return "-i", folder / "fleet.yaml", "--config", folder / "mapsweep.yaml"


def told(text: str) -> str:
    """What was said, without the breaks of its lines."""
    return " ".join(text.split())


def test_off_is_said_on_the_terminal_and_in_every_report(
    sshd: Sshd, made_root: Path, tmp_path: Path, here: Here
) -> None:
    options = settings(tmp_path, sshd, made_root, "off", known=False)
    ended = here("collect", *options)
    out, err = ended.out, ended.err
    assert ended.code == 0, err
    assert "host keys are not checked (ssh.host_key_policy: off)" in told(err)
    assert UNCHECKED_KEYS in told(out)
    (report,) = (tmp_path / "runs").glob("*/report")
    assert UNCHECKED_KEYS in told((report / "index.html").read_text())
    assert UNCHECKED_KEYS in json.loads((report / "report.json").read_text())["summary"]["sentence"]
    assert (report / "hosts.csv").read_text().count("its host key was not checked") == 2


def test_it_is_said_however_long_the_sentence_is() -> None:
    made = fleet([host("app-01", 900 * MIB, 8 * MIB, rank=1)])
    long = replace(made.run, rests_on="x" * 5000, scope="y" * 500, unchecked_keys=1)
    sentence = headline(replace(made, run=long)).sentence
    assert sentence.endswith(UNCHECKED_KEYS)
    assert len(sentence) <= SENTENCE_LENGTH_MAX
    assert UNCHECKED_KEYS not in headline(made).sentence


def test_new_keys_are_told_and_kept_and_then_known(
    sshd: Sshd, made_root: Path, tmp_path: Path, here: Here
) -> None:
    options = settings(tmp_path, sshd, made_root, "accept-new", known=False)
    ended = here("collect", *options)
    err = ended.err
    assert ended.code == 0, err
    kept = tmp_path / "runs/accepted_keys"
    assert f"2 new host keys were accepted, and kept in {kept}:" in told(err)
    public = (sshd.folder / "hostkey.pub").read_text().split()[1]
    for line in kept.read_text().splitlines():
        name, kind, blob = line.split()
        assert blob == public
        assert f"{name} {kind} SHA256:" in told(err)
    ended = here("collect", *options)
    out, err = ended.out, ended.err
    assert ended.code == 0, err
    assert "new host key" not in err
    assert UNCHECKED_KEYS not in told(out)


def test_runs_in_a_file_are_the_operators_mistake(
    sshd: Sshd, made_root: Path, tmp_path: Path, here: Here
) -> None:
    (tmp_path / "runs").write_text("")
    ended = here("collect", *settings(tmp_path, sshd, made_root, "strict", known=True))
    assert ended.code == 2
    assert f"{tmp_path / 'runs'}: is not a folder" in told(ended.err)


def test_keys_are_kept_on_this_machine_where_others_write_the_runs(tmp_path: Path) -> None:
    (tmp_path / "mapsweep.yaml").write_text('{"runs": "s3://runs/here"}')
    far = load(tmp_path / "mapsweep.yaml", {})
    state = {"STATE_DIRECTORY": str(tmp_path / "state")}
    assert composition.accepted_keys(far, state) == tmp_path / "state/accepted_keys"
    assert composition.access(far, state).accepted_keys == tmp_path / "state/accepted_keys"
    (tmp_path / "mapsweep.yaml").write_text(json.dumps({"runs": f"file://{tmp_path}/runs"}))
    assert (
        composition.accepted_keys(load(tmp_path / "mapsweep.yaml", {}), state)
        == tmp_path / "runs/accepted_keys"
    )
    (tmp_path / "mapsweep.yaml").write_text(
        json.dumps({"runs": str(tmp_path / "runs"), "broker": "redis://127.0.0.1:6379/0"})
    )  # workers that read what hosts send write into the runs
    fleet = load(tmp_path / "mapsweep.yaml", {})
    assert composition.accepted_keys(fleet, state) == tmp_path / "state/accepted_keys"
