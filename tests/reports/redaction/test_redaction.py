"""What `--redact` leaves out is in no byte of any output; what it renames has one name in all of them."""

import errno
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from shutil import copytree
from typing import TypeAlias

import polars as pl
import pytest

from archive.folder import Folder
from archive.redaction_key import REDACTION_KEY, redaction_key
from archive.run import Run
from archive.tables import from_parquet, to_parquet
from domain.mistakes import OperatorError
from domain.troubles import table as troubles
from reports.columns.column import Unit
from reports.columns.columns import TABLES
from reports.redaction.fields import is_declared
from reports.redaction.known import Known
from reports.redaction.names import Redact, Redaction
from reports.redaction.tables import Redacted
from reports.redaction.vocabulary import Vocabulary
from reports.report import report
from reports.tables import settled
from reports.tables.settled import Settled
from tests.reports.fleet import MIB, Answered, Found, Process, heap, peers, run_of, runs_in
from tests.reports.redaction import secretive
from tests.reports.redaction.outputs import found as found_in
from tests.reports.redaction.outputs import outputs

Told: TypeAlias = dict[Redact | None, dict[str, bytes]]
PSEUDONYM = re.compile(r"host-[a-z2-7]{10}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return secretive.run_in(tmp_path_factory.mktemp("runs"))


def redaction_of(run: Run, what: Redact) -> Redaction:
    return Redaction(what, redaction_key(run.store))


@pytest.fixture(scope="module")
def told(run: Run) -> Told:
    """All outputs of each redaction."""
    asked = (None, *Redact)
    return {what: dict(outputs(run, redaction_of(run, what) if what else None)) for what in asked}


def test_what_is_looked_for_is_in_the_whole_report(told: Told) -> None:
    """Otherwise the tests below would find nothing because there was nothing."""
    there = {word for _, word in found_in(told[None], (*secretive.OF_HOSTS, *secretive.ARGUMENTS))}
    assert there >= {*secretive.OF_HOSTS, *secretive.ARGUMENTS}


@pytest.mark.parametrize(
    ("what", "gone"),
    [
        (Redact.ARGS, secretive.ARGUMENTS),
        (Redact.HOSTS, secretive.OF_HOSTS),
        (Redact.ALL, (*secretive.OF_HOSTS, *secretive.ARGUMENTS)),
    ],
)
def test_no_byte_of_any_output_has_what_is_left_out(told: Told, what: Redact, gone: tuple[str, ...]) -> None:
    assert found_in(told[what], gone) == set()


def test_a_short_name_counts_as_a_word(run: Run) -> None:
    names = Vocabulary(redaction_of(run, Redact.HOSTS), Known(frozenset(["ox"])))
    assert "ox" not in names.told("/srv/ox/bin, ox.service, OX")
    assert names.told("box oxygen") == "box oxygen"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("App-01", "backup@app\\x2d01.service"),
        ("App-01", "/srv/APP-01/x"),
        ("\u0130zmir-1", "on \u0130zmir-1"),
        ("hosts-1", "ho\u017ft\u017f-1"),  # a letter that case makes equal, as a host may write it
        ("app-01.zoo.example", "app-01, www.zoo.example"),
    ],
)
def test_a_name_however_it_is_written(run: Run, name: str, written: str) -> None:
    names = Vocabulary(redaction_of(run, Redact.HOSTS), Known(frozenset([name])))
    told = names.told(written)
    assert not any(part in told.lower() for part in (name.lower(), "01", "-1", "zoo"))
    if "\u017f" not in written:
        assert names.texts(pl.Series([written, None, "-"])).to_list() == [told, None, "-"]


def test_each_redaction_leaves_the_rest_as_it_is(run: Run) -> None:
    whole, args, hosts = (
        report(run, redaction_of(run, each) if each else None) for each in (None, Redact.ARGS, Redact.HOSTS)
    )
    assert [row.name for row in args.hosts] == [row.name for row in whole.hosts]
    arguments = hosts.tables.table(settled.PROCESSES)["arguments"].to_list()
    assert sorted(arguments) == sorted(whole.tables.table(settled.PROCESSES)["arguments"].to_list())
    for made in (args, hosts):
        assert made.totals == whole.totals
        assert [row.native_heap for row in made.hosts] == [row.native_heap for row in whole.hosts]
        assert (made.run.asked, made.run.ok, made.run.failed) == (5, whole.run.ok, 2)
        assert len(made.findings) == len(whole.findings) > 0
        assert sum(group.is_muted for group in made.findings) == sum(
            group.is_muted for group in whole.findings
        )
        assert {row.remedy for row in made.hosts if row.reason == "auth_rejected"} == {
            troubles.remedy("auth_rejected")
        }


