"""Limits of cgroups: folders like /sys/fs/cgroup, and what the probe sends of the same host."""

from pathlib import Path

import pytest

from mapsweep.process_view.cgroup_limits import DEPTH_LIMIT_COUNT, limits_of
from tests.collector.hosts_side import AWKS, contents, make_tools, run
from tests.collector.proc_tree import add_facts, add_process

V2 = {"memory.max": "max\n", "memory.current": "4096\n"}
V1 = {"memory.limit_in_bytes": "1000\n", "memory.usage_in_bytes": "10\n"}


def group(folder: Path, values: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(value)


def test_a_group_and_each_above_it_that_has_limits(tmp_path: Path) -> None:
    group(tmp_path / "a/b/c", V2 | {"memory.max": "512\n"})
    group(tmp_path / "a", V2)
    assert limits_of(b"0::/a/b/c\n", tmp_path) == b"/a/b/c\t512\t4096\n/a\tmax\t4096\n"


@pytest.mark.parametrize("controllers", [b"memory", b"cpu,memory", b"memory,hugetlb"])
def test_the_first_version_has_its_own_folder(tmp_path: Path, controllers: bytes) -> None:
    group(tmp_path / "memory/a", V1)
    text = b"9:name=systemd:/x\n4:" + controllers + b":/a\n3:cpuset:/a\n0::/\n"
    assert limits_of(text, tmp_path) == b"/a\t1000\t10\n"


@pytest.mark.parametrize(
    "text", [b"", b"0::/\n", b"0::/gone\n", b"0::none\n", b"\xff\0", b"0::/\0\n", b"4:cpu:/a\n"]
)
def test_what_has_no_limits_gives_none(tmp_path: Path, text: bytes) -> None:
    group(tmp_path, V2)
    assert limits_of(text, tmp_path) == b""


def test_the_depth_has_a_limit(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(DEPTH_LIMIT_COUNT + 1):
        folder /= "a"
        group(folder, V2)
    for depth in (DEPTH_LIMIT_COUNT, DEPTH_LIMIT_COUNT + 1):
        assert limits_of(b"0::" + b"/a" * depth, tmp_path).count(b"\n") == DEPTH_LIMIT_COUNT


def test_they_are_what_the_probe_sends(tmp_path: Path) -> None:
    root = tmp_path / "root"
    add_facts(root)
    cgroup = b"4:memory:/docker/abc\n3:cpu:/docker\n0::/system.slice/x.service\n"
    add_process(root, 7, cgroup=cgroup)
    group(root / "sys/fs/cgroup/memory/docker/abc", V1)
    sent = contents(
        run(make_tools(tmp_path / "bin", ("gzip", "nice", "tr", "uname"), AWKS[0]), root).parts()[0]
    )
    lines = sorted(limits_of(cgroup, root / "sys/fs/cgroup").splitlines())
    assert lines == sorted(sent["cgroup-memory", 0].splitlines())
    assert len(lines) == 3
