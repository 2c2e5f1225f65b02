"""What a release is made of: locked dependencies, and one version that every place agrees on."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.test_packaging import run

CLONE = Path(__file__).parents[1]
PROJECT = tomllib.loads((CLONE / "pyproject.toml").read_text())
LOCK = (CLONE / "requirements.lock").read_text()
BUILD_LOCK = (CLONE / "requirements-build.lock").read_text()
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
HEADING = re.compile(r"^## (?P<title>.*)$", re.MULTILINE)
RELEASED = re.compile(r"(?P<version>\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d")


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each locked package with its lines: hashes, and comments that say which package wants it."""
    packed = "\n".join(line for line in lock.splitlines() if not line.startswith("#"))
    blocks = re.split(r"\n(?=[^\s#])", packed)
    return [
        (Requirement(block.splitlines()[0].removesuffix(" \\")), block.splitlines()[1:]) for block in blocks
    ]


def locked(lock: str, python: str) -> dict[str, str]:
    """Name and version of what is installed on Linux with this Python; its patch level may be left out."""
    environment = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python if python.count(".") == 2 else f"{python}.9",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = [each for each, _ in entries(lock) if each.marker is None or each.marker.evaluate(environment)]
    assert len({each.name for each in chosen}) == len(chosen)
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in chosen}


def wanted() -> list[Requirement]:
    """What the image needs: everything but the tools of development."""
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [
        *PROJECT["project"]["dependencies"],
        *(each for name in extras if name != "dev" for each in extras[name]),
    ]
    return [Requirement(each) for each in needed]


@pytest.mark.parametrize("lock", [LOCK, BUILD_LOCK])
def test_each_locked_package_has_one_version_and_hashes_and_no_index_is_named(lock: str) -> None:
    for package, lines in entries(lock):
        assert re.fullmatch(r"==[^,*]+", str(package.specifier)), package
        assert package.url is None
        hashes = [line.strip().removesuffix(" \\") for line in lines if not line.lstrip().startswith("#")]
        assert hashes, package
        assert all(HASH.fullmatch(each) for each in hashes), package
    assert "://" not in lock
    assert not re.search(r"^--", lock, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_the_metadata_asks_for(python: str) -> None:
    """Fails after a change to pyproject.toml: `make lock`."""
    have = locked(LOCK, python)
    for requirement in wanted():
        assert requirement.specifier.contains(have[canonicalize_name(requirement.name)]), requirement
    (setuptools,) = PROJECT["build-system"]["requires"]
    assert Requirement(setuptools).specifier.contains(locked(BUILD_LOCK, python)["setuptools"])


def test_the_lock_has_what_its_packages_ask_for() -> None:
    """As their metadata here says, of those that are installed here in the locked version."""
    have = locked(LOCK, f"{sys.version_info.major}.{sys.version_info.minor}")
    compared = 0
    for name, version in have.items():
        try:
            here = distribution(name)
        except PackageNotFoundError:
            continue
        if here.version != version:
            continue
        compared += 1
        for requirement in map(Requirement, here.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in have, f"{name} needs {requirement}: make lock"
    assert compared


def test_nothing_is_locked_that_nobody_asks_for() -> None:
    """A dependency that was dropped would stay in every image."""
    asked_by = {
        canonicalize_name(package.name): set(re.findall(r"#\s+(?:via\s+)?([\w.-]+)", "\n".join(lines)))
        for package, lines in entries(LOCK)
    }
    reached = {canonicalize_name(each.name) for each in wanted()}
    while more := {name for name, by in asked_by.items() if by & reached} - reached:
        reached |= more
    assert reached == set(asked_by)


def test_the_image_installs_from_the_lock_alone() -> None:
    dockerfile = (CLONE / "Dockerfile").read_text()
    installs = re.findall(r"^(?:RUN| &&) (\S+/pip (?:install|wheel) .*?)(?: \\)?$", dockerfile, re.MULTILINE)
    assert len(installs) == 4
    for command in installs:
        from_lock = "--require-hashes --only-binary=:all: --requirement /src/requirements" in command
        assert from_lock or "--no-index --no-deps" in command, command
    context = (CLONE / ".dockerignore").read_text().split()
    for file in re.findall(r"/src/(requirements\S*\.lock)", dockerfile):
        assert f"!{file}" in context


def sbom_of(path: Path, *, without: str = "", unhashed: str = "") -> Path:
    """As `make sbom` writes it, of the packages of this environment."""
    hashes = [{"type": "distribution", "hashes": [{"alg": "SHA-256", "content": "0" * 64}]}]
    named = [
        {"name": each.name, "version": each.version}
        | ({} if each.name == unhashed else {"externalReferences": hashes})
        for each in distributions()
        if each.name != without
    ]
    own = {"name": "mapsweep", "version": distribution("mapsweep").version}
    path.write_text(json.dumps({"metadata": {"component": own}, "components": named}))
    return path


@pytest.mark.parametrize(
    ("lacking", "complaint"),
    [({}, ""), ({"without": "celery"}, "celery"), ({"unhashed": "paramiko"}, "paramiko")],
)
def test_an_sbom_that_lacks_a_package_or_a_hash_does_not_pass(
    tmp_path: Path, lacking: dict[str, str], complaint: str
) -> None:
    sbom = sbom_of(tmp_path / "sbom.json", **lacking)
    checked = subprocess.run(
        [sys.executable, "scripts/sbom-check", sbom], cwd=CLONE, capture_output=True, text=True, check=False
    )
    assert checked.returncode == (1 if complaint else 0), checked.stderr
    assert complaint in checked.stderr


def test_an_audit_that_could_not_ask_does_not_pass(tmp_path: Path) -> None:
    """pip-audit without --strict ends with 0 although its service knew no package."""
    asked = tmp_path / "asked"
    audit = tmp_path / "pip-audit"
    audit.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\ncase "$*" in *--strict*) exit $(cat {tmp_path}/code) ;; esac\n'
    )
    audit.chmod(0o755)
    (tmp_path / "code").write_text("1")
    refused = run("sh", "scripts/audit", str(audit), "lowest.txt", check=False)
    assert refused.returncode == 1
    assert "nothing is known" in refused.stderr
    assert "requirements.lock" in asked.read_text()
    assert "requirements-build.lock" in asked.read_text()
    assert "lowest.txt" in asked.read_text()
    (tmp_path / "code").write_text("0")
    assert not run("sh", "scripts/audit", str(audit), "lowest.txt").stderr