def test_a_host_has_one_name_in_all_outputs_and_at_every_call(run: Run, told: Told) -> None:
    first, again = told[Redact.ALL], dict(outputs(run, redaction_of(run, Redact.ALL)))
    assert first == again
    known = set(pl.read_csv(first["hosts.csv"])["name"])
    assert len(known) == len(secretive.HOSTS)
    gone = redaction_of(run, Redact.ALL).pseudonym("host", secretive.GONE)
    for name, content in first.items():
        assert {each.decode() for each in re.findall(PSEUDONYM.pattern.encode(), content)} <= {
            *known,
            gone,
        }, name
    for name in ("page's data", "processes.csv", "report.json", "text", "changes.ndjson", "mail, text/plain"):
        assert PSEUDONYM.search(first[name].decode()), name


def test_another_run_gives_other_names(run: Run, tmp_path: Path) -> None:
    other = secretive.run_in(tmp_path)
    of_both = [{row.name for row in report(one, redaction_of(one, Redact.ALL)).hosts} for one in (run, other)]
    assert not of_both[0] & of_both[1]
    assert (Path(other.url) / REDACTION_KEY).stat().st_mode & 0o077 == 0


def test_the_order_of_rows_says_nothing_of_names(tmp_path: Path) -> None:
    """Hosts alike in all figures: somebody who knows the fleet's names must not find them by their order."""
    run = run_of(runs_in(tmp_path), *peers((MIB,) * 9), hosts_a_part=3)
    redaction = redaction_of(run, Redact.HOSTS)
    made = report(run, redaction)
    names = [row.name for row in made.hosts]
    assert names == sorted(names)
    in_order = [redaction.pseudonym("host", f"web{place}") for place in range(1, 10)]
    assert names != in_order
    for part in made.tables.parts(settled.PROCESSES, ("host", "pid")):
        assert part["host"].is_sorted()
    parts = [next(iter(part["name"])) for part in made.tables.parts(settled.HOSTS, ("name",))]
    again = Redacted(run, redaction)
    assert parts == [next(iter(part["name"])) for part in again.parts(settled.HOSTS, ("name",))]
    orders = {tuple(Redacted(run, replace(redaction, key=bytes([key]) * 32))._order) for key in range(40)}
    assert orders == set(permutations(range(3)))


def test_it_is_said_what_happens_to_every_text_of_a_run(run: Run) -> None:
    """A new column has to be declared: until then it is empty in redacted reports."""
    declared = {
        (table, column.name)
        for table, columns in TABLES.items()
        for column in columns
        if column.unit in {Unit.TEXT, Unit.TIME}
    }
    for file in Path(run.url).glob("settled/*/*.parquet"):
        table = file.name.rpartition("-")[0]
        schema = from_parquet(file.read_bytes(), file.name).schema
        declared |= {(table, column) for column, kind in schema.items() if kind == pl.String}
    missing = {(table, column) for table, column in declared if not is_declared(table, column)}
    assert missing == {(settled.HISTORY, "name")}  # of hosts and of services, which `Redacted` looks at


def test_an_undeclared_column_is_emptied(run: Run, tmp_path: Path) -> None:
    copy = Run(Folder(str(copytree(run.url, tmp_path / run.run_id))), run.manifest)
    for number in range(Settled(copy).count(settled.HOSTS)):
        part = from_parquet(copy.read_settled(settled.HOSTS, number), "hosts")
        more = part.with_columns(pl.col("name").alias("nickname"), pl.concat_list("name").alias("nicknames"))
        copy.write_settled(settled.HOSTS, number, to_parquet(more))
    hosts = report(copy, redaction_of(copy, Redact.ARGS)).tables.table(settled.HOSTS)
    assert set(hosts["nickname"]) == {""}
    assert hosts["nicknames"].null_count() == hosts.height


def test_a_redacted_report_has_no_way_to_the_run(run: Run) -> None:
    tables = report(run, redaction_of(run, Redact.ALL)).tables
    with pytest.raises(RuntimeError, match="not in its tables"):
        _ = tables.run
    assert (tables.manifest.hosts, tables.manifest.command, tables.manifest.keep_dumps) == ((), "", False)
    assert isinstance(tables, Settled)


