from collections.abc import Iterator

import pytest

from collector.ssh.keys import Credentials, Keyring
from tests import sshd
from tests.sshd import Sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd; its 127.x.y.z are the hosts."""
    with sshd.serve(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def keyring() -> Keyring:
    """No key but the one that a host names."""
    return Keyring(Credentials(use_agent=False, default_key_files=()))
