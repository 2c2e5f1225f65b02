import os
import stat
from pathlib import Path

import pytest

from domain import yaml_document
from domain.mistakes import OperatorError
from domain.rights import all_may, exposed_mode, refuse_if_all_may_write


def made(path: Path, mode: int) -> Path:
    path.write_text("all:\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o777])
def test_what_every_account_may_write_is_not_read(tmp_path: Path, mode: int) -> None:
    path = made(tmp_path / "a file.yaml", mode)
    for read in (refuse_if_all_may_write, yaml_document.read):
        with pytest.raises(OperatorError) as refused:
            read(path)
        (mistake,) = refused.value.mistakes
        assert mistake.problem == "every account of this machine may write it"
        assert mistake.remedy == f"chmod o-w '{path}'"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664])
def test_what_a_group_may_write_is_read(tmp_path: Path, mode: int) -> None:
    """A umask of 002 is usual where each account has a group of its own."""
    yaml_document.read(made(tmp_path / "file.yaml", mode))


def test_devices_and_what_is_not_there() -> None:
    refuse_if_all_may_write(Path("/dev/null"))
    assert not all_may(Path("/nonexistent"), stat.S_IWOTH)
    assert not all_may(Path("a\0b"), stat.S_IWOTH)
    assert exposed_mode(Path("/nonexistent")) == 0


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, 0), (0o400, 0), (0o640, 0o640), (0o602, 0o602)])
def test_a_key_of_this_account_is_for_it_alone(tmp_path: Path, mode: int, exposed: int) -> None:
    assert exposed_mode(made(tmp_path / "key", mode)) == exposed


def test_who_reads_a_key_of_another_account_is_for_that_one_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mine = made(tmp_path / "key", 0o640), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert exposed_mode(path) == 0
