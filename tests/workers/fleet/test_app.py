import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from domain.mistakes import OperatorError
from tests.certificates import self_signed
from tests.ports import free_port
from tests.redis_server import redis_server
from tests.workers.tls import ForgedServer
from workers.fleet.app import celery_app
from workers.fleet.broker import KEY_PREFIX, broker_url, redis_client, require_broker
from workers.fleet.worker_settings import WorkerSettings


def settings(url: str, password: str = "") -> WorkerSettings:
    return WorkerSettings(url, "/nowhere", broker_password=password)


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("redis://127.0.0.1:6380/2", "", "redis://127.0.0.1:6380/2"),
        ("redis://host/2", "p@ss/w:rd", "redis://:p%40ss%2Fw%3Ard@host:6379/2"),
        ("redis://localhost/2", "", "redis://localhost:6379/2"),
        ("rediss://host:1/0", "x", "rediss://:x@host:1/0"),
        ("redis://[::1]:6379/0", "x", "redis://:x@[::1]:6379/0"),
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


def test_an_account_of_the_broker_has_its_name_in_the_url() -> None:
    given = replace(settings("rediss://host:1/0", "x"), broker_username="m:e")
    assert broker_url(given) == "rediss://m%3Ae:x@host:1/0"


@pytest.mark.parametrize(
    "host", ["redis", "10.0.0.1", "[2001:db8::1]", "localhost.example.org", "127.0.0.1.nip.io"]
)
def test_a_broker_elsewhere_has_a_password_unless_it_is_said_to_have_none(host: str) -> None:
    given = settings(f"redis://{host}:6379/0")
    for use in (broker_url, celery_app, redis_client):
        with pytest.raises(OperatorError, match=r"has no password.*broker_without_password"):
            use(given)
    assert broker_url(replace(given, broker_without_password=True)) == f"redis://{host}:6379/0"


def test_no_password_is_shown() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    given = settings(url, "hunter2")
    with pytest.raises(OperatorError) as raised:
        require_broker(given)
    assert "hunter" not in str(raised.value)
    assert "start Redis there" in str(raised.value)
    assert "hunter2" not in repr(given)
    assert "hunter2" not in repr(replace(given, signing_key=b"hunter2"))


@pytest.mark.parametrize(
    "url",
    [
        "rediss://host/0?ssl_cert_reqs=none",
        "rediss://host/0?ssl_check_hostname=false",
        "rediss://host/0?ssl_ca_certs=/tmp/hunter",
        "redis://host/0?password=hunter",
        "redis://host/0?password=a@hunter",
        "redis://host/0?credential_provider=hunter",
        "redis://:hunter?x@host/0",
        "redis://:hunter/x@host/0",
        "redis://host/0#hunter",
        "rediss://host/0;redis://hunter",
        "redis://hunter@host/0",
        "redis://:hunter@host/0",
        "redis://:hunter@127.0.0.1/0",
        "redis://me:hunter@host/0",
    ],
)
def test_options_in_the_url_are_refused_and_not_shown(url: str) -> None:
    for use in (broker_url, celery_app, redis_client):
        with pytest.raises(OperatorError) as raised:
            use(settings(url, "given"))  # with a password, so that nothing else is wrong
        assert "hunter" not in str(raised.value)
        assert "broker" in str(raised.value)


def test_a_forged_certificate_is_sent_nothing(tmp_path: Path) -> None:
    with ForgedServer(tmp_path) as server:
        given = settings(f"rediss://127.0.0.1:{server.port}/0", "hunter2")
        with redis_client(given) as client, pytest.raises(redis.ConnectionError, match=r"(?i)certificate"):
            client.ping()
        ours = server.attempts
        assert ours > 0
        app = celery_app(given)
        with (
            app.connection_for_write() as connection,
            pytest.raises(OperationalError, match=r"(?i)certificate"),
        ):
            connection.ensure_connection(max_retries=1, interval_start=0)
        assert server.attempts > ours
        with pytest.raises(OperatorError, match=r"(?i)certificate.*in broker_ca_file"):
            require_broker(given)
    assert server.received == b""


def test_a_forged_certificate_is_sent_nothing_where_another_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "trusted").mkdir()
    trusted = self_signed(tmp_path / "trusted")
    with ForgedServer(tmp_path) as server:
        given = replace(settings(f"rediss://127.0.0.1:{server.port}/0", "hunter2"), broker_ca_file=trusted)
        with pytest.raises(OperatorError, match=r"(?i)certificate"):
            require_broker(given)
        app = celery_app(given)
        with (
            app.connection_for_write() as connection,
            pytest.raises(OperationalError, match=r"(?i)certificate"),
        ):
            connection.ensure_connection(max_retries=1, interval_start=0)
        assert server.attempts > 1
    assert server.received == b""


def test_a_broker_is_trusted_by_its_own_certificate(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with redis_server(certificate=certificate) as server:
        given = settings(f"rediss://127.0.0.1:{server.port}/0", server.password)
        with pytest.raises(OperatorError, match=r"(?i)certificate"):
            require_broker(given)
        given = replace(given, broker_ca_file=certificate)
        require_broker(given)
        with celery_app(given).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
        wrong_name = replace(given, broker_url=f"rediss://localhost:{server.port}/0")
        with pytest.raises(OperatorError, match=r"(?i)certificate"):
            require_broker(wrong_name)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"", "no certificates"), (b"x", "no certificates")]
)
def test_a_file_of_certificates_that_holds_none_is_named(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    given = replace(settings("rediss://127.0.0.1/0"), broker_ca_file=path)
    for use in (celery_app, redis_client):
        with pytest.raises(OperatorError, match=rf"ca\.pem: cannot be used: {said}.*broker_ca_file"):
            use(given)
    with pytest.raises(OperatorError, match="begin its URL with rediss://"):
        redis_client(replace(given, broker_url="redis://127.0.0.1/0"))


def test_a_forged_server_would_record_what_it_is_sent(tmp_path: Path) -> None:
    with ForgedServer(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port)) as raw:
        context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as talk:
            talk.sendall(b"PING")
            assert talk.recv(10) == b"+OK\r\n"
    assert server.received == b"PING"


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
