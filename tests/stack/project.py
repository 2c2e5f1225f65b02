"""The project folder of the stack: this repository's files, and what people put into deploy/."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.sshd import keygen

CLONE = Path(__file__).parents[2]
HERE = Path(__file__).parent
BASE = "mapsweep-stack-base"
ACCOUNT = 10001  # of the containers
HOSTS = ("host-a", "host-b", "host-c")
PACKAGES = (
    "python3,python3-venv,python3-aiosmtpd,redis-server,redis-tools,ca-certificates,openssh-server,procps"
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SETTINGS = {
    "runs": "/var/lib/mapsweep/runs",
    "inventory": "/etc/mapsweep/inventory.yaml",
    "ssh": {"known_hosts": ["/etc/mapsweep/known_hosts"], "use_agent": False},
    "broker": "redis://redis:6379/0",
    "broker_password_file": "/run/secrets/redis_password",
    "signing_key_file": "/run/secrets/signing_key",
    "mail": {"from": "mapsweep@example.org", "server": "mail", "port": 8025, "security": "none"},
}


def base_archive() -> Path:
    """Debian's smallest system with what the images need, as a tar file; it is made once, in build/."""
    kept, root = CLONE / "build/stack-base.tar", CLONE / "build/stack-base"
    if not kept.exists():
        shutil.rmtree(root, ignore_errors=True)
        root.parent.mkdir(exist_ok=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root], check=True
        )
        # the authorities that this machine trusts: a company's proxy may sign what pip gets
        shutil.copy(CERTIFICATES, root / "etc/ssl/certs")
        subprocess.run(["tar", "-C", root, "-cf", kept.with_suffix(".part"), "."], check=True)
        kept.with_suffix(".part").rename(kept)
        shutil.rmtree(root)
    return kept


def lay_out(project: Path) -> None:
    """Copy the committed and changed files, and write settings, keys and the stack's own services."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CLONE,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (CLONE / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, project / name)
    shutil.copy(HERE / "stack.yml", project / "stack.yml")
    (project / "keys").mkdir()
    (project / "mail").mkdir()
    shutil.copy(HERE / "sink.py", project / "mail/sink.py")
    deploy = project / "deploy"
    keygen(project / "keys/hostkey")
    keygen(deploy / "ssh_key")
    shutil.copy(deploy / "ssh_key.pub", project / "keys/authorized_keys")
    key = (project / "keys/hostkey.pub").read_text()
    (deploy / "config/known_hosts").write_text(f"{','.join(HOSTS)} {key}")
    for name in ("redis_password", "signing_key", "smtp_password"):
        (deploy / name).write_text(os.urandom(32).hex())
    for name in ("redis_password", "signing_key", "smtp_password", "ssh_key"):
        os.chown(deploy / name, 0, ACCOUNT)
        (deploy / name).chmod(0o640)
    replace_inventory(project, 1)


def schedule(project: Path, crontab: str) -> None:
    """Write the settings with one schedule."""
    nightly = {"name": "nightly", "hosts": "all", "crontab": crontab, "mail": ["sre@example.org"]}
    path = project / "deploy/config/mapsweep.yaml"
    path.write_text(json.dumps(SETTINGS | {"schedules": [nightly]}))


def replace_inventory(project: Path, names_per_host: int) -> None:
    """The hosts under several names each, in a new file that takes the old one's place, as editors do it."""
    hosts = {
        f"{host}-{number:02}": {
            "ansible_host": host,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": "/run/secrets/ssh_key",
        }
        for host in HOSTS
        for number in range(names_per_host)
    }
    path = project / "deploy/config/inventory.yaml"
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"fleet": {"hosts": hosts}}))
    new.rename(path)
