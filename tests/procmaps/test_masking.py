import re
import shlex
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procmaps.masking import (
    ARGUMENTS_LIMIT,
    PROCESS_LIMIT_BYTES,
    Budget,
    mask_argv,
    mask_cmdline,
)
from procmaps.masking_options import Arguments, Masking
from procmaps.secret_patterns import MASK
from procmaps.secret_walk import ARGUMENT_LIMIT_BYTES


def masked(*arguments: str) -> list[str]:
    return [argument.decode() for argument in mask_argv(tuple(argument.encode() for argument in arguments))]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["app", "--password=hunter2"], ["app", "--password=***"]),
        (["app", "--password", "hunter2", "-v"], ["app", "--password", "***", "-v"]),
        (["app", "--password", "--verbose"], ["app", "--password", "--verbose"]),
        (
            ["java", "-Dspring.datasource.password=x y", "Main"],
            ["java", "-Dspring.datasource.password=***", "Main"],
        ),
        (["java", "-Djavax.net.ssl.keyStorePassword=a"], ["java", "-Djavax.net.ssl.keyStorePassword=***"]),
        (["env", "AWS_SECRET_ACCESS_KEY=abc/def+", "run"], ["env", "AWS_SECRET_ACCESS_KEY=***", "run"]),
        (["app", "--api-key", "0123abcd"], ["app", "--api-key", "***"]),
        (
            ["app", "--apikey=1", "--private_key=2", "--auth=3"],
            ["app", "--apikey=***", "--private_key=***", "--auth=***"],
        ),
        (["mysql", "-uroot", "-pS3cret", "shop"], ["mysql", "-uroot", "-p***", "shop"]),
        (["/usr/bin/mysqldump", "-p", "shop"], ["/usr/bin/mysqldump", "-p", "shop"]),
        (["timeout", "5", "mariadb", "-pS3cret"], ["timeout", "5", "mariadb", "-p***"]),
        (["sshpass", "-p", "x", "ssh", "host"], ["sshpass", "-p", "***", "ssh", "host"]),
        (["redis-cli", "-a", "x"], ["redis-cli", "-a", "***"]),
        (["redis-server", "--requirepass", "x"], ["redis-server", "--requirepass", "***"]),
        (["beam", "-setcookie", "x"], ["beam", "-setcookie", "***"]),
        (["curl", "-u", "me:pw"], ["curl", "-u", "me:***"]),
        (["curl", "--user=me:pw"], ["curl", "--user=me:***"]),
        (["curl", "-H", "Authorization: Bearer abc.def"], ["curl", "-H", "Authorization: ***"]),
        (["x", "https://me:p%40ss@host/a?b=c"], ["x", "https://me:***@host/a?b=c"]),
        (["x", "postgres://u:a@b@host/db"], ["x", "postgres://u:***@host/db"]),
        (["x", "https://host/?access_token=abc&x=1"], ["x", "https://host/?access_token=***&x=1"]),
        (
            ["x", "jdbc:mysql://h/db?user=a&password=b&x=y"],
            ["x", "jdbc:mysql://h/db?user=a&password=***&x=y"],
        ),
        (["x", "jdbc:oracle:thin:scott/tiger@//h:1521/s"], ["x", "jdbc:oracle:thin:scott/***@//h:1521/s"]),
        (["x", "Server=h;User Id=a;Password=b c;X=1"], ["x", "Server=h;User Id=a;Password=*** c;X=1"]),
        (["x", '{"user": "a", "password": "b c", "n": 1}'], ["x", '{"user": "a", "password": ***, "n": 1}']),
        (["x", "AKIAIOSFODNN7EXAMPLE"], ["x", "***"]),
        (["x", "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln"], ["x", "***"]),
        (
            ["sh", "-c", "mysql -psecret; TOKEN='a b' run --api-key zzz"],
            ["sh", "-c", "mysql -p*** TOKEN=*** run --api-key ***"],
        ),
        (["postgres: app db 10.0.0.1(5) SELECT"], ["postgres: app db 10.0.0.1(5) SELECT"]),
        (["worker --db-password s3cret --queue a"], ["worker --db-password *** --queue a"]),
    ],
)
def test_secrets_give_way_to_the_mask(arguments: list[str], shown: list[str]) -> None:
    assert masked(*arguments) == shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["app", "--password-file=/run/secrets/db", "--token-ttl", "5m"],
        ["kubelet", "--authorization-mode=Webhook", "--authentication-token-webhook-timeout=5s"],
        ["app", "--author=me", "--bypass=yes", "--compass", "n", "--passive", "host"],
        ["java", "-Xmx1g", "-cp", "/a:/b", "Main", "--port=80"],
        ["ps", "-p", "12"],
        ["ssh", "-p", "2222", "host"],
        ["", "-", "--", "=", ":"],
    ],
)
def test_what_is_no_secret_stays(arguments: list[str]) -> None:
    assert masked(*arguments) == arguments


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from((b"--password", b"-p", b"mysql", b"token:"))))
)
def test_no_argument_is_lost(argv: list[bytes]) -> None:
    assert len(mask_argv(tuple(argv))) == len(argv)


