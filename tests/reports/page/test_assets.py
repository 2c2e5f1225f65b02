"""The style and the script as they stand in the page."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from reports import report as reporting
from reports.page import addresses, assets, page
from tests.reports.fleet import MIB, peers, run_of, runs_in

FILES = sorted((assets.FOLDER / "script").glob("*.js"))


def test_the_page_allows_its_own_style_and_script_and_nothing_else(tmp_path: Path) -> None:
    text = page.render(reporting.report(run_of(runs_in(tmp_path), *peers((MIB,))))).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = [b64encode(sha256(each.encode()).digest()).decode() for each in (style, script)]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{hashes[0]}'",
        f"script-src 'sha256-{hashes[1]}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert len(re.findall(r"<script", text)) == 2  # the data and the script


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_text_in_a_script_goes_over_the_end_of_a_line(file: Path) -> None:
    """Otherwise its indents would be lost, or a part of it taken for a comment."""
    for line in file.read_text("utf-8").splitlines():
        if not line.strip().startswith("//"):
            assert line.count("`") % 2 == 0
            assert not line.endswith("\\")
        assert not re.search(r"/\*(?!.*\*/)", line)


def test_the_script_is_all_files_in_the_order_of_their_names() -> None:
    script = assets.script()
    assert script.startswith('(async () => {\n"use strict";\n')
    assert script.endswith("\n})();\n")
    starts = []
    for file in FILES:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
        code = "\n".join(line for line in lines if line and not line.startswith("//"))
        starts.append(script.index(code))
    assert starts == sorted(starts)
    assert not re.search(r"^(//| )", script, re.MULTILINE)
    assert "</script" not in script


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web01.example.net", "web01.example.net"),
        ("a b/c?d#e%f&g=h", "a%20b%2Fc%3Fd%23e%25f%26g%3Dh"),
        ("-_.!~*'()", "-_.!~*'()"),
        ("\u00fc\u65e5\U0001f4be\x00", "%C3%BC%E6%97%A5%F0%9F%92%BE%00"),
        ('<">', "%3C%22%3E"),
    ],
)
def test_addresses_are_as_encode_uri_component_writes_them(text: str, said: str) -> None:
    assert addresses.part(text) == said
    assert addresses.process(text, 7) == f"#/host/{said}/7"
    assert addresses.service(text) == f"#/service/{said}"
