"""Control1 over the running parts, without a bus: how often it looks, and what it does when things change meanwhile."""

import asyncio

import pytest
from support.engine_flow import APP, KATE_2026, installed
from support.machine import CONTROL

from telemetryd.bus.control1 import Control, ControlParts
from telemetryd.bus.interfaces import PROPERTIES, load
from telemetryd.bus.members import Members
from telemetryd.bus.transport.library import Message
from telemetryd.engine.slices import Slices
from telemetryd.errors import BusyError, UnknownApplicationError

OTHER = "org.kde.dolphin"


@pytest.fixture
def running(tmp_path):
    """Two applications are installed, nothing is decided."""
    with installed(tmp_path) as running:
        running.install(KATE_2026.replace(APP, OTHER))
        yield running


class Looked:
    """Control1's members over the running parts; counts the looks at the files."""

    def __init__(self, running):
        choices, consents, catalogue = running.choices, running.store.consents, running.catalogue
        self._parts = ControlParts(
            choices, consents, catalogue, running.views, running.ticker, running.watch, running.erasure, running.store.problems
        )
        self._running = running
        self.looks = self.begun = 0
        self.control = Control(self._begin, self._look, dict, announce=lambda: None, slices=Slices(0))

    def _begin(self):
        self.begun += 1
        return self._parts

    async def _look(self):
        self.looks += 1
        self._running.look()

    async def ask(self, member, signature="", *body, interface=CONTROL[2]):
        """The body of the reply to a call."""
        call = Message(path=CONTROL[1], interface=interface, member=member, signature=signature, body=list(body))
        result = Members(load(CONTROL[2]), self.control.handlers()).route(None, call).handler(None, call)
        return result if isinstance(result, list) else await result


async def test_all_properties_are_of_one_look(running):
    """GetAll looks at the files once, and says the same as each property by itself."""
    looked = Looked(running)
    (properties,) = await looked.ask("GetAll", "s", CONTROL[2], interface=PROPERTIES)
    assert looked.looks == 1
    for name, value in properties.items():
        (single,) = await looked.ask("Get", "ss", CONTROL[2], name, interface=PROPERTIES)
        assert single.value == value.value, name


async def test_problems_are_those_of_all_manifests(running):
    """A file that changes right after the manifests were read does not hide the problems of one: they are read again."""
    looked, file = Looked(running), running.machine.root / "share/telemetryd/manifests/org.kde.broken.toml"
    file.write_text("schema = = 1")
    running.look()
    finds, left = running.views.manifests, 2

    def manifests():
        """The last piece is made, and then another call looks at changed files."""
        nonlocal left
        yield from finds()
        if left:
            left -= 1
            running.install(KATE_2026.replace(APP, f"org.kde.app{left}"))
            yield None

    running.views.manifests = manifests
    (problems,) = await looked.ask("Get", "ss", CONTROL[2], "Problems", interface=PROPERTIES)
    assert str(file) in {name for name, _ in problems.value}
    assert left == 0


async def test_problem_details_are_the_problems(running):
    """ProblemDetails has the problems in their order, those of every manifest too, each with its cause if it has one."""
    looked, shares = Looked(running), running.machine.root / "share/telemetryd"
    (shares / "manifests/org.kde.broken.toml").write_text("schema = = 1")
    running.machine.configure("developer = true\n")
    running.look()
    (details,) = await looked.ask("Get", "ss", CONTROL[2], "ProblemDetails", interface=PROPERTIES)
    (problems,) = await looked.ask("Get", "ss", CONTROL[2], "Problems", interface=PROPERTIES)
    rows = [{key: variant.value for key, variant in row.items()} for row in details.value]
    assert [[row["file"], row["text"]] for row in rows] == problems.value
    told = {row["file"].rpartition("/")[2]: (row["cause"], row["cause_args"]) for row in rows if row["file"]}
    assert told == {"telemetryd.toml": ("developer_in_system", {}), "org.kde.broken.toml": ("", {})}
    assert {row["cause"] for row in rows if not row["file"]} <= {"override"}


@pytest.mark.parametrize("changes", [0, 1, 2, 100])
async def test_a_view_that_changes_is_begun_anew(running, changes):
    """A reply is whole, of before or after a change; where things change all the time the caller is told to call again."""
    looked, consents, left = Looked(running), running.store.consents, changes

    def change():
        """With each round of the loop, once a view was begun."""
        nonlocal left, handle
        if left:
            if looked.begun:
                left -= 1
                consents.set_levels(consents.levels._replace(usage=left % 2))
            handle = asyncio.get_running_loop().call_soon(change)

    handle = asyncio.get_running_loop().call_soon(change)
    try:
        (rows,) = await looked.ask("ListQuestions", "s", "")
    except BusyError:
        assert (changes, looked.begun, looked.looks) == (100, 5, 1)
    else:
        assert [row["application"].value for row in rows] == [OTHER, APP]
        assert len({row["reason"].value for row in rows}) == 1
        assert changes < 100
        assert looked.begun in range(1 + bool(changes), 2 + changes)
    finally:
        handle.cancel()


async def test_an_error_comes_from_the_rows(running):
    """What a view raises after it was begun is the answer to the call."""
    with pytest.raises(UnknownApplicationError):
        await Looked(running).ask("ListQuestions", "s", "org.kde.nobody")
