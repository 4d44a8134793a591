"""Pages over the bus: what a client in any language asks for, and what is refused. Policy: T1, T3."""

import asyncio
import json

import pytest
from support.machine import CONTROL, KATE, PROPERTIES, CallError
from support.manifests.manifest_texts import STARTUP, application, question, this_week
from support.rows import row

from telemetryd.bus.transport.library import Variant

KATE_ID = "org.kde.kate"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
MANY = KATE + "".join(question(f"pace-{number}", "startup", purpose="Is it slow?", decision="None") for number in range(4))
SENTENCES = {"who", "why", "outcome", "sources", "together", "when", "often", "part", "until", "whom", "contact", "needs", "protection"}


def plain(value):
    """A value without its variants."""
    if isinstance(value, Variant):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


async def questions(client, **query):
    """A page: its rows and the next one's beginning. `query` is key → (type, value)."""
    body = {key: Variant(*typed) for key, typed in query.items()}
    return plain(await client.call(CONTROL, "Questions", "a{sv}", body))


async def history(client, before=0, limit=0, **chosen):
    """A page of the history, likewise."""
    body = {key: Variant(*typed) for key, typed in chosen.items()}
    return plain(await client.call(CONTROL, "HistoryPage", "tua{sv}", before, limit, body))


async def test_pages_are_the_list(any_machine):
    """However long the pages are, together they are what ListQuestions says, with every key and type."""
    for name in ("org.kde.ark", KATE_ID):
        any_machine.install(MANY.replace(KATE_ID, name))
    with any_machine.daemon():
        async with any_machine.client() as client:
            await client.consent(KATE_ID)
            (whole,) = plain(await client.call(CONTROL, "ListQuestions", "s", ""))
            for limit in (1, 3, 5, 10, 200, 0):
                rows, after, pages = [], "", 0
                while True:
                    page, after = await questions(client, limit=("u", limit), after=("s", after))
                    rows, pages = rows + page, pages + 1
                    if not after:
                        break
                assert (rows, pages) == (whole, 1 + (10 // limit if limit else 0))
            (page, _) = await questions(client, keys=("as", ["state"]), states=("as", ["waiting"]), application=("s", KATE_ID))
            assert page == [{"application": KATE_ID, "id": row["id"], "state": "waiting"} for row in whole if row["application"] == KATE_ID]


async def test_sentences_over_the_bus(any_machine):
    """A client that has none of our code gets every sentence in each of its languages, with the types that the interface names."""
    any_machine.install(MANY)
    with any_machine.daemon():
        async with any_machine.client() as client:
            (rows,) = [(await questions(client, languages=("as", ["de", "ja"]), limit=("i", 1)))[0]]
            sentences = rows[0]["sentences"]
            assert set(sentences) == {"de", "ja"}
            assert all(set(texts) == SENTENCES | {"figures", "changes", "reason"} for texts in sentences.values())
            (source,) = sentences["de"]["sources"]
            assert source["bins"][-1] == ["2000\u00a0ms oder mehr", ">=2000"]
        shown = json.loads(any_machine.busctl("--json=short", "call", *CONTROL, "Questions", "a{sv}", "1", "languages", "as", "1", "de"))
        signature = shown["data"][0][0]["sentences"]
        assert signature["type"] == "a{sa{sv}}"
        assert {key: value["type"] for key, value in signature["data"]["de"].items() if value["type"] != "s"} == {
            "sources": "aa{sv}",
            "figures": "as",
            "changes": "as",
        }


WRONG = (
    {"unheard-of": ("s", "")},
    {"application": ("u", 1)},
    {"states": ("s", "waiting")},
    {"keys": ("as", ["id"]), "limit": ("u", 201)},
    {"limit": ("i", -1)},
    {"limit": ("s", "1")},
    {"limit": ("b", True)},
    {"languages": ("as", ["de"] * 5)},
    {"languages": ("as", ["../../etc"])},
    {"languages": ("as", ["d" * 41])},
)


async def test_wrong_queries(any_machine):
    """A query that cannot be meant is refused, and the text says what was expected."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            for query in WRONG:
                with row(query):
                    with pytest.raises(CallError) as refused:
                        await questions(client, **query)
                    assert refused.value.name == INVALID
                    assert "expected" in refused.value.text or "the keys of the query are" in refused.value.text


async def test_history_in_pages(any_machine):
    """Reports are listed by the numbers of their rows; what cannot be meant is refused."""
    any_machine.install(this_week(MANY))
    any_machine.develop()
    with any_machine.daemon():
        async with any_machine.client() as client:
            await client.consent(KATE_ID)
            await client.call(CONTROL, "Submit")
            (whole,) = plain(await client.call(CONTROL, "History", "tu", 0, 0))
            assert len(whole) == 5
            rows, before, pages = [], 0, 0
            while True:
                page, before = await history(client, before, 2)
                rows, pages = rows + page, pages + 1
                if not before:
                    break
            assert (rows, pages) == (whole, 3)
            (page, following) = await history(client, keys=("as", ["outcome", "vendor_name"]), outcomes=("as", ["queued"]))
            assert (page, following) == (
                [{"application": KATE_ID, "id": row["id"], "outcome": "queued", "vendor_name": "kde"} for row in whole],
                0,
            )
            (page, _) = await history(client, (1 << 64) - 1, 0, application=("s", KATE_ID), question=("s", "pace-1"), since=("x", 1))
            assert [row["question"] for row in page] == ["pace-1"]
            for wrong in ({"question": ("s", "pace-1")}, {"since": ("s", "1")}, {"unheard_of": ("u", 1)}):
                with pytest.raises(CallError, match=r"expected|the keys") as refused:
                    await history(client, **wrong)
                assert refused.value.name == INVALID
            with pytest.raises(CallError, match="at most 200"):
                await history(client, 0, 201)


async def test_last_work_changes_without_a_signal(any_machine):
    """LastWork is 0 until something is open; then it says when the daemon looked last, and GetAll has it too."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            assert await client.get("LastWork") == 0
            await client.consent(KATE_ID)
            last = await client.get("LastWork")
            assert last > 1_700_000_000
            (everything,) = await client.call((CONTROL[0], CONTROL[1], PROPERTIES), "GetAll", "s", CONTROL[2])
            assert everything["LastWork"].signature == "t"


async def test_a_long_list_is_read_by_our_own_client(machine):
    """The longest list is read by the connection that the settings window has: the bound of values is for what nobody asked for.

    Before, the client dropped a reply of more than 24,000 values in silence, and its call never ended. A busy one, which sorts by sender
    what it reads, still did.
    """
    asked = "".join(question(f"q{number}", "startup", purpose="Is it slow?", decision="None") for number in range(60))
    machine.install(application("org.example.Many", "Many", "Asks much") + STARTUP + asked)
    with machine.daemon():
        async with machine.client() as client, asyncio.timeout(20):
            assert len(await client.questions()) == 60
            client.bus._pump.block(":1.999")  # somebody: from now on it sorts
            assert len(await client.questions()) == 60
