"""Where the search for odd key files begins: as OpenSSH and OpenSSL make them."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import line

PASSPHRASE = "sesame"
_KEYS = (
    *("ssh-keygen -q -t ed25519 -N  -f", "ssh-keygen -q -t ecdsa -N  -C  -f", "ssh-keygen -q -t rsa -N  -f"),
    *(f"ssh-keygen -q -t ed25519 -a 1 -Z {cipher} -N {PASSPHRASE} -f"
      for cipher in ("aes256-ctr", "aes128-cbc", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")),
    *("ssh-keygen -q -t rsa -m PEM -N  -f", f"ssh-keygen -q -t ecdsa -m PEM -N {PASSPHRASE} -f"),
    f"ssh-keygen -q -t rsa -m PKCS8 -N {PASSPHRASE} -f",
    *("openssl genpkey -algorithm ed25519 -out", "openssl ecparam -name secp384r1 -genkey -out"),
    *("openssl genpkey -algorithm x25519 -out", "openssl ecparam -name secp256k1 -genkey -noout -out"),
)  # fmt: skip


@cache
def key_seeds() -> tuple[bytes, ...]:
    """Private keys of each type, form and cipher."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(_made(command, Path(folder) / str(number)) for number, command in enumerate(_KEYS))


@cache
def certificate_seeds() -> tuple[tuple[bytes, bytes], ...]:
    """Private keys with a certificate of each: of users and of a host, with options and without."""
    seeds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _made("ssh-keygen -q -t ed25519 -N  -f", folder / "ca")
        for number, (kind, options) in enumerate(
            (
                ("ed25519", "-n root"),
                ("ecdsa", "-O force-command=true -V +1d"),
                ("rsa", ""),
                ("ed25519", "-h"),
            )
        ):
            key = folder / str(number)
            content = _made(f"ssh-keygen -q -t {kind} -N  -f", key)
            sign = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "fuzz", *options.split()]
            subprocess.run([*sign, f"{key}.pub"], check=True, capture_output=True)
            seeds.append((content, Path(f"{key}-cert.pub").read_bytes()))
    return tuple(seeds)


@cache
def known_hosts_seeds() -> tuple[bytes, ...]:
    """Files with plain, hashed, marked and patterned names."""
    kind = b"ssh-ed25519"
    key = HostKey(kind.decode(), len(kind).to_bytes(4, "big") + kind + bytes(32))
    hashed = "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|AAECAwQFBgcICQoLDA0ODxAREhM="
    names = ("web1,WEB2,10.0.0.1", "[web1]:2222", "*.example,!bad.example", "[10.0.0.?]:2222", hashed)
    entries = [line(name, key) for name in names]
    marked = [f"{marker} {entry}" for marker in ("@revoked", "@cert-authority") for entry in entries]
    return "".join(entries).encode(), "".join(("# a comment\n\n", *marked, *entries)).encode()


def _made(command: str, path: Path) -> bytes:
    subprocess.run([*command.split(" "), str(path)], check=True, capture_output=True)
    return path.read_bytes()
