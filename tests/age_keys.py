"""Keys for encrypted dumps, made for one test."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pyrage import x25519

from archive.dump_keys import DumpKeys


@dataclass(frozen=True, slots=True)
class AgeKey:
    """A private key in a file, and its public half."""

    public: str
    file: Path

    @property
    def keys(self) -> DumpKeys:
        """Of one who writes for this key and has it."""
        return DumpKeys((self.public,), str(self.file))

    @property
    def writes(self) -> DumpKeys:
        """Of one who has the public half alone."""
        return DumpKeys((self.public,))


def age_key(folder: Path, name: str = "identity") -> AgeKey:
    """A key as age-keygen writes it."""
    made, file = x25519.Identity.generate(), folder / name
    file.write_text(f"# public key: {made.to_public()}\n{made}\n")
    file.chmod(0o600)
    return AgeKey(str(made.to_public()), file)


def ssh_key(folder: Path, kind: str, passphrase: str = "") -> AgeKey:
    """A key as ssh-keygen writes it: ed25519, rsa or ecdsa."""
    file = folder / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", file], check=True)
    return AgeKey(file.with_suffix(".pub").read_text().strip(), file)