def test_outputs_say_that_they_are_redacted(told: Told) -> None:
    all_of_it = told[Redact.ALL]
    for name in ("page", "text", "mail, text/plain", "mail, text/html"):
        assert "command lines are left out" in " ".join(all_of_it[name].decode().split()), name
    assert b'"redacted":"all"' in all_of_it["report.json"]


class _ReadOnly(Folder):
    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:  # noqa: ARG002
        raise PermissionError(errno.EACCES, "Permission denied", path)


def test_a_run_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        OperatorError, match=r"redaction.key.*cannot be kept: Permission denied.*a copy of the run"
    ):
        redaction_key(_ReadOnly(str(tmp_path)))


def test_addresses_that_no_host_has_are_renamed_too(run: Run) -> None:
    names = Vocabulary(redaction_of(run, Redact.HOSTS), Known(frozenset(["web-01"])))
    for address in ("198.51.100.7", "2001:DB8:0:0::1", "fe80::1"):
        for text in (f"to {address}:22", f"[{address}]", f"/srv/{address}/x"):
            if ":" in address and text.endswith(":22"):
                continue  # no address of its own
            told = names.texts(pl.Series([text])).item()
            assert (address in told, "address-" in told) == (False, True), told
    plain = [
        *("12:30:45", "std::vector", "libc-2.36.so", "6.1.0-30-amd64", "::", "a::b::c", "heap: 3.5 GiB: 2"),
        *("5.14.0-427.13.1.el9_4", "jdk-17.0.12", "java-1.8.0-openjdk-1.8.0.392", "2026-11-22T05:00:00Z"),
        *("20261122T050000Z-prod-0001", r"dev-disk-by\x2duuid", "90 %2 of 3", "1.2.3", "udp:53", "[::1]:80"),
    ]
    assert names.texts(pl.Series(plain)).to_list() == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("redis@10.1.2.3.service", "ip-10-1-2-3"),
        ("vpn@2001:db8:0:0::7", r"vpn@2001\x3adb8\x3a\x3a7.service"),
        ("libpod-3f4a5b6c7d8e.scope", "docker-3f4a5b6c7d8e9f0011223344556677889900aabb.scope"),
        ("/run/payrollvm.pid", r"machine-qemu\x2d3\x2dpayrollvm.scope"),
        ("on web-01", "WEB_01"),
        ("on zoo-7.zoo.example", "zoo_7"),
    ],
)
def test_what_is_the_same_has_the_same_name_however_it_is_written(run: Run, one: str, other: str) -> None:
    containers = frozenset({"3f4a5b6c7d8e", r"qemu\x2d3\x2dpayrollvm"})
    names = Vocabulary(
        redaction_of(run, Redact.HOSTS), Known(frozenset(["web-01", "zoo-7.zoo.example"]), containers)
    )
    given = [re.findall(r"[a-z]+-[a-z2-7]{10}", names.told(text)) for text in (one, other)]
    assert given[0] == given[1]
    assert len(given[0]) == 1
    assert names.texts(pl.Series([one, other])).to_list() == [names.told(one), names.told(other)]


def test_what_is_not_renamed_stays_as_it_is_written(run: Run) -> None:
    names = Vocabulary(redaction_of(run, Redact.HOSTS), Known(frozenset(["web-01"])))
    given = names.told("web-01")
    told = names.told(r"a\x2db@web\x2d01\x2dc%20d@10.1.2.3\x2de.service")
    assert told.startswith(rf"a\x2db@{given}\x2dc%20d@address-")
    assert told.endswith(r"\x2de.service")


def test_names_that_begin_alike(run: Run) -> None:
    """The longest counts; a container's only as a word, and a host may name its own as it likes."""
    containers = frozenset({"web-proxy-pay", *("u" * length for length in range(4, 255))})
    redaction = redaction_of(run, Redact.HOSTS)
    given = Vocabulary(redaction, Known(frozenset({"web-p", "web-p-1"}), containers)).told
    assert given("web-p-12") == f"{redaction.pseudonym('host', 'web-p-1')}2"
    assert given("web-proxy-pay") == redaction.pseudonym("container", "web-proxy-pay")
    assert given("web-proxy-payment") == f"{redaction.pseudonym('host', 'web-p')}roxy-payment"
    assert given("x" + "u" * 200) == "x" + "u" * 200
    assert given("u" * 200) == redaction.pseudonym("container", "u" * 200)


