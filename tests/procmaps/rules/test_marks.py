"""Runtimes and allocators by the files that a process maps executable."""

import numpy as np
import pytest

from procmaps.rules.marks import BIT, MARKS, FileMarks, Files, has, marks_of_files
from tests.procmaps.rules.labelled import read


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("/usr/lib/jvm/x/lib/server/libjvm.so", "jvm"),
        ("/lib/x86_64-linux-gnu/libc.so.6", "glibc"),
        ("/lib/x86_64-linux-gnu/libc-2.31.so", "glibc"),
        ("/lib/ld-musl-x86_64.so.1", "musl"),
        ("/usr/lib/x86_64-linux-musl/libc.so", "musl"),
        ("/usr/lib/libjemalloc.so.2 (deleted)", "jemalloc"),
        ("/usr/lib/libtcmalloc.so.4", "tcmalloc"),
        ("/usr/lib/libmimalloc.so.2", "mimalloc"),
        ("/opt/lib/libscudo.so", "other_malloc"),
        (
            "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.scudo_standalone-x86_64.so",
            "other_malloc",
        ),
        ("/opt/lib/libsnmallocshim-checks.so", "other_malloc"),
        ("/opt/lib/librpmallocwrap.so", "other_malloc"),
        ("/opt/lib/libhoard.so", "other_malloc"),
        ("/usr/lib/x86_64-linux-gnu/libasan.so.8.0.0", "asan"),
        ("/usr/lib/gcc/liblsan.so.0", "asan"),
        ("/usr/lib/libtsan.so.2", "tsan"),
        ("/usr/lib/libubsan.so.1", ""),
        ("/usr/bin/node", "v8"),
        ("/usr/bin/python3.11", "python"),
        ("/usr/lib/libpython3.12.so.1.0", "python"),
        ("/usr/share/dotnet/libcoreclr.so", "dotnet"),
        ("/usr/lib/erlang/bin/beam.smp", "beam"),
        ("/usr/sbin/php-fpm8.2", "php"),
        ("/usr/bin/nodepad", ""),
        ("/opt/libjvm.so/readme", ""),
    ],
)
def test_a_file_s_mark(path: str, mark: str) -> None:
    maps = read(f"7f0000000000-7f0000100000 r-xp 00000000 fe:00 5 {path}\n").maps
    marks, jvms = marks_of_files(maps, 1, np.ones(1, np.bool_))
    assert [name for name in MARKS if has(marks, name)[0]] == ([mark] if mark else [])
    assert jvms == ({0: path.encode()} if mark == "jvm" else {})


def test_files_that_are_not_executable_mark_nothing() -> None:
    maps = read("7f0000000000-7f0000100000 r--p 00000000 fe:00 5 /usr/lib/libjvm.so\n").maps
    assert not marks_of_files(maps, 1, np.ones(1, np.bool_))[0].any()


def test_a_process_carries_the_marks_of_all_its_files() -> None:
    line = "7f00000{at}00000-7f00000{at}80000 r-xp 00000000 fe:00 {at} /usr/lib/{name}\n"
    names = ("libc.so.6", "libjemalloc.so.2", "libjvm.so", "libpython3.11.so.1.0")
    maps = read("".join(line.format(at=at, name=name) for at, name in enumerate(names, 1))).maps
    marks, jvms = marks_of_files(maps, 1, np.ones(len(names), np.bool_))
    assert [name for name in MARKS if has(marks, name)[0]] == ["jvm", "glibc", "jemalloc", "python"]
    assert jvms == {0: b"/usr/lib/libjvm.so"}


def test_a_file_carries_each_mark_whose_pattern_it_matches() -> None:
    table = FileMarks(
        {
            "v8": Files(programs=b"chrome"),
            "mimalloc": Files(rb"mimalloc[^/]*", b"chrome"),
            "mono": Files(b"x"),
        }
    )
    assert table.of(b"/opt/chrome/chrome") == BIT["v8"] | BIT["mimalloc"]
    assert table.of(b"/usr/lib/libmimalloc.so (deleted)") == BIT["mimalloc"]
    assert table.of(b"/opt/chrome/chromedriver") == 0


def test_a_mark_that_is_asked_for_twice_is_still_itself() -> None:
    marks = np.array([BIT["jemalloc"], BIT["tcmalloc"]], np.uint64)
    assert has(marks, "jemalloc", "jemalloc").tolist() == [True, False]
