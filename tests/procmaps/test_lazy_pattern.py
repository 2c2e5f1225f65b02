"""Patterns that are compiled at their first use."""

import re
import subprocess
import sys

import pytest

from procmaps.lazy_pattern import compiled

COUNTED = """
import re, sys
count = 0
def counting(pattern, flags=0):
    global count
    ours = sys._getframe(1).f_globals["__name__"].startswith("procmaps.")
    count += ours and isinstance(pattern, bytes)
    return real(pattern, flags)
real, re.compile = re.compile, counting
import procmaps.classify, procmaps.read, procmaps.secret_records
before = count
from procmaps.lazy_pattern import compile_all
compile_all()
print(before, count)
"""


def test_it_is_used_like_a_compiled_one() -> None:
    pattern = compiled(rb"(?P<name>[a-z]+)=", re.IGNORECASE)
    found = pattern.match(b"KEY=1")
    assert found is not None
    assert (found["name"], pattern.sub(b"", b"a=b"), pattern.groups) == (b"KEY", b"b", 1)


def test_what_is_wrong_in_it_is_raised_at_its_first_use() -> None:
    pattern = compiled(rb"(")
    with pytest.raises(re.error):
        pattern.search(b"")


def test_an_import_compiles_none_and_all_of_them_compile() -> None:
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before == 0
    assert after > 100
