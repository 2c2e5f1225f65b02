from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.ssh.keys import Credentials, Keyring
from tests import sshd
from tests.sshd import Sshd, keygen


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd; its 127.x.y.z are the hosts."""
    with sshd.serve(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def tree(made_root: Path) -> str:
    """Of a host of few processes, where only the way to it matters: a real one may have thousands."""
    return str(made_root)


@pytest.fixture
def keyring() -> Keyring:
    """No key but the one that a host names."""
    return Keyring(Credentials(use_agent=False, default_key_files=()))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key that no server knows."""
    keygen(tmp_path / "key")
    return tmp_path / "key"
