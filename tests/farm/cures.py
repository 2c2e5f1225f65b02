"""Each trouble that a test can cause for real, and the remedy of the table, as an operator would apply it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from collector import sudoers
from tests.farm import acts
from tests.farm.patient import Patient

Act = Callable[[Patient], None]
HTTP: Final = b"HTTP/1.1 400 Bad Request\r\n\r\n"
BOTH_TRIED: Final = "PasswordAuthentication yes"


@dataclass(frozen=True)
class Cure:
    """One reason: how a host comes to it, and how it is applied what the remedy says in `words`."""

    reason: str
    words: str
    breaks: Act
    cures: Act
    is_of_account: bool = False  # it takes root, for a passwd and a sudoers of the host's own

    def __str__(self) -> str:
        return f"{self.reason}: {self.words}"


def configured(reason: str, words: str, before: tuple[str, ...], after: tuple[str, ...] = ()) -> Cure:
    """What lines of sshd_config cause and cure."""
    return Cure(
        reason,
        words,
        lambda patient: patient.server.restart(*before),
        lambda patient: patient.server.restart(*after),
    )


def of_inventory(reason: str, words: str, **wrong: object) -> Cure:
    """What a wrong entry in the inventory causes, and the right one cures."""

    def correct(patient: Patient) -> None:
        patient.asked(**{name: getattr(patient.server.host(0), name) for name in wrong})

    return Cure(reason, words, lambda patient: patient.asked(**wrong), correct)


def of_shell(reason: str, words: str, shell: str) -> Cure:
    """What the account's login shell causes, and /bin/sh cures."""

    def give(patient: Patient, path: str) -> None:
        patient.asked(user=patient.account)
        patient.files.give_shells({patient.account: path})

    return Cure(
        reason, words, lambda patient: give(patient, shell), lambda patient: give(patient, "/bin/sh"), True
    )


def of_start_file(reason: str, words: str, text: str, *, exec_s: float = 60.0, mended: str = "") -> Cure:
    """What the account's .bashrc causes."""

    def break_it(patient: Patient) -> None:
        patient.asked(user=patient.account)
        patient.files.give_shells({patient.account: "/bin/bash"})
        patient.start_file(text)
        patient.limited(exec_s=exec_s)

    def cure(patient: Patient) -> None:
        patient.start_file(mended)
        patient.limited()

    return Cure(reason, words, break_it, cure, True)


def of_sudo(reason: str, before: str) -> Cure:
    """What a sudoers causes, and the printed lines beside it cure."""

    def break_it(patient: Patient) -> None:
        patient.asked(user=patient.account, become=True)
        patient.files.give_shells({patient.account: "/bin/sh"})
        patient.files.allow(before.replace("ACCOUNT", patient.account))

    def cure(patient: Patient) -> None:
        printed = sudoers.rule(patient.account)
        patient.files.allow(before.replace("ACCOUNT", patient.account) + printed)

    return Cure(reason, "`mapsweep sudoers` prints", break_it, cure, True)