@pytest.mark.parametrize(
    ("comm", "is_cut"),
    [
        ("payroll-databas", True),
        ("x payroll-datab", True),
        ("PAYROLL_DATABAS", True),
        ("payroll-datab", False),  # the kernel did not cut it
        ("postgres-server", False),
        ("mysql-router-pa", False),  # two letters could be anything
    ],
)
def test_a_name_that_the_kernel_cut(run: Run, comm: str, is_cut: bool) -> None:
    names = Vocabulary(
        redaction_of(run, Redact.HOSTS), Known(frozenset(["payroll-database-primary.zoo.example"]))
    )
    given = names.told("payroll-database-primary")
    cut = comm.lower().find("payroll")
    for pid in ("", " (4711)"):
        wanted = f"{comm[:cut]}{given}{pid}" if is_cut else f"{comm}{pid}"
        assert names.processes(pl.Series([f"{comm}{pid}"])).to_list() == [wanted]
    two = Vocabulary(
        redaction_of(run, Redact.HOSTS), Known(frozenset(["payroll-database-1", "payroll-database-2"]))
    )
    assert two.process("payroll-databas") == "redacted"


@pytest.mark.parametrize("what", [Redact.HOSTS, Redact.ALL])
@pytest.mark.parametrize("filler", ["x", "\u00e9"])
def test_a_name_in_arguments_that_were_cut(tmp_path: Path, what: Redact, filler: str) -> None:
    """The end of a long command line, and of a service that is named after one, may be half a name."""
    host, cut = "payroll-database-primary", " --of=payroll-databa"
    whole = "java --whole=yes " + " ".join(["short"] * 5)
    process = Process(
        *(1, "java", "java first"),
        arguments=_cut(f"java -Dx={filler * 4096}", 4096 - len(cut)) + cut,
        unit="session-1.scope",
    )
    named = replace(process, pid=2, service=f"java {_cut(filler * 200, 200 - len(cut))}{cut}")
    alike = replace(named, pid=3, service=f"{named.service[:-1]}b")
    other = replace(process, pid=4, service="java other", arguments=whole)
    run = run_of(runs_in(tmp_path), Answered(host, (process, named, alike, other)))
    told = dict(outputs(run, redaction_of(run, what)))
    assert found_in(told, ("payroll",)) == set()
    services = Redacted(run, redaction_of(run, what)).table(settled.SERVICES)["service"]
    assert services.n_unique() == len(services) == 4
    if what is Redact.HOSTS:
        assert whole.encode() in told["processes.ndjson"]


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode("utf-8", "ignore")


def test_a_process_that_is_named_after_what_its_arguments_start(tmp_path: Path) -> None:
    """The kernel names the process of a script after it, or a program names itself after its arguments."""
    started = (
        (
            "secretscript.py",
            "/usr/bin/python3.11",
            "/usr/bin/python3 /opt/secretproject/secretscript.py -v",
            True,
        ),
        ("close-the-bank-", "/bin/bash", "bash /opt/close-the-bank-in-june", True),
        ("node /srv/takeo", "/usr/bin/node", "node /srv/takeover/app.js", True),
        ("sleep", "/bin/busybox", "/bin/sleep 10", False),
        ("nginx", "/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx", False),
        ("dispatch", "/usr/bin/x", "x --dispatcher=dispatching", False),
        ("java", "/usr/bin/launch", "launch java", False),  # a program elsewhere
        ("java", "/usr/bin/java", "java -jar x", False),
    )
    processes = tuple(
        Process(1 + place, comm=comm, exe=exe, arguments=arguments, blocks=(heap(MIB),))
        for place, (comm, exe, arguments, _) in enumerate(started)
    )
    found = Found(1, 4200, started[0][0], "many_arenas", "alarm", "many", "", "", "")
    run = run_of(runs_in(tmp_path), Answered("web-01", processes, findings=(found,)))
    for what in (Redact.ARGS, Redact.ALL):
        redaction = redaction_of(run, what)
        rows = Redacted(run, redaction).table(settled.PROCESSES).sort("pid")
        wanted = [redaction.pseudonym("args", comm) if gone else comm for comm, *_, gone in started]
        assert rows["comm"].to_list() == wanted
        names = tuple(comm for comm, *_, gone in started if gone)
        assert found_in(dict(outputs(run, redaction)), names) == set()


def test_a_damaged_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *peers((MIB,)))
    (Path(run.url) / REDACTION_KEY).write_bytes(b"short")
    with pytest.raises(OperatorError, match=r"redaction.key.*has 5 bytes instead of 32"):
        redaction_key(run.store)