@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")), min_size=1))
def test_a_command_line_is_masked_as_its_arguments(argv: list[bytes]) -> None:
    assert mask_cmdline(b"\0".join(argv)) == b"\0".join(mask_argv(tuple(argv)))


@given(
    st.sampled_from(
        ("--password=%s", "-Da.secret=%s", "API_KEY=%s", "https://u:%s@h/", "--token %s", "x --pwd '%s'")
    ),
    st.text(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+-", min_size=12, max_size=40
    ).filter(lambda secret: not secret.startswith("-")),
)
def test_no_secret_comes_through(form: str, secret: str) -> None:
    argument = form % secret
    assert secret not in "\0".join(masked("app", *argument.split(" "), "-v"))
    assert secret not in "\0".join(masked("sh", "-c", "app " + argument))


def test_masking_is_done_once() -> None:
    for argument in ("--password=a", "https://u:p@h/?token=x", "Bearer abcdefgh", "x --token y"):
        once = masked("app", argument)
        assert masked(*once) == once


def test_an_argument_at_the_limit_is_cut_and_still_masked() -> None:
    (shown,) = mask_argv((b"a" * (ARGUMENT_LIMIT_BYTES - 9) + b"&token=abcdef",))
    assert len(shown) <= ARGUMENT_LIMIT_BYTES + len(MASK)
    assert b"abc" not in shown


def test_what_exceeds_the_bounds_of_a_process_is_dropped() -> None:
    shown = mask_cmdline(b"\0".join([b"x" * 4000] * 100))
    assert 0 < len(shown) <= PROCESS_LIMIT_BYTES
    assert len(mask_argv((b"a",) * 10_000)) == ARGUMENTS_LIMIT
    assert mask_cmdline(b"\0" * 131_070).count(b"\0") == ARGUMENTS_LIMIT - 1


@pytest.mark.parametrize("length", range(ARGUMENT_LIMIT_BYTES - 40, ARGUMENT_LIMIT_BYTES + 1100, 13))
@pytest.mark.parametrize("form", [b" postgresql://app:%s@h/", b"&token=%s", b" --password %s", b" ghp_%s"])
def test_a_cut_leaves_no_half_of_a_secret(form: bytes, length: int) -> None:
    (shown,) = mask_argv((b"a" * length + form % (b"S3cr3tS3cr3tS3cr3tS3cr3t" + b"z" * 40) + b" b" * 900,))
    assert len(shown) <= ARGUMENT_LIMIT_BYTES
    assert b"S3c" not in shown


