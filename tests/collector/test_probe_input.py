"""Whoever may run the probe as root chooses its standard input: no line of it becomes more than a value."""

import os
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from collector import probe, sudoers
from tests.collector.hosts_side import NONCE, find
from tests.collector.test_sudoers import needs_root

pytestmark = pytest.mark.slow

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh"), "mksh": ("mksh",)}
AWKS = ("gawk", "mawk", "original-awk")
GENERATED = int(os.environ.get("MAPSWEEP_ATTACKS_PER_PAIR", "12"))
PIECES = (
    "\\n",
    "\\012",
    "\\0",
    "\\c",
    "\\x0a",
    " ",
    "'",
    '"',
    "`",
    "$(",
    ")",
    ";",
    "|",
    "&",
    "\t",
    "-n",
    "-e",
    "\r",
)


def chosen(mark: Path) -> list[tuple[str, str]]:
    """(nonce, options) as an attacker would write them by hand."""
    run = f"touch {mark}"
    values = [
        f"0\\n{run}\\n",
        f"0\\012{run}",
        f"0;{run}",
        f"$({run})",
        f"`{run}`",
        f"0|{run}",
        f"0\\n\\n|{run}",
    ]
    values += [f"1{run}", "-1", "", "1e9", "0x10", "9" * 40, "0 ", f"0\\c{run}", f"0'{run}'"]
    nonces = ["", "-n", "-e", f"a\\n{run}", "g" * 32, NONCE.upper(), NONCE[:-1], NONCE + "0", f"{NONCE} x"]
    roots = [f"/x\\n{run}", "/etc", "..", "/proc/1/root", f"$({run})", f"| {run}", "\\", "//"]
    return [
        *((NONCE, f"smaps_kb={value} root=") for value in values),
        *((nonce, "smaps_kb=0 root=") for nonce in nonces),
        *((NONCE, f"smaps_kb=0 root={root}") for root in roots),
        *(
            (NONCE, options)
            for options in ("", "root=", "smaps_kb=0", "root= smaps_kb=0", f"pack={run} root=")
        ),
    ]


def generated(mark: Path, seed: str) -> list[tuple[str, str]]:
    """The same shapes put together by chance; the seed makes a failure repeatable."""
    draw = random.Random(seed)
    words = [*PIECES, f"touch {mark}", "smaps_kb=", "root=", "pack=", "0", NONCE]

    def text() -> str:
        return "".join(draw.choices(words, k=draw.randint(1, 8)))

    return [
        draw.choice([(text(), "smaps_kb=0 root="), (NONCE, text()), (NONCE, f"smaps_kb={text()} root=")])
        for _ in range(GENERATED)
    ]


def is_plain(nonce: str, options: str) -> bool:
    """Whether the collector itself could have written it, with no other root."""
    number = options.removeprefix("smaps_kb=").removesuffix(" root=")
    return nonce == NONCE and options == f"smaps_kb={number} root=" and number.isdigit() and len(number) < 16


@needs_root
@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("shell", SHELLS)
def test_no_input_becomes_a_command_or_another_root(shell: str, awk: str, tmp_path: Path) -> None:
    """Through the real sudo and the printed rule, in a mount namespace where /bin/sh is this shell."""
    if not shutil.which(SHELLS[shell][0]) or not shutil.which(awk):
        pytest.skip(f"{shell} or {awk} is not installed")
    mark = tmp_path / "ran"
    inputs = [*chosen(mark), *generated(mark, f"{shell} {awk}")]
    attempt = sudo_in_a_namespace(tmp_path, shell, awk)
    for nonce, options in inputs:
        done = subprocess.run(
            attempt, input=f"{nonce}\n{options}\n".encode(), capture_output=True, check=False, timeout=300
        )
        assert done.returncode != 77, done.stderr
        assert not mark.exists(), (nonce, options)
        if is_plain(nonce, options):
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode == probe.EXIT_REFUSED, (nonce, options, done.stderr)
            assert done.stdout == b"", (nonce, options)


@needs_root
def test_the_rule_works_where_sudo_demands_a_terminal(tmp_path: Path) -> None:
    attempt = sudo_in_a_namespace(tmp_path, "dash", "mawk", "Defaults requiretty\n")
    asked = f"{NONCE}\nsmaps_kb=0 root=\n".encode()
    done = subprocess.run(attempt, input=asked, capture_output=True, check=False, start_new_session=True)
    assert done.returncode == 0, done.stderr


@needs_root
def test_no_variable_of_an_account_reaches_the_tools_where_sudo_passes_all_on(tmp_path: Path) -> None:
    """gawk keeps its memory in the file that GAWK_PERSIST_FILE names, or gives up if it cannot."""
    attempt = sudo_in_a_namespace(tmp_path, "dash", "gawk", "Defaults !env_reset\n")
    heap = tmp_path / "heap"
    with heap.open("wb") as file:
        file.truncate(2**22)
    chosen = {"GAWK_PERSIST_FILE": str(heap), "AWKPATH": str(tmp_path), "AWKLIBPATH": str(tmp_path)}
    chosen |= {"AWK_HASH": "fnv1a", "GZIP": "--no-such-option", "POSIXLY_CORRECT": "1"}
    asked = f"{NONCE}\nsmaps_kb=0 root=\n".encode()
    done = subprocess.run(attempt, input=asked, capture_output=True, check=False, env=os.environ | chosen)
    assert (done.returncode, done.stderr) == (0, b"")
    assert heap.stat().st_blocks == 0
    assert zlib.decompressobj(31).decompress(done.stdout.partition(b"\n")[2]).startswith(NONCE.encode())


def sudo_in_a_namespace(folder: Path, shell: str, awk: str, before: str = "") -> list[str]:
    """A command line: sudo -n with the probe as nobody, where sudoers holds the printed rule alone."""
    rule = folder / "sudoers"
    rule.write_text(before + sudoers.rule("nobody"))
    rule.chmod(0o440)
    script = folder / "try"
    script.write_text(
        'mount --bind "$1" /etc/sudoers || exit 77\n'
        'mount --bind "$2" "$(readlink -f /usr/bin/awk)" || exit 77\n'
        'mount --bind "$3" "$(readlink -f /bin/sh)" || exit 77\n'
        'shift 3\nexec setpriv --reuid 65534 --clear-groups "$@"\n'
    )
    return [
        *("unshare", "--mount", "/bin/bash", str(script), str(rule), find(awk), find(SHELLS[shell][0])),
        *probe.argv(become=True),
    ]
