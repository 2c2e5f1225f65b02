from collector.inventory.ssh_arguments import judge


def test_a_proxy_command_is_repeated_without_its_password() -> None:
    verdict = judge("-o ProxyCommand='sshpass -p hunter2 ssh -W %h:%p bastion' -o Port=22")
    assert verdict.unsupported == ("-o ProxyCommand=sshpass -p *** ssh -W %h:%p bastion", "-o Port=22")


def test_what_cannot_be_split_is_repeated_without_its_password_too() -> None:
    (shown,) = judge("-o ProxyCommand='sshpass -p hunter2 ssh h").unsupported
    assert "hunter2" not in shown


def test_algorithms_stop_nothing_and_are_told() -> None:
    verdict = judge("-o KexAlgorithms=+diffie-hellman-group1-sha1 -oCiphers=aes256-ctr -o ForwardAgent=yes")
    assert verdict.unsupported == ()
    assert verdict.algorithms == ("-o KexAlgorithms=+diffie-hellman-group1-sha1", "-o Ciphers=aes256-ctr")
