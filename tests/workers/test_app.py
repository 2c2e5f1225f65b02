import pytest

from archive.mistakes import OperatorError
from tests.redis_server import free_port, redis_server
from workers.app import KEY_PREFIX, WorkerSettings, broker_url, celery_app, require_broker


def settings(url: str, password: str = "") -> WorkerSettings:
    return WorkerSettings(url, "/nowhere", broker_password=password)


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("redis://host:6380/2", "", "redis://host:6380/2"),
        ("redis://host/2", "p@ss/w:rd", "redis://:p%40ss%2Fw%3Ard@host:6379/2"),
        ("rediss://me@host:1/0", "x", "rediss://me:x@host:1/0"),
        ("redis://[::1]:6379/0", "x", "redis://:x@[::1]:6379/0"),
        ("redis://:old@host:6379/0", "new", "redis://:new@host:6379/0"),
    ],
)
def test_the_password_is_put_into_the_url(url: str, password: str, expected: str) -> None:
    assert broker_url(settings(url, password)) == expected


@pytest.mark.parametrize(
    "url", ["", "host:6379", "amqp://host", "redis://", "redis://[::1", "redis://host:port/0"]
)
def test_what_is_no_redis_url_is_the_operators_mistake(url: str) -> None:
    with pytest.raises(OperatorError):
        broker_url(settings(url, "secret"))


def test_no_password_is_shown() -> None:
    url = f"redis://:hunter1@127.0.0.1:{free_port()}/0"
    given = settings(url, "hunter2")
    with pytest.raises(OperatorError) as raised:
        require_broker(given)
    assert "hunter" not in str(raised.value)
    assert "hunter2" not in repr(given)


def test_a_broker_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(OperatorError, match=f"127.0.0.1:{port}/0: does not answer"):
        require_broker(settings(f"redis://127.0.0.1:{port}/0"))


def test_a_broker_that_refuses_the_password_is_named() -> None:
    with redis_server() as server:
        require_broker(settings(server.url, server.password))
        for password in ("", "wrong"):
            with pytest.raises(OperatorError, match="refuses"):
                require_broker(settings(server.url, password), wait_s=30)


def test_only_json_is_spoken_and_keys_are_ours() -> None:
    conf = celery_app(settings("redis://127.0.0.1/0")).conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.task_ignore_result
    assert conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"] / 2
    assert conf.broker_transport_options["global_keyprefix"] == KEY_PREFIX
