"""A first look by the search that `make fuzz` goes on with."""

from contextlib import suppress
from random import Random

import pytest
from hypothesis import settings

from collector.ssh.key_files import paramiko_key, private_key
from collector.ssh.public_files import certificate, wire
from collector.trouble import HostTrouble
from procmaps.read import read_process
from procmaps.tables import Trouble
from tests.fuzz.mutation import MUTATES, PLACES, mutated
from tests.fuzz.search import SEARCHES, examine
from tests.fuzz.seeds import host_seeds, process_seeds
from tests.fuzz.ssh_seeds import PASSPHRASE, certificate_seeds, key_seeds, known_hosts_seeds

EXAMPLES = {
    "any_process": 60,
    "any_host": 30,
    "any_bytes": 60,
    "any_key": 60,
    "any_certificate": 60,
    "any_known_hosts": 60,
}


@pytest.mark.parametrize("name", SEARCHES)
def test_any_input_gives_a_result_or_the_error_that_is_meant(name: str) -> None:
    settings(max_examples=EXAMPLES[name], deadline=None)(SEARCHES[name])()


def test_the_search_reaches_what_can_be_odd() -> None:
    """Whatever Trouble there is comes up, lest the search pass for want of trying."""
    draw = Random(1)
    reached = 0
    for _ in range(400):
        steps = [(draw.choice(MUTATES), draw.randrange(PLACES), draw.randrange(PLACES)) for _ in range(6)]
        name, text = draw.choice(
            [pair for seed in process_seeds()[:8] for pair in seed.items() if pair[0] == "maps"]
        )
        reached |= int(read_process({name: mutated(text, steps)}, 1).processes.trouble[0])
    assert reached == Trouble.TORN | Trouble.CUT | Trouble.EMPTY | Trouble.UNREADABLE_LINES


def test_the_seeds_hold_as_they_are() -> None:
    assert len(process_seeds()) > 80
    assert len(host_seeds()) == 3
    examine(read_process(process_seeds()[0], 1))


@pytest.mark.parametrize("mutate", MUTATES, ids=lambda mutate: mutate.__name__)
def test_each_mutation_changes_something(mutate: object) -> None:
    text = process_seeds()[0]["maps"]
    chosen = next(one for one in MUTATES if one is mutate)
    values = (1, 2, 259, 4097, PLACES - 1)
    assert any(mutated(text, [(chosen, PLACES // 3, value)]) != text for value in values)


def test_the_seeds_of_ssh_are_read_as_they_are() -> None:
    """Eleven can be read; the others are of a cipher, a curve or an algorithm that is not supported."""
    read = 0
    for content in key_seeds():
        with suppress(HostTrouble):
            assert paramiko_key(private_key(content, PASSPHRASE))
            read += 1
    assert (read, len(key_seeds())) == (11, 14)
    assert [_is_accepted(*seed) for seed in certificate_seeds()] == [True, True, True, False]
    for content in known_hosts_seeds():
        assert content.startswith((b"web1", b"#"))


def _is_accepted(content: bytes, signed: bytes) -> bool:
    with suppress(HostTrouble):
        return certificate(signed)[1] == wire(private_key(content, "").public_key())
    return False


def test_mutations_leave_a_text_even_of_nothing() -> None:
    for mutate in MUTATES:
        assert isinstance(mutated(b"", [(mutate, 0, 7), (mutate, PLACES - 1, PLACES - 1)]), bytes)
