"""From the start of the probe to the result of a host: what can go wrong."""

from typing import Final

from domain.records import Stage
from domain.troubles.trouble import CONNECTED, Trouble

_PROBE: Final = (Stage.SUDO, Stage.EXEC)

PROGRAM: Final = (
    Trouble(
        "sudo_refused",
        (Stage.SUDO,),
        "sudo did not start the probe; the detail has its words",
        "allow the probe with the lines that `mapsweep sudoers` prints (docs/security.md)",
    ),
    Trouble(
        "sudo_password",
        (Stage.SUDO,),
        "sudo asks for a password: no rule allows this account the probe without one",
        "allow the probe with the lines that `mapsweep sudoers` prints (docs/security.md)",
    ),
    Trouble(
        "sudo_not_allowed",
        (Stage.SUDO,),
        "sudo says that this account may not do it",
        "allow the probe with the lines that `mapsweep sudoers` prints (docs/security.md)",
    ),
    Trouble(
        "sudo_tty",
        (Stage.SUDO,),
        "sudo wants a terminal (requiretty)",
        "add the second line that `mapsweep sudoers` prints: Defaults with !requiretty, for this account",
    ),
    Trouble(
        "sudo_missing",
        _PROBE,
        "the host has no sudo",
        "install sudo there, or remove ansible_become from the host",
    ),
    Trouble(
        "sudo_timeout",
        (Stage.SUDO,),
        "sudo did not start the probe within limits.exec_s",
        "see what sudo waits for on the host (PAM, LDAP, DNS); raise limits.exec_s if it is slow",
        may_pass=True,
    ),
    Trouble(
        "root_refused",
        (Stage.EXEC,),
        "the probe refuses root= through sudo",
        "the probe refuses root= through sudo: connect as root, or remove ansible_become",
    ),
    Trouble(
        "nologin",
        _PROBE,
        "the account's login shell only says that the account is not available",
        "give the account a shell (usermod -s /bin/sh), or another account in ansible_user",
    ),
    Trouble(
        "no_shell",
        (Stage.EXEC,),
        "the account's shell found no /bin/sh, or may not execute it",
        "give the account a shell that may execute /bin/sh (a restricted one may not)",
    ),
    Trouble(
        "no_stream",
        (Stage.EXEC, Stage.READ),
        "something else was executed in the probe's place, and ended",
        "see which command the account gets: its shell, ForceCommand in sshd_config,"
        " command= in authorized_keys, or an exit in its .bashrc",
    ),
    Trouble(
        "exec_refused",
        _PROBE,
        "the server refuses to execute commands for this account",
        "see MaxSessions and ForceCommand in sshd_config, and restrictions in authorized_keys",
    ),
    Trouble(
        "exec_timeout",
        (Stage.EXEC,),
        "the probe sent nothing within limits.exec_s",
        "log in by hand and see what hangs (a .bashrc that waits, a dead mount);"
        " raise limits.exec_s if it is slow",
        may_pass=True,
    ),
    Trouble(
        "exec_cut",
        (Stage.EXEC,),
        "the login shell printed so much that reading was stopped",
        "keep the account's .bashrc silent where no terminal is: case $- in *i*) ;; *) return ;; esac",
    ),
    Trouble(
        "no_proc",
        (Stage.EXEC,),
        "there are no processes in /proc of the host",
        "mount /proc there (mount -t proc proc /proc), or check mapsweep_root of the host in the inventory",
    ),
    Trouble(
        "no_tool",
        (Stage.EXEC,),
        "the host has neither awk nor grep",
        "the host has neither awk nor grep: install one of them",
    ),
)
READING: Final = (
    Trouble(
        "total_timeout",
        CONNECTED,
        "the host had all of limits.total_s, and had not begun to send",
        "see what makes the host slow; raise limits.total_s, or the limit of that stage",
        may_pass=True,
    ),
    Trouble(
        "truncated",
        (Stage.READ,),
        "the stream ended before its first record",
        "see what ended the probe on the host: the OOM killer, ulimit, a full process table",
        may_pass=True,
    ),
    Trouble(
        "inflated_limit",
        (Stage.READ,),
        "what came is larger than limits.inflated_bytes once it is unpacked",
        "raise limits.inflated_bytes if the host is that large",
    ),
    Trouble(
        "sweep_limit",
        (Stage.READ,),
        "the hosts that were read at once sent more than limits.sweep_bytes, and this one much of it",
        "sweep the host alone (--hosts); if it is that large, raise limits.sweep_bytes",
        may_pass=True,
    ),
    Trouble(
        "spool_failed",
        (Stage.READ,),
        "what came is kept in a file until it is unpacked, and the folder of that took no more",
        "free space there (df -h): in the folder of the run, or of temporary files for runs in a bucket",
        may_pass=True,
    ),
    Trouble(
        "unpack_timeout",
        (Stage.READ,),
        "what came could not be unpacked in time",
        "see what makes the host send so much; raise limits.total_s if it is that large",
        may_pass=True,
    ),
    Trouble(
        "unreadable_dump",
        (Stage.CLASSIFY,),
        "the dump is damaged or is no stream of the probe",
        "sweep the host again; if that fails too, report it with the dump",
    ),
    Trouble(
        "dump_locked",
        (Stage.CLASSIFY,),
        "the dump is encrypted, and no private key of whoever classified it fits",
        "the dump is kept: add its private key to the file that dump_identity_file names, then mapsweep"
        " reclassify RUN",
    ),
    Trouble(
        "classify_timeout",
        (Stage.CLASSIFY,),
        "the dump was not classified within limits.classify_s",
        "raise limits.classify_s if the host is that large",
        may_pass=True,
    ),
    Trouble(
        "archive_error",
        (Stage.RECORD, Stage.CLASSIFY),
        "the host's files in the run could not be written or read",
        "let the account of the workers read and write everything in the folder of the run",
    ),
    Trouble(
        "worker_lost",
        (Stage.READ, Stage.WORKER),
        "a process of mapsweep was killed while it worked on the host",
        "look for the OOM killer in the kernel's log of this machine, and in the workers' log",
        may_pass=True,
    ),
    Trouble(
        "out_of_memory",
        tuple(Stage),
        "this machine, or limits.classify_bytes, has no memory for what the host sent",
        "raise limits.classify_bytes if the host is that large; else give this machine more memory, or lower"
        " --concurrency or limits.inflated_bytes",
        may_pass=True,
    ),
    Trouble(
        "deadline",
        (Stage.WORKER,),
        "the deadline of the run passed before the host was done",
        "add workers, or raise the deadline",
        may_pass=True,
    ),
    Trouble(
        "bug",
        tuple(Stage),
        "a bug in mapsweep",
        "a bug in mapsweep: please report it with the host's file under failures/ in the run",
    ),
)
