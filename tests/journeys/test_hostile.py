"""Names that processes and operators choose are text everywhere, and secrets in arguments are in no file."""

import csv
import io
import json
import re
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import polars as pl
import pytest

from archive.runs import Runs
from reports.formats import exports
from reports.tables.settled import Settled
from tests.journeys.commands import mapsweep
from tests.reports.page.decoder import of_page
from tests.sshd import serve

pytestmark = pytest.mark.journey

SCRIPT = "<script>alert(1)</script>"
SECRET = "hunter2-is-my-dog"
FORGED = "x\n0123456789abcdef0123456789abcdef maps 1\n00400000-00500000 rw-p 00000000 00:00 0 [heap]\n"
HOST = "=cmd()"
SCRIPT_HEAP_MIB = 192


@contextmanager
def _process(name: str, *arguments: str, heap_mib: int = 0) -> Iterator["subprocess.Popen[bytes]"]:
    """One that calls itself `name`, holds `heap_mib` of malloc's memory, and waits."""
    code = (
        "import ctypes, sys; libc = ctypes.CDLL(None); libc.prctl(15, sys.argv[1].encode(), 0, 0, 0); "
        "libc.malloc.restype = ctypes.c_void_p; "
        f"[ctypes.memset(libc.malloc(2**16), 1, 2**16) for _ in range({16 * heap_mib})]; "
        "print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, name, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.communicate()


class Swept:
    """What a sweep of this machine left while those processes ran."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as stack:
            sshd = stack.enter_context(serve(folder))
            # large: the page shows the largest processes of a host alone
            self.script = stack.enter_context(_process(SCRIPT, SCRIPT, heap_mib=SCRIPT_HEAP_MIB)).pid
            self.forger = stack.enter_context(_process("a\nb c", FORGED)).pid
            secrets = (f"--password={SECRET}", "--token", SECRET, f"https://me:{SECRET}@example.org/")
            self.keeper = stack.enter_context(_process("keeper", *secrets)).pid
            self.plain = stack.enter_context(_process("plain")).pid
            inventory = folder / "inventory.yaml"
            host = {"ansible_host": sshd.host(1).address, "ansible_port": sshd.port}
            host["ansible_ssh_private_key_file"] = str(sshd.key_file)
            inventory.write_text(json.dumps({"fleet": {"hosts": {HOST: host}}}))
            (folder / "mapsweep.yaml").write_text(f"ssh: {{known_hosts: [{sshd.known_hosts}]}}\n")
            options = ("--config", folder / "mapsweep.yaml", "-i", inventory, "--runs", folder / "runs")
            self.done = mapsweep("collect", *options, "--hosts", "all")
            self.sizes = {pid: _size(pid) for pid in (self.script, self.forger, self.keeper, self.plain)}
        assert self.done.returncode == 0, self.done.stderr
        (self.run,) = (folder / "runs").glob("2*")

    def rows(self) -> dict[int, dict[str, str]]:
        """The rows of processes as CSV, by pid."""
        tables = Settled(Runs(str(self.run.parent)).by_id(self.run.name))
        text = b"".join(exports.rows(tables, "processes", exports.CSV)).decode()
        return {int(row["pid"]): row for row in csv.DictReader(io.StringIO(text))}


def _size(pid: int) -> int:
    found = re.search(r"^VmSize:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    return Swept(tmp_path_factory.mktemp("hostile"))


def test_a_script_as_a_name_is_text_in_the_page(swept: Swept) -> None:
    page = (swept.run / "report" / "index.html").read_text()
    assert "<script>aler" not in page
    names = [name for name in of_page(page.encode()).tables["processes"]["comm"] if isinstance(name, str)]
    assert [name for name in names if name.startswith("<script>aler")]


def test_forged_marks_change_no_other_record(swept: Swept) -> None:
    rows = swept.rows()
    for pid, size in swept.sizes.items():
        assert int(rows[pid]["vm_size_bytes"]) == size
    assert not any("\n" in row["comm"] for row in rows.values())


def test_no_file_of_the_run_holds_the_secret(swept: Swept) -> None:
    for path in swept.run.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        texts = [content, *_inflated(content), *_carried(content)]
        assert not any(SECRET.encode() in text for text in texts), path
    assert "--password=***" in swept.rows()[swept.keeper]["arguments"]
    assert SECRET not in swept.done.stdout + swept.done.stderr


def _carried(content: bytes) -> list[bytes]:
    """What a page carries."""
    found = re.findall(rb'id="data">([^<]+)<', content)
    return [text for data in found for text in _inflated(b64decode(data))]


def _inflated(content: bytes) -> list[bytes]:
    """The gzip members in a file, wherever they lie, and the text columns of a Parquet file."""
    if content.startswith(b"PAR1"):
        frame = pl.read_parquet(io.BytesIO(content))
        return [frame.select(pl.col(pl.String)).write_csv().encode()]
    texts = []
    for found in re.finditer(rb"\x1f\x8b\x08", content):
        with suppress(zlib.error):
            texts.append(zlib.decompressobj(wbits=31).decompress(content[found.start() :]))
    return texts


def test_a_host_that_starts_a_formula_is_text_in_the_spreadsheet(swept: Swept) -> None:
    (row,) = csv.DictReader(io.StringIO((swept.run / "report" / "hosts.csv").read_text()))
    assert row["name"] == f"'{HOST}"
    top = json.loads((swept.run / "report" / "report.json").read_text())["top"]
    assert top["hosts"]["native_heap"]["rows"][0]["name"] == HOST
