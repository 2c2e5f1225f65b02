"""What is posted arrives signed, once, at the address of the settings; whatever the server does, it ends."""

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from reports.mail.delivery import DeliveryError
from reports.webhook.hook_delivery import ANSWER_CHARS_MAX, WEBHOOK, key_of, post
from reports.webhook.hook_settings import HookSettings
from tests.hooks import Receiver, hook_server
from tests.ports import free_port

SECRET = b"a secret that both know"
BODY = b'{"text":"news"}\n'
KEY = key_of("20261130T020000Z-nightly-0001", BODY)


def settings(receiver: Receiver, **more: object) -> HookSettings:
    given: dict[str, object] = {
        "secret": SECRET,
        "timeout_s": 60.0,
        "attempts": 1,
        "ca_file": receiver.ca_file,
    }
    return replace(HookSettings(receiver.url), **{**given, **more})  # type: ignore[arg-type]


def failed(*answers: int | str, **more: object) -> tuple[DeliveryError, Receiver]:
    with hook_server(*answers) as receiver, pytest.raises(DeliveryError) as error:
        post(BODY, KEY, settings(receiver, **more), wait=lambda _: None)
    return error.value, receiver


def test_a_request_is_signed_and_has_its_key(tmp_path: Path) -> None:
    with hook_server(tls_in=tmp_path) as receiver:
        done = post(BODY, KEY, settings(receiver))
    (request,) = receiver.requests
    assert (done.message_id, done.accepted, request.body) == (KEY, (WEBHOOK,), BODY)
    assert request.path == "/hooks/T0KEN?key=s3cret"
    assert request.headers["idempotency-key"] == KEY
    expected = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()
    assert request.headers["x-mapsweep-signature-256"] == f"sha256={expected}"
    assert request.headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed() -> None:
    with hook_server() as receiver:
        post(BODY, KEY, settings(receiver, secret=b""))
    assert "x-mapsweep-signature-256" not in receiver.requests[0].headers


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with hook_server(tls_in=tmp_path) as receiver, pytest.raises(DeliveryError, match="is not trusted"):
        post(BODY, KEY, settings(receiver, ca_file=""))
    assert receiver.requests == []


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    with hook_server(tls_in=tmp_path) as receiver:
        other = receiver.url.replace("127.0.0.1", "localhost")
        with pytest.raises(DeliveryError, match="is not trusted"):
            post(BODY, KEY, replace(settings(receiver), url=other))
    assert receiver.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_temporary_is_tried_again_with_the_same_key(status: int) -> None:
    waits: list[float] = []
    told: list[str] = []
    with hook_server(status, status) as receiver:
        post(BODY, KEY, settings(receiver, attempts=3), wait=waits.append, tell=told.append)
    assert receiver.keys == [KEY] * 3
    assert waits == [2.0, 4.0]
    assert all(f"it is tried again in {pause} s" in said for pause, said in zip((2, 4), told, strict=True))
    assert all(str(status) in said for said in told)


def test_a_server_that_stays_down_is_given_up_for_now() -> None:
    error, receiver = failed(500, 500, 500, attempts=2)
    assert len(receiver.requests) == 2
    assert "did not take it: 500" in error.reason
    assert (error.is_cut_off, error.refused) == (False, ())


@pytest.mark.parametrize("answer", ["dropped", "nonsense", 502, 504])
def test_what_may_have_been_taken_is_not_tried_again_at_once(answer: int | str) -> None:
    error, receiver = failed(answer, attempts=3)
    assert error.is_cut_off
    assert "did not say whether it took the request" in error.reason
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("manner", ["silent", "dripping"])
def test_a_server_that_does_not_end_its_answer_is_left_in_time(manner: str) -> None:
    error, receiver = failed(manner, timeout_s=3.0)
    assert error.is_cut_off
    assert error.reason.endswith(("no answer within 3 s", "timed out"))
    assert len(receiver.requests) == 1


def test_an_answer_without_end_is_not_read() -> None:
    with hook_server("endless") as receiver:
        assert post(BODY, KEY, settings(receiver)).accepted


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with hook_server() as other, hook_server(status) as receiver:
        receiver.location = other.url
        with pytest.raises(DeliveryError, match=r"redirects to 127\.0\.0\.1:.*is not followed") as error:
            post(BODY, KEY, settings(receiver, attempts=3))
    assert (len(receiver.requests), other.requests) == (1, [])
    assert "T0KEN" not in error.value.reason
    assert error.value.refused == ()  # the operator can mend the address, so it is tried again


@pytest.mark.parametrize("status", [400, 410, 422])
def test_what_is_never_taken_is_not_tried_again(status: int) -> None:
    error, receiver = failed(status, attempts=3)
    assert len(receiver.requests) == 1
    assert [each.is_final for each in error.refused] == [True]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_the_operator_can_mend_is_tried_again_later(status: int) -> None:
    error, _ = failed(status)
    assert (error.refused, error.is_cut_off) == ((), False)


def test_a_server_that_refuses_before_the_body_is_heard() -> None:
    error, receiver = failed("unread")
    assert "413 too large" in error.reason
    assert receiver.requests == []


def test_a_server_that_hangs_up_in_the_middle_of_the_body_has_not_got_it() -> None:
    large = b" " * (32 * 2**20)  # more than the buffers between the two hold
    with hook_server("deaf") as receiver, pytest.raises(DeliveryError) as error:
        post(large, KEY, settings(receiver))
    assert not error.value.is_cut_off


def test_a_server_that_is_away_is_named_without_the_path() -> None:
    away = HookSettings(f"http://127.0.0.1:{free_port()}/hooks/T0KEN", attempts=1)
    with pytest.raises(DeliveryError) as error:
        post(BODY, KEY, away)
    assert error.value.reason == f"{away.place}: Connection refused"


def test_no_message_tells_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with hook_server(400, 200) as receiver:
        receiver.said = b"no /hooks/T0KEN?key=s3cret signed by " + SECRET + b"\x1b[2J" + b"x" * 5000
        hook = settings(receiver)
        with pytest.raises(DeliveryError) as error:
            post(BODY, KEY, hook)
        post(BODY, KEY, hook)
    told = error.value.reason + caplog.text + repr(hook)
    assert [each for each in ("T0KEN", "s3cret", SECRET.decode(), "\x1b") if each in told] == []
    assert len(error.value.reason) < ANSWER_CHARS_MAX + 100


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook_server() as proxy, hook_server() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        post(BODY, KEY, settings(receiver))
    assert (len(receiver.requests), proxy.requests) == (1, [])


def test_the_key_follows_the_run_and_the_document() -> None:
    assert len({key_of("a", BODY), key_of("b", BODY), key_of("a", BODY + b"\n")}) == 3
    assert key_of("a", BODY) == key_of("a", BODY)
