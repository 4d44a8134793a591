"""A consent file that was lost takes the whole budget with it, whoever finds it. Policy: A2."""

import asyncio

import pytest

from telemetryd.runtime.assembly import Surroundings, assemble
from telemetryd.store import integrity, is_do_not_track_noted, open_store
from telemetryd.system.installed import InstalledFiles


@pytest.fixture
def damaged(tmp_path):
    """A state directory whose consent file is damaged."""
    path = tmp_path / "consent.sqlite"
    path.write_bytes(b"damaged" * 1000)
    return tmp_path


def test_the_timer_only_looks(damaged):
    """The look for DO_NOT_TRACK leaves a damaged file where it is."""
    before = (damaged / "consent.sqlite").read_bytes()
    assert not is_do_not_track_noted(damaged)
    assert {path.name: path.read_bytes() for path in damaged.iterdir()} == {"consent.sqlite": before}


def test_the_note_is_found(tmp_path):
    """What a daemon noted, the timer finds; and no file is made for asking."""
    assert not is_do_not_track_noted(tmp_path)
    assert list(tmp_path.iterdir()) == []
    store = open_store(tmp_path, is_developer=False)
    store.consents.set_levels(store.consents.levels)
    store.consents.note_do_not_track(is_set=True)
    store.close()
    assert is_do_not_track_noted(tmp_path)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_lost_file_is_spent_for_ever(damaged, interrupted):
    """Damage found by whoever, or by a process that died before it could say so: the ledger counts as spent from then on."""
    if interrupted:
        open_store(damaged, is_developer=False).close()
    for _ in range(2):
        assembly = assemble(
            InstalledFiles({"HOME": str(damaged), "TELEMETRYD_CONFIG_DIRS": "/nowhere"}), damaged, Surroundings(asyncio.Lock())
        )
        assert assembly.store.consents.is_spent
        assembly.close()


def test_a_lot_that_nobody_drew_is_spent(tmp_path):
    """A lot that is no 64-bit number is not believed, and neither is the ledger beside it."""
    store = open_store(tmp_path, is_developer=False)
    store.consents.set_levels(store.consents.levels)
    with store.consent.change() as connection:
        connection.execute("INSERT INTO lot VALUES ('a.b.c', 'q', 'never', 'x', 'y')")
        integrity.write_checksum(connection)
    store.close()
    again = open_store(tmp_path, is_developer=False)
    assert (again.consents.lots, again.consents.is_spent) == ({}, True)
    again.close()
