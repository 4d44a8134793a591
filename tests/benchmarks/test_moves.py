"""moves.py in its short form, which is all of it."""

import pytest
from benchmarks import moves


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """The shortest of each walk."""
    return moves.shortest(tmp_path_factory.mktemp("moves"))


MOST = {"push": 36, "acceptance": 186, "withdrawal": 166}
"""Moves of each walk, with room for a retried read of the socket."""


@pytest.mark.parametrize("walk", moves.WALKS)
def test_a_walk_stays_short(walks, walk):
    """No walk moves between files more often than it did when it was last made shorter."""
    assert sum(walks[walk].values()) <= MOST[walk]


@pytest.mark.parametrize("walk", moves.WALKS)
def test_a_walk_begins_and_ends_at_the_bus(walks, walk):
    """Each walk goes from the message to the reply, by way of the engine and the store."""
    found = moves.files(walks[walk])
    assert {"bus/transport/connection.py", "bus/dispatch.py", "engine/samples/sampling.py", "store/database.py"} <= found
    assert all(before != after for before, after in walks[walk])