CURES: Final = (
    of_inventory("tcp_refused", "check ansible_port", port=1),
    Cure("banner_timeout", "check that sshd answers there", acts.stopped, acts.goes_on),
    configured("peer_too_old", "allow it a newer algorithm",
               ("KexAlgorithms diffie-hellman-group14-sha1",),
               ("KexAlgorithms diffie-hellman-group14-sha1,ecdh-sha2-nistp256",)),
    configured("peer_too_strict", "allow one of mapsweep's algorithms in the server's configuration",
               ("Ciphers chacha20-poly1305@openssh.com",),
               ("Ciphers chacha20-poly1305@openssh.com,aes256-ctr",)),
    Cure("hostkey_unknown", "add the key to known_hosts (ssh-keyscan)",
         lambda patient: patient.known(""), Patient.scan),
    Cure("hostkey_unknown", "--accept-new-host-keys",
         lambda patient: patient.known(""), acts.keeps_the_first_key),
    Cure("hostkey_changed", "remove the old key from known_hosts (ssh-keygen -R) and add the new one",
         acts.another_host_key_is_known, acts.host_key_replaced),
    Cure("hostkey_type_unknown", "add one of the offered type", acts.another_type_is_known, Patient.scan),
    Cure("hostkey_revoked", "give the host a new one", acts.host_key_revoked, acts.new_host_key),
    Cure("hostkey_not_kept", "write the file of accepted keys",
         acts.accepted_keys_cannot_be_kept, acts.accepted_keys_can_be_kept),
    Cure("auth_rejected", "add the public key to authorized_keys",
         acts.no_authorized_key, acts.key_authorized),
    configured("auth_method", "PubkeyAuthentication yes",
               ("PubkeyAuthentication no", BOTH_TRIED), ("PubkeyAuthentication yes", BOTH_TRIED)),
    configured("auth_incomplete", "exempt this account and key (AuthenticationMethods)",
               ("AuthenticationMethods publickey,password", BOTH_TRIED),
               ("AuthenticationMethods publickey", BOTH_TRIED)),
    Cure("too_many_keys", "name the host's one key (ansible_ssh_private_key_file)", acts.many_keys,
         lambda patient: patient.asked(key_file=str(patient.server.key_file))),
    Cure("too_many_keys", "raise MaxAuthTries", acts.many_keys,
         lambda patient: patient.server.restart("MaxAuthTries 10")),
    of_inventory("no_key", "give ansible_ssh_private_key_file", key_file=""),
    of_inventory("key_unreadable", "check the file that the detail names",
                 key_file="/no/such/key"),
    Cure("key_unreadable", "check the file", acts.damaged_key, acts.whole_key),
    Cure("key_exposed", "keep it for this account alone (chmod 600)", acts.key_of_everybody, acts.own_key),
    Cure("key_encrypted", "give its passphrase", acts.locked_key, acts.passphrase_given),
    Cure("certificate_unreadable", "sign a new certificate for the key (ssh-keygen -s)",
         acts.damaged_certificate, acts.new_certificate),
    Cure("certificate_unreadable", "or remove it", acts.damaged_certificate, acts.no_certificate),
    of_sudo("sudo_password", "ACCOUNT ALL=(ALL) ALL\n"),
    of_sudo("sudo_password", ""),
    of_sudo("sudo_not_allowed", "Defaults !authenticate\n"),
    of_sudo("sudo_not_allowed", "Defaults !authenticate\nACCOUNT ALL=(root) /bin/true\n"),
    of_sudo("sudo_tty", "Defaults requiretty\nACCOUNT ALL=(root) NOPASSWD: ALL\n"),
    Cure("sudo_missing", "remove ansible_become from the host", acts.lacks_sudo,
         lambda patient: patient.asked(become=False)),
    Cure("sudo_missing", "install sudo there", acts.lacks_sudo_with_a_rule,
         lambda patient: patient.server.restart(acts.tools(patient, "sudo")), True),
    Cure("root_refused", "remove ansible_become", acts.through_sudo_with_a_root,
         lambda patient: patient.asked(become=False), True),
    of_shell("nologin", "give the account a shell (usermod -s /bin/sh)", "/usr/sbin/nologin"),
    of_shell("no_stream", "see which command the account gets: its shell", "/bin/false"),
    of_shell("no_shell", "give the account a shell that may execute /bin/sh", "/bin/rbash"),
    configured("no_stream", "ForceCommand in sshd_config", ("ForceCommand /bin/false",)),
    Cure("no_stream", "command= in authorized_keys", acts.forced_by_key, acts.freed_of_command),
    of_start_file("no_stream", "an exit in its .bashrc", "exit 3\n"),
    of_start_file("exec_timeout", "a .bashrc that waits", "exec sleep 20\n", exec_s=2.0),
    of_start_file("exec_cut", "case $- in *i*) ;; *) return ;; esac", "yes | head -c 8000000\n",
                  mended="case $- in *i*) ;; *) return ;; esac\nyes | head -c 8000000\n"),
    configured("exec_refused", "see MaxSessions", ("MaxSessions 0",), ("MaxSessions 10",)),
    Cure("no_proc", "check mapsweep_root of the host in the inventory", acts.no_tree,
         lambda patient: patient.asked(root="")),
    Cure("no_proc", "mount -t proc proc /proc", acts.proc_hidden, acts.proc_mounted, True),
    Cure("no_tool", "install one of them", acts.lacks_tools, acts.has_grep),
    Cure("truncated", "see what ended the probe on the host", acts.probe_killed, acts.probe_lives),
    Cure("inflated_limit", "raise limits.inflated_bytes",
         lambda patient: patient.limited(inflated_bytes=1000), Patient.limited),
)  # fmt: skip
