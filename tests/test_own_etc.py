"""A made host keeps its accounts while this machine's are changed."""

import subprocess
from pathlib import Path

from tests.collector.test_sudoers import needs_root
from tests.own_etc import OWN_ETC

# A namespace in place of this machine, and in it a host with its own passwd, which is read after the
# machine's was replaced as useradd does it.
_MACHINE = f"""\
set -e
{OWN_ETC}
mkfifo go ready
unshare --mount /bin/sh -c '. ./host' &
read -r _ <ready
cp -a /etc/passwd /etc/passwd+
mv /etc/passwd+ /etc/passwd
echo >go
wait $!
"""
_HOST = f"""\
{OWN_ETC}
mount --bind own /etc/passwd || exit 77
echo >ready
read -r _ <go
exec cat /etc/passwd
"""


@needs_root
def test_a_new_account_of_this_machine_changes_none_of_a_made_host(tmp_path: Path) -> None:
    own = "nobody:x:65534:65534::/nonexistent:/bin/sh\n"
    for name, text in (("own", own), ("host", _HOST), ("machine", _MACHINE)):
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "machine"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == own, done.stderr
