"""What several tests of the workers need."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.examples import SIGNING_KEY
from tests.redis_server import RedisServer, redis_server
from tests.workers.worker_process import PACE
from workers.fleet.post import Post, post_office
from workers.fleet.worker_settings import WorkerSettings


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key to log in with; no host here gets as far as to look at it."""
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture
def settings(server: RedisServer, tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(
        server.url,
        str(tmp_path / "runs"),
        signing_key=SIGNING_KEY,
        broker_password=server.password,
        pace=PACE,
    )


@pytest.fixture
def post(settings: WorkerSettings) -> Iterator[Post]:
    office = post_office(settings)
    office.redis.flushall()
    yield office
    office.redis.close()
