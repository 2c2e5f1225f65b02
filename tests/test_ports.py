"""Ports of the tests: processes side by side get different ones."""

import subprocess
import sys
from pathlib import Path

from tests.ports import BLOCK, free_port

PROCESSES = 4
EACH = BLOCK + 10  # more than a process takes at a time
_CODE = f"""
import sys
from tests.ports import free_port
print(*(free_port() for _ in range({EACH})), flush=True)
sys.stdin.read()  # the ports are this process's until it ends
"""


def test_processes_side_by_side_share_no_port() -> None:
    crew = [
        subprocess.Popen(
            [sys.executable, "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        for _ in range(PROCESSES)
    ]
    ports = [free_port()]
    for each in crew:
        assert each.stdout is not None
        ports += map(int, each.stdout.readline().split())
    for each in crew:
        each.communicate()
    assert len(set(ports)) == len(ports) == PROCESSES * EACH + 1