def disagreements(version: str, changelog: str, tags: list[str]) -> list[str]:
    """What is wrong with a commit that has this version, this changelog and these tags."""
    title = HEADING.findall(changelog)[0]
    released = RELEASED.fullmatch(title)
    wrong = []
    if Version(version).is_devrelease:
        if title != "Unreleased":
            wrong.append(f"{version} is no release, but CHANGELOG.md begins with {title!r}")
    elif released is None or released["version"] != version:
        wrong.append(f"{version} is a release, but CHANGELOG.md begins with {title!r}")
    wrong += [f"the tag {tag} is on a commit of {version}" for tag in tags if tag != f"v{version}"]
    versions = [Version(found["version"]) for found in RELEASED.finditer(changelog)]
    if versions != sorted(set(versions), reverse=True):
        wrong.append("the releases in CHANGELOG.md are not in order")
    if released is None and versions and Version(version) <= versions[0]:
        wrong.append(f"{version} comes before the last release, {versions[0]}")
    return wrong


def test_version_changelog_and_tag_agree() -> None:
    version = PROJECT["project"]["version"]
    tags = [tag for tag in run("git", "tag", "--points-at", "HEAD").stdout.split() if tag.startswith("v")]
    assert disagreements(version, (CLONE / "CHANGELOG.md").read_text(), tags) == []


def test_the_command_says_the_version_of_the_metadata() -> None:
    """Fails where pyproject.toml changed after the installation: `make check` installs again."""
    mapsweep = Path(sys.executable).with_name("mapsweep")
    said = subprocess.run([mapsweep, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"mapsweep {PROJECT['project']['version']}\n"


@pytest.mark.parametrize(
    ("version", "headings", "tags", "wrong"),
    [
        ("0.1.0.dev0", ["Unreleased"], [], 0),
        ("0.1.0", ["0.1.0 - 2026-12-01"], ["v0.1.0"], 0),
        ("0.2.0.dev0", ["Unreleased", "0.1.0 - 2026-12-01"], [], 0),
        ("0.2.0", ["0.2.0 - 2027-01-01", "0.1.0 - 2026-12-01"], [], 0),
        ("0.1.0", ["Unreleased"], [], 1),
        ("0.1.0", ["0.1.0"], [], 1),
        ("0.1.0.dev0", ["0.1.0 - 2026-12-01"], [], 1),
        ("0.2.0", ["0.1.0 - 2026-12-01"], [], 1),
        ("0.1.0", ["0.1.0 - 2026-12-01"], ["v0.2.0"], 1),
        ("0.2.0.dev0", ["Unreleased"], ["v0.2.0"], 1),
        ("0.1.0.dev0", ["Unreleased", "0.1.0 - 2026-12-01"], [], 1),
        ("0.3.0", ["0.3.0 - 2027-02-01", "0.1.0 - 2026-12-01", "0.2.0 - 2027-01-01"], [], 1),
    ],
)
def test_disagreements_are_seen(version: str, headings: list[str], tags: list[str], wrong: int) -> None:
    changelog = "# Changelog\n\n" + "".join(f"## {each}\n\n- A line.\n\n" for each in headings)
    assert len(disagreements(version, changelog, tags)) == wrong


def test_security_md_says_how_to_report_and_its_references_are_there() -> None:
    text = (CLONE / "SECURITY.md").read_text()
    assert "## How to report" in text
    assert "## What is promised" in text
    tests = "\n".join(file.read_text() for file in (CLONE / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert [each for each in named if f"def {each}(" not in tests] == []
