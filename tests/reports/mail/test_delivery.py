import socket
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from reports.mail.delivery import DeliveryError, MailSettings, Security, send
from tests.smtp import PASSWORD, USERNAME, Mailbox, MailServer, mail_server


def a_message(*to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "mapsweep@example.com", ", ".join(to)
    message["Subject"], message["Message-ID"] = "a test", "<run.1@example.com>"
    message.set_content("text\n")
    return message


def settings(server: MailServer, security: Security = Security.STARTTLS) -> MailSettings:
    return MailSettings(
        "mapsweep@example.com", server.host, server.port, security, ca_file=server.ca_file, timeout_s=60
    )


def with_login(server: MailServer, password: str = PASSWORD) -> MailSettings:
    return replace(settings(server), username=USERNAME, password=password)


def test_starttls_with_a_login(tmp_path: Path) -> None:
    with mail_server(tmp_path) as server:
        delivery = send(a_message("a@example.com"), with_login(server))
    assert delivery.accepted == ("a@example.com",)
    assert delivery.message_id == "<run.1@example.com>"
    (received,) = server.mailbox.received
    assert received.encrypted
    assert received.login == USERNAME


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    with mail_server(tmp_path, "tls") as server:
        send(a_message("a@example.com"), settings(server, Security.TLS))
    assert server.mailbox.received[0].encrypted


def test_never_in_clear_where_starttls_is_asked_and_not_offered(tmp_path: Path) -> None:
    with (
        mail_server(tmp_path, "plain") as server,
        pytest.raises(DeliveryError, match=r"STARTTLS .*Set mail\.security to tls or none"),
    ):
        send(a_message("a@example.com"), settings(server))
    assert server.mailbox.received == []


def test_in_clear_where_it_is_said(tmp_path: Path) -> None:
    with mail_server(tmp_path, "plain") as server:
        send(a_message("a@example.com"), settings(server, Security.NONE))
    assert not server.mailbox.received[0].encrypted


@pytest.mark.parametrize(("offer", "security"), [("starttls", Security.STARTTLS), ("tls", Security.TLS)])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, offer: str, security: Security
) -> None:
    with (
        mail_server(tmp_path, "tls" if offer == "tls" else "starttls") as server,
        pytest.raises(DeliveryError, match="certificate"),
    ):
        send(a_message("a@example.com"), replace(settings(server, security), ca_file=""))
    assert server.mailbox.received == []


def test_no_password_in_clear_but_to_this_machine() -> None:
    far = MailSettings("m@example.com", "mail.example.com", 25, Security.NONE, username="u", password="p")
    with pytest.raises(DeliveryError, match="in clear"):
        send(a_message("a@example.com"), far)


def test_a_wrong_password_is_for_good(tmp_path: Path) -> None:
    waits: list[float] = []
    with mail_server(tmp_path) as server, pytest.raises(DeliveryError, match="refused the login: 535"):
        send(a_message("a@example.com"), with_login(server, "no"), wait=waits.append)
    assert waits == []


def test_all_of_to_cc_and_bcc_are_recipients_and_bcc_is_not_told(tmp_path: Path) -> None:
    message = a_message("a@example.com", "B <b@example.com>")
    message["Cc"], message["Bcc"] = "c@example.com", "d@example.com"
    with mail_server(tmp_path) as server:
        send(message, settings(server))
    (received,) = server.mailbox.received
    assert received.recipients == ("a@example.com", "b@example.com", "c@example.com", "d@example.com")
    assert b"d@example.com" not in received.content


def test_one_refused_recipient_does_not_cost_the_others_their_mail(tmp_path: Path) -> None:
    with mail_server(tmp_path, mailbox=Mailbox({"gone@example.com": "550 no such user"})) as server:
        delivery = send(a_message("a@example.com", "gone@example.com"), settings(server))
    assert delivery.accepted == ("a@example.com",)
    assert [(each.recipient, each.code, each.reason) for each in delivery.refused] == [
        ("gone@example.com", 550, "no such user")
    ]
    assert len(server.mailbox.received) == 1


def test_all_refused_for_good_is_an_error_at_once(tmp_path: Path) -> None:
    waits: list[float] = []
    with (
        mail_server(tmp_path, mailbox=Mailbox({"gone@example.com": "550 no such user"})) as server,
        pytest.raises(DeliveryError, match=r"gone@example.com: 550 no such user") as raised,
    ):
        send(a_message("gone@example.com"), settings(server), wait=waits.append)
    assert waits == []
    assert raised.value.refused[0].code == 550


def test_a_busy_server_is_asked_again_with_growing_pauses(tmp_path: Path) -> None:
    waits: list[float] = []
    with mail_server(tmp_path, mailbox=Mailbox(busy=2)) as server:
        send(a_message("a@example.com"), settings(server), wait=waits.append)
    assert waits == [2.0, 4.0]
    assert len(server.mailbox.received) == 1


