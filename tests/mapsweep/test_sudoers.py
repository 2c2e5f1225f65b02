from collector.sudoers import rule
from mapsweep.terminal.exits import Exit
from tests.mapsweep.conftest import Here


def test_the_line_for_an_account(here: Here) -> None:
    printed = here("sudoers", "%ops")
    assert (printed.code, printed.out, printed.err) == (Exit.OK, rule("%ops"), "")


def test_what_is_no_account_is_told(here: Here) -> None:
    refused = here("sudoers", "ALL, x")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "'ALL, x' is not an account name" in refused.err


def test_an_alias_of_sudoers_is_no_account(here: Here) -> None:
    for name in ("ALL", "ADMINS", "X_1"):
        refused = here("sudoers", name)
        assert (refused.code, refused.out) == (Exit.USAGE, "")
        assert f"'{name}' is an alias in sudoers" in refused.err
    assert here("sudoers", "Al").code == Exit.OK
