"""What a stranger meets first: the targets, the scripts, the recordings."""

import io
import lzma
import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
RECORDINGS_BYTES_MAX = 3 * 2**20


def test_make_help_names_each_target_and_the_targets_exist() -> None:
    makefile = (CLONE / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].split())
    assert {"demo", "test", "check", "bench", "clean", "help"} <= targets
    shown = run("make", "help").stdout
    for target in targets - {"help"}:
        assert f"make {target}" in shown
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_continuous_integration_runs_check_and_test() -> None:
    script = (CLONE / ".ci" / "run").read_text()
    assert "set -eu" in script
    assert script.index("make check") < script.index("make test")


@pytest.mark.slow
def test_the_demo_must_end_with_exactly_3() -> None:
    for code, accepted in ((3, True), (0, False), (1, False), (70, False)):
        assert (make_demo_with(code) == 0) is accepted


def make_demo_with(code: int) -> int:
    """The exit status of the demo's recipe where `mapsweep demo` ends with `code`."""
    recipe = run("make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.runs", "demo").stdout
    script = recipe.replace(".venv/bin/mapsweep demo --runs runs", f"sh -c 'exit {code}'")
    assert script != recipe
    return subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", ["scripts/environment", "scripts/system-packages", ".ci/run"])
def test_the_shell_scripts_parse_and_may_be_run(name: str) -> None:
    assert (CLONE / name).stat().st_mode & 0o111
    run("sh", "-n", name)


def test_an_old_python_is_refused_with_the_reason(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase $1 in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    refused = run("sh", "scripts/environment", str(old), str(tmp_path / "venv"), check=False)
    assert refused.returncode == 1
    assert "Python 3.9.2 is too old; mapsweep needs Python 3.11" in refused.stderr


def test_the_lowest_versions_are_those_of_the_metadata() -> None:
    pins = run(sys.executable, "scripts/lowest", "pyproject.toml").stdout.split()
    project = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["age"], *extras["s3"]]
    assert set(extras) == {"age", "s3", "dev"}
    assert [pin.replace("==", ">=") for pin in pins] == declared


def test_the_license_is_apache_2() -> None:
    text = (CLONE / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_recordings_are_small_and_hold_nothing_but_files() -> None:
    packed = files("mapsweep.demo").joinpath("recordings/fleet.tar.xz").read_bytes()
    assert len(packed) < RECORDINGS_BYTES_MAX
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as archive:
        members = archive.getmembers()
    assert all(member.isreg() and not member.mtime and not member.uid for member in members)
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert not [member.name for member in members if member.name.startswith("/") or ".." in member.name]


def test_the_recordings_name_no_folder_of_the_machine_they_were_made_on() -> None:
    text = lzma.decompress(files("mapsweep.demo").joinpath("recordings/fleet.tar.xz").read_bytes())
    for trace in (b"/home/", b"/root", b"/tmp/tmp", b"/mnt", b".venv", b"pyenv"):
        assert trace not in text


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=CLONE, capture_output=True, text=True, check=check, timeout=600)