def test_a_server_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    waits: list[float] = []
    with (
        mail_server(tmp_path, mailbox=Mailbox(busy=99)) as server,
        pytest.raises(DeliveryError, match="451 too busy"),
    ):
        send(a_message("a@example.com"), replace(settings(server), attempts=3), wait=waits.append)
    assert waits == [2.0, 4.0]
    assert server.mailbox.attempts == 3


def test_a_recipient_that_is_put_off_is_tried_again_and_gets_one_mail(tmp_path: Path) -> None:
    box = Mailbox({"later@example.com": "450 greylisted"})
    with mail_server(tmp_path, mailbox=box) as server:

        def welcome(_pause_s: float) -> None:
            box.refuse = {}

        delivery = send(a_message("a@example.com", "later@example.com"), settings(server), wait=welcome)
    assert delivery.accepted == ("a@example.com", "later@example.com")
    assert delivery.refused == ()
    assert [received.recipients for received in box.received] == [("a@example.com",), ("later@example.com",)]


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        port = taken.getsockname()[1]
        away = MailSettings("m@example.com", "127.0.0.1", port, Security.NONE, timeout_s=60)
        told: list[str] = []
        with pytest.raises(DeliveryError) as error:
            send(a_message("a@example.com"), replace(away, attempts=3), wait=lambda _: None, tell=told.append)
        refused = f"127.0.0.1:{port}: Connection refused"
        assert error.value.reason == refused
        assert told == [f"{refused}; it is tried again in {pause_s} s" for pause_s in (2, 4)]


def test_a_message_to_nobody_and_a_certificate_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="no recipient"):
        send(EmailMessage(), MailSettings("m@example.com", "127.0.0.1"))
    missing = MailSettings("m@example.com", "127.0.0.1", 1, ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(DeliveryError, match=r"none\.pem"):
        send(a_message("a@example.com"), missing)


def test_the_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(MailSettings("m@example.com", "h", password="hunter2"))


def test_after_a_421_at_one_recipient_nobody_has_it(tmp_path: Path) -> None:
    """The server hangs up before the message, so those whom it took before have nothing either."""
    to = ("a@example.com", "gone@example.com", "many@example.com", "d@example.com")
    mailbox = Mailbox({to[1]: "550 no such user", to[2]: "421 4.7.0 too many errors"})
    with mail_server(tmp_path, mailbox=mailbox) as server:
        once = replace(settings(server), attempts=1)
        with pytest.raises(DeliveryError) as raised:
            send(a_message(*to), once)
        assert {each.recipient: each.code for each in raised.value.refused} == {
            to[0]: 421,
            to[1]: 550,
            to[2]: 421,
            to[3]: 421,
        }
        mailbox.refuse = {to[1]: "550 no such user"}
        left = tuple(each.recipient for each in raised.value.refused if not each.is_final)
        assert send(a_message(*to), once, only=left).accepted == (to[0], to[2], to[3])
    assert [each.recipients for each in mailbox.received] == [(to[0], to[2], to[3])]


@pytest.mark.parametrize("farewell", ["421 timeout", "250 OK", "500 what"])
def test_what_a_server_says_at_the_end_does_not_matter(tmp_path: Path, farewell: str) -> None:
    with mail_server(tmp_path, mailbox=Mailbox(farewell=farewell)) as server:
        assert send(a_message("a@example.com"), settings(server), wait=_no_wait).accepted
    assert len(server.mailbox.received) == 1


def test_who_has_it_keeps_it_if_the_server_refuses_all_afterwards(tmp_path: Path) -> None:
    mailbox = Mailbox({"b@example.com": "451 later"}, senders=["250 OK", "550 5.7.1 blocked"])
    with mail_server(tmp_path, mailbox=mailbox) as server:
        delivery = send(a_message("a@example.com", "b@example.com"), settings(server), wait=_no_wait)
    assert delivery.accepted == ("a@example.com",)
    assert [(each.recipient, each.code) for each in delivery.refused] == [("b@example.com", 451)]


def test_what_the_server_may_have_taken_is_not_sent_again_at_once(tmp_path: Path) -> None:
    with (
        mail_server(tmp_path, mailbox=Mailbox(silent=4)) as server,
        pytest.raises(DeliveryError, match="did not say whether it took the message") as raised,
    ):
        send(a_message("a@example.com"), settings(server), wait=_no_wait)
    assert raised.value.is_cut_off
    assert len(server.mailbox.received) == 1


def test_a_server_that_looks_through_the_message_has_longer_than_for_other_answers(tmp_path: Path) -> None:
    mailbox = Mailbox(slow_s=4.0)
    with mail_server(tmp_path, mailbox=mailbox) as server:
        patient = replace(settings(server), timeout_s=2.0)
        assert send(a_message("a@example.com"), patient, wait=_no_wait).accepted
        with pytest.raises(DeliveryError, match="timed out") as raised:
            send(a_message("a@example.com"), replace(patient, taken_s=2.0), wait=_no_wait)
    assert raised.value.is_cut_off
    assert len(mailbox.received) == 2


def _no_wait(_seconds: float) -> None:
    """The test does not wait."""
