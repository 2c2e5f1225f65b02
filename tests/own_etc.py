"""A mount namespace with an /etc of its own."""

from typing import Final

# To be written before what mounts a file over one of /etc. Where this machine's file is replaced, as
# /etc/passwd is for each new account, the kernel takes such a mount away, in all namespaces. A file that is
# gone before it is copied was part of such a change: once more.
OWN_ETC: Final = """\
mount -t tmpfs -o mode=755 none /mnt || exit 77
cp -a /etc/. /mnt || cp -a /etc/. /mnt || exit 77
mount --move /mnt /etc || exit 77
"""