def test_a_word_longer_than_the_bound_is_not_shown_in_part() -> None:
    assert mask_argv((b"x" * 131_072,)) == (MASK,)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            b"-eyJ",
            b" pass=x",
            b"a b=c ",
            b"\"'",
            b"'\"x ",
            b"://a:",
            b"secret",
            b"\0",
            b"-\0",
            b"PRIVATE KEY",
        ),
        *(
            b"login(a,",
            b'connect("',
            b"read x <<<",
            b"name=password,value=",
            b"user a using '",
            b"$(",
            b"-u\0a\0-p\0",
        ),
    ],
)
def test_time_does_not_grow_without_bound(piece: bytes) -> None:
    began = time.process_time()
    mask_cmdline((piece * 131_072)[:1_048_576])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["app", "--pw", "HUSH-hush1"],
        ["env", "DB_PW=HUSH-hush1"],
        ["app", "secret_id=HUSH-hush1"],
        ["wpa", "--psk", "HUSH-hush1"],
        ["aws", "configure", "set", "aws_secret_access_key", "HUSH-hush1"],
        ["rabbitmqctl", "add_user", "me", "HUSH-hush1"],
        ["mc", "alias", "set", "a", "http://h", "user", "HUSH-hush1"],
        ["htpasswd", "-b", "/etc/x", "me", "HUSH-hush1"],
        ["wpa_passphrase", "net", "HUSH-hush1"],
        ["vault", "operator", "unseal", "HUSH-hush1"],
        ["consul", "agent", "-encrypt", "HUSH-hush1"],
        ["curl", "-ume:HUSH-hush1", "http://h"],
        ["etcdctl", "--user", "root:HUSH-hush1"],
        ["plink", "-pw", "HUSH-hush1", "h"],
        ["sqlplus", "scott/HUSH-hush1@//db/x"],
        ["cqlsh", "-p", "HUSH-hush1"],
        ["mosquitto_pub", "-P", "HUSH-hush1"],
        ["app", "me:HUSH-hush1@tcp(db:3306)/x"],
        ["x", "https://hooks.slack.com/services/T0/B0/HUSH-hush1"],
        ["x", "https://api.telegram.org/bot12:HUSH-hush1/send"],
        ["mysql", "-e", "ALTER USER a IDENTIFIED BY 'HUSH-hush1'"],
        ["x", "<password>HUSH-hush1</password>"],
        ["sh", "-c", "echo HUSH-hush1 | sudo -S id"],
        ["app", "--kennwort", "HUSH-hush1"],
        ["app", "postgresql://app:HUSH-hush1"],
    ],
)
def test_the_forms_of_common_tools_are_known(arguments: list[str]) -> None:
    assert "hush" not in " ".join(masked(*arguments)).lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ["app", "--max-tokens", "512", "--passes=3", "--pass-through=true"],
        ["docker", "run", "-p", "127.0.0.1:8080:80", "nginx"],
        ["kube-apiserver", "--anonymous-auth=false"],
        ["java", "-Djava.security.auth.login.config=/etc/jaas.conf", "Main"],
        ["ffmpeg", "-pass", "1"],
        ["grep", "-r", "password", "/etc"],
        ["passwd", "alice"],
        ["gunicorn", "app.auth:app"],
        ["sshd", "-oPasswordAuthentication=no"],
        ["app", "http://host:8080"],
    ],
)
def test_switches_measures_and_paths_stay(arguments: list[str]) -> None:
    assert masked(*arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        # the second of two values; a file stands alone
        (
            ["openvpn", "--http-proxy-user-pass", "u", "hush9"],
            ["openvpn", "--http-proxy-user-pass", "u", "***"],
        ),
        (["app", "--proxy-user-pass", "u", "hush9", "x"], ["app", "--proxy-user-pass", "***", "***", "x"]),
        (["app", "--user-pass", "/etc/auth", "x"], ["app", "--user-pass", "/etc/auth", "x"]),
        # a flag of the tool has a value of its own, which has no place among the arguments
        (["htpasswd", "-bnBC", "10", "u", "hush9"], ["htpasswd", "-bnBC", "10", "u", "***"]),
        (["zip", "-rP", "hush", "a.zip", "d"], ["zip", "-rP", "***", "a.zip", "d"]),
        # a program after a name
        (
            ["ssh", "-o", "ProxyCommand=sshpass -p hush9 ssh j", "h"],
            ["ssh", "-o", "ProxyCommand=sshpass -p *** ssh j", "h"],
        ),
        (["sh", "-c", "N=$(mysql -phush9 -e x); run"], ["sh", "-c", "N=$(mysql -p*** -e x); run"]),
        # what is known of no flag, but stands after a user
        (["app", "-u", "u", "-p", "hush9", "-v"], ["app", "-u", "u", "-p", "***", "-v"]),
        (["app", "-u", "u", "-p", "8080"], ["app", "-u", "u", "-p", "8080"]),
        (["app", "-u", "u:Hush9"], ["app", "-u", "u:***"]),
        (["app", "-u", "www:www"], ["app", "-u", "www:www"]),
        # a cookie, or the file with cookies
        (["curl", "-b", "sid=hush9", "h"], ["curl", "-b", "sid=***", "h"]),
        (["curl", "-b", "cookies-2026.txt", "h"], ["curl", "-b", "cookies-2026.txt", "h"]),
        (
            ["app", '[{"name":"DB_PASSWORD","value":"hush9"}]'],
            ["app", '[{"name":"DB_PASSWORD","value":***}]'],
        ),
        (["app", '[{"name":"LEVEL","value":"debug"}]'], ["app", '[{"name":"LEVEL","value":"debug"}]']),
    ],
)
def test_the_grammar_of_a_tool_says_what_is_a_secret(arguments: list[str], shown: list[str]) -> None:
    assert masked(*arguments) == shown


