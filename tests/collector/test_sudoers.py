import os
import subprocess
from pathlib import Path

import pytest

from collector import probe, sudoers
from domain.mistakes import OperatorError
from tests.collector.hosts_side import NONCE, find

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace takes root")


def test_the_sudoers_rule_is_valid(tmp_path: Path) -> None:
    rule = tmp_path / "rule"
    rule.write_text(sudoers.rule("sweeper"))
    rule.chmod(0o440)
    subprocess.run([find("visudo"), "-cf", rule], check=True, capture_output=True)


@needs_root
def test_sudo_runs_exactly_the_probe_under_the_rule(tmp_path: Path) -> None:
    """In a mount namespace of its own, where /etc/sudoers has this rule alone."""
    rule = tmp_path / "sudoers"
    rule.write_text(sudoers.rule("nobody"))
    rule.chmod(0o440)
    script = tmp_path / "try"
    script.write_text(
        'mount --bind "$1" /etc/sudoers || exit 77\nshift\nexec setpriv --reuid 65534 --clear-groups "$@"\n'
    )
    prefix = ["unshare", "--mount", "/bin/sh", str(script), str(rule)]
    asked = f"{NONCE}\nsmaps_kb=0 root=\n".encode()
    allowed = subprocess.run(
        [*prefix, *probe.argv(become=True)], input=asked, capture_output=True, check=False
    )
    if allowed.returncode == 77:
        pytest.skip("no mount namespace here")
    assert allowed.returncode == 0, allowed.stderr
    assert allowed.stdout.startswith(f"{NONCE} begin 1\n".encode())
    for changed in (
        probe.SCRIPT + " id",
        probe.SCRIPT.replace("limits", "limit?"),
        probe.SCRIPT.replace("*", "x", 1),
    ):
        refused = subprocess.run(
            [*prefix, "sudo", "-n", "/bin/sh", "-c", changed], input=asked, capture_output=True, check=False
        )
        assert refused.returncode != 0
        assert refused.stdout == b""


@pytest.mark.parametrize("account", ["", "a b", "ALL, x", "x\ny", "#0", "a" * 65])
def test_what_is_no_account(account: str) -> None:
    with pytest.raises(OperatorError):
        sudoers.rule(account)