@pytest.mark.parametrize(
    "argument", [b"--sas-token=sv2026xyz", b"SAS_TOKEN=sv2026xyz", b"--ask_token=sv2026xyz"]
)
def test_a_token_of_any_owner_is_masked(argument: bytes) -> None:
    assert b"sv2026xyz" not in b" ".join(mask_argv((b"app", argument)))


@pytest.mark.parametrize("argument", [b"--pad-token=0x", b"--eos_token=</s>"])
def test_a_token_of_a_tokenizer_stays(argument: bytes) -> None:
    assert mask_argv((b"app", argument)) == (b"app", argument)


def test_the_bound_of_a_process_counts_what_is_read() -> None:
    argument = b"--password=" + b"x" * 4000
    assert len(mask_argv((b"app", *[argument] * 100))) <= 10


def test_passwd_is_a_program_where_it_comes_first_and_a_name_elsewhere() -> None:
    assert mask_argv((b"/usr/bin/passwd", b"alice")) == (b"/usr/bin/passwd", b"alice")
    assert mask_argv((b"app", b"passwd", b"sv2026xyz"))[2] == b"***"


LINES = Path(__file__).parent / "command_lines"


def argument_lists(name: str) -> list[list[str]]:
    """Of a file with one command line a line, quoted as for a shell; $' is a text with \\n in it."""
    lines = (LINES / name).read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line and not line.startswith("#")]
    return [shlex.split(line.replace("$'", "'").replace("\\n", "\n")) for line in told]


@pytest.mark.parametrize("arguments", argument_lists("secret.txt"), ids=" ".join)
def test_secrets_of_real_tools_do_not_come_through(arguments: list[str]) -> None:
    secrets = re.findall("«(.*?)»", " ".join(arguments), re.DOTALL)
    shown = "\0".join(masked(*(argument.replace("«", "").replace("»", "") for argument in arguments)))
    assert secrets
    # no part of it either: half a mask looks safe and is not
    pieces = {secret[at : at + 5] for secret in secrets for at in range(len(secret) - 4)}
    assert not [piece for piece in pieces if piece in shown]


@pytest.mark.parametrize("arguments", argument_lists("harmless.txt"), ids=" ".join)
def test_what_real_tools_are_given_besides_stays(arguments: list[str]) -> None:
    assert masked(*arguments) == arguments


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            [
                "/usr/bin/java",
                "-Xmx4g",
                "-XX:+UseG1GC",
                "-Dapp.key=abc",
                "-cp",
                "/x",
                "-jar",
                "/a.jar",
                "--port=80",
                "in",
            ],
            ["/usr/bin/java", "-Xmx4g", "-XX:+UseG1GC", "-Dapp.key", "-cp", "-jar", "/a.jar", "--port"],
        ),
        # numbers of a JVM whatever its program is called, and whether its heap is in a file
        (["/opt/app/launcher", "-Xmx4g", "Main"], ["/opt/app/launcher", "-Xmx4g"]),
        (["java", "-XX:AllocateHeapAt=/mnt/x", "-XX:Foo=bar"], ["java", "-XX:AllocateHeapAt=", "-X"]),
        (["nginx: worker process"], ["nginx:"]),
        (["mysql", "-pabc", "--user=x", "shop"], ["mysql", "-p", "--user"]),
        (["tool", "-Zabc9", "x"], ["tool", "-Z"]),
    ],
)
def test_of_names_no_value_is_kept(given: list[str], shown: list[str]) -> None:
    cmdline = b"\0".join(argument.encode() for argument in given)
    assert mask_cmdline(cmdline, Masking(Arguments.NAMES)) == b"\0".join(map(str.encode, shown))
    assert mask_cmdline(cmdline, Masking(Arguments.NONE)) == b""


def test_the_site_has_words_of_its_own() -> None:
    options = Masking(words=("kundennr",))
    assert mask_cmdline(b"app\0--kundennr=4711x", options) == b"app\0--kundennr=***"
    assert mask_cmdline(b"app\0--kundennr=4711x") == b"app\0--kundennr=4711x"


def test_what_the_budget_of_a_host_does_not_reach_to_is_dropped() -> None:
    budget = Budget(20)
    kept = [mask_cmdline(b"\0".join([b"app%d" % number] * 9), Masking(), budget) for number in range(5)]
    assert [bool(cmdline) for cmdline in kept] == [True, True, True, False, False]
    assert budget.dropped == 2


def test_what_was_masked_before_costs_nothing() -> None:
    budget = Budget(20)
    assert all(mask_cmdline(b"always\0the\0same", Masking(), budget) for _ in range(100))
    assert budget.dropped == 0
