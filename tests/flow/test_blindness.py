"""No reply to an application depends on what the user consented to. Policy: C3."""

import math
import sqlite3
from array import array
from contextlib import closing

import pytest
from support.bus.raw_bus import ERROR, ERROR_NAME, RETURN, SIGNATURE, RawBus
from support.machine import CONTROL, KATE, TELEMETRY, CallError, Machine, Variant
from support.machine_at import accept_last_week, daemon_at, edit, rows
from support.manifests.manifest_texts import this_week
from support.shifted_time import hastened

from telemetryd.bus.transport.library import Message, bus_call
from telemetryd.bus.transport.output import marshalled

KATE_ID, KWRITE_ID = "org.kde.kate", "org.kde.kwrite"
ASKED = this_week(KATE + "share = 0.999999999\n")
"""Nearly all who consent are asked: there are lots that are not drawn."""
KWRITE = ASKED.replace(KATE_ID, KWRITE_ID)
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://127.0.0.1:9/v1"\n'
STOP = f'[[stop]]\napplication = "{KATE_ID}"\nquestion = "startup-time"\nreason = "suspended"\ndate = 2026-01-02\n'
PROPERTIES = (TELEMETRY[0], TELEMETRY[1], "org.freedesktop.DBus.Properties")
NAN, INFINITY = Variant("d", math.nan), Variant("d", math.inf)
GOOD = Variant("d", 700.0)
BAD_TEXTS = {
    "unchanged": ASKED,
    "installed": "",
    "no TOML": "not = = toml",
    "a string source": ASKED.replace('type = "number"', 'type = "string"'),
    "unsorted bins": ASKED.replace("[500, 2000]", "[2000, 500]"),
    "another's": KWRITE,
    "another edge": ASKED.replace("[500, 2000]", "[500, 1000, 2000]"),
}


def _push(value, source="startup", application=KATE_ID):
    return (TELEMETRY, "Push", "ssv", [application, source, value])


def _push_many(samples, application=KATE_ID):
    return (TELEMETRY, "PushMany", "sa{sv}", [application, samples])


CALLS = [
    *((TELEMETRY, "Register", "ssa{sv}", [KATE_ID, text, {}]) for text in BAD_TEXTS.values()),
    *((TELEMETRY, "Register", "ssa{sv}", [name, "", {}]) for name in (KWRITE_ID, "org.kde.unknown", "", "../etc")),
    (TELEMETRY, "Register", "ssa{sv}", [KWRITE_ID, KWRITE, {"unknown": Variant("s", "option")}]),
    (TELEMETRY, "Register", "ss", [KATE_ID, ASKED]),
    *(_push(Variant(code, 3)) for code in "ynqiuxt"),
    *(_push(value) for value in (GOOD, NAN, INFINITY, Variant("s", "1.5"), Variant("b", True), Variant("ad", [1.0]), Variant("v", GOOD))),
    *(_push(value) for value in (Variant("d", -0.0), Variant("d", -1e308), Variant("t", 2**64 - 1), Variant("o", "/a"))),
    _push(GOOD, source="unknown"),
    _push(GOOD, source="org.kde.frameworks/crash"),
    _push(GOOD, source="org.telemetryd.system/memory"),
    _push(GOOD, application="org.kde.unknown"),
    _push(GOOD, application=KWRITE_ID),
    *(_push_many({"startup": value}) for value in (GOOD, Variant("ad", [1.0, 700.0]), Variant("ad", []), Variant("an", [1, -1]))),
    _push_many({"startup": Variant("ad", [700.0] * 999 + [math.nan])}),
    _push_many({"startup": Variant("aad", [[1.0]])}),
    _push_many({"startup": GOOD, "unknown": GOOD}),
    _push_many({"startup": Variant("av", [GOOD])}),
    _push_many({}),
    _push_many({"startup": GOOD}, application="org.kde.unknown"),
    (TELEMETRY, "Push", "ss", [KATE_ID, "startup"]),
    (TELEMETRY, "Pull", "", []),
    (TELEMETRY, "OpenSettings", "ssa{sv}", [KATE_ID, "", {}]),
    (PROPERTIES, "GetAll", "s", [TELEMETRY[2]]),
    (PROPERTIES, "Get", "ss", [TELEMETRY[2], "Version"]),
    (PROPERTIES, "Get", "ss", [TELEMETRY[2], "System"]),
    ((TELEMETRY[0], CONTROL[1], CONTROL[2]), "ListApplications", "", []),
]
"""Every member of Telemetry1, with what it takes and what it refuses."""


def _replies(machine):
    """What an application gets for the whole table: kind, error name, signature, and the bytes of the body."""
    bus = RawBus(machine.address)
    replies = []
    for serial, ((destination, path, interface), member, signature, body) in enumerate(CALLS, 2):
        call = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=body, serial=serial
        )
        bus.send(marshalled(call))
        reply = bus.read_until(RETURN, ERROR)
        replies.append((member, reply.kind, reply.fields.get(ERROR_NAME), reply.fields.get(SIGNATURE), reply.body))
    bus.close()
    return replies


async def _withhold(_machine):
    """The user never decided anything."""


async def _consent(machine):
    """The question is in its period and samples are kept."""
    await accept_last_week(machine, KATE_ID)


async def _consent_now(machine):
    """Accepted, and a week ago its period was yet to begin."""
    await accept_last_week(machine, KATE_ID)


async def _stop(machine):
    """Accepted, and stopped for everyone before its period began."""
    await _consent_now(machine)
    (machine.root / "share/telemetryd/reviews.d/stop.toml").write_text(STOP)


async def _refuse(machine):
    """Accepted once, then refused in its period."""
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)


async def _not_drawn(machine):
    """Accepted by a user whose lot is not among the share that is asked, before anybody looked."""
    machine.configure(ENDPOINT)
    await accept_last_week(machine, KATE_ID)
    edit(machine, "UPDATE lot SET part = 'ffffffffffffffff'")
    edit(machine, "DELETE FROM life")


async def _no_room(machine):
    """Accepted, and the budget has no room for the answer."""
    machine.configure(f"budget_source = 1.0\n{ENDPOINT}")
    await accept_last_week(machine, KATE_ID)


async def _report(machine):
    """The week after the acceptance is over: its report waits, with nowhere to go just now."""
    machine.configure(ENDPOINT)
    await accept_last_week(machine, KATE_ID)
    with daemon_at(machine, "+7d"):
        pass
    machine.configure("")


async def _answer(machine):
    """The report was made, and erased by the user: the question is answered for good."""
    await _report(machine)
    with daemon_at(machine, "+7d"):
        async with machine.client() as client:
            await client.call(CONTROL, "Erase", "s", "")


async def _switch_off(machine):
    """The kill switch is on."""
    machine.configure("enabled = false\n")


OVERRULED = (
    "INFO: org.kde.kate registered another manifest than its installed one; the installed manifest holds instead of the registered text"
)
"""All that the journal says, once for each run of the daemon."""
STATES = {
    _withhold: ("pending", "level"),
    _consent: ("active", "no_endpoint"),
    _consent_now: ("waiting", "no_endpoint"),
    _stop: ("suspended", "suspended"),
    _refuse: ("passed", "refused"),
    _not_drawn: ("passed", "not_drawn"),
    _no_room: ("passed", "no_room"),
    _report: ("reporting", "no_endpoint"),
    _answer: ("answered", "erased"),
    _switch_off: ("pending", "kill_switch"),
}
"""How to get into every state of consent, and what the user is shown there."""
MOMENTS = {_consent_now: "-7d", _stop: "-7d", _report: "+7d", _answer: "+7d"}
"""When the daemon lives in that state, if not now."""


@pytest.mark.parametrize(("library", "bus"), [("dbus-fast", "dbus-daemon"), ("dbus-next", "dbus-broker")])
async def test_replies_do_not_depend_on_consent(tmp_path, library, bus):
    """A table of calls, valid and invalid, gets the same replies, byte for byte, in every state of consent and after a restart."""
    seen = {}
    for state, shown in STATES.items():
        with Machine(tmp_path / state.__name__, library=library, bus=bus) as machine:
            machine.install(ASKED)
            await state(machine)
            for run in ("first", "restarted"):
                with daemon_at(machine, MOMENTS.get(state, "+0")) as daemon:
                    seen[state.__name__, run] = _replies(machine)
                    assert set(daemon.log.splitlines()) == {OVERRULED}
                    await _assert_shown(machine, *shown)
            is_kept = bool(rows(machine, "SELECT * FROM tally"))
            assert is_kept is (state is _consent)
    first = seen["_withhold", "first"]
    assert {error for _, _, error, _, _ in first if error} >= {
        "org.telemetryd.Error.InvalidManifest",
        "org.telemetryd.Error.InvalidValue",
        "org.telemetryd.Error.UnknownApplication",
        "org.telemetryd.Error.UnknownSource",
        "org.telemetryd.Error.NotSupported",
        "org.freedesktop.DBus.Error.InvalidArgs",
        "org.freedesktop.DBus.Error.UnknownMethod",
    }
    for (state, run), replies in seen.items():
        if run == "first":
            assert replies == first, (state, run)
        else:
            assert replies == _after_a_restart(first), (state, run)


async def _assert_shown(machine, state, cause):
    """The user is shown this state of the question, with this cause."""
    async with machine.client() as client:
        question = (await client.questions(KATE_ID))["startup-time"]
    assert (question["state"], question["cause"]) == (state, cause)


def _after_a_restart(replies):
    """KWrite registers in the table's middle, so from then on, and after a restart from the beginning, it is known."""
    index = next(number for number, call in enumerate(CALLS) if call[3][:2] == [KWRITE_ID, ""])
    known = next(number for number, call in enumerate(CALLS) if call[3][:2] == [KWRITE_ID, KWRITE])
    return [*replies[:index], replies[known], *replies[index + 1 :]]


async def test_pushes_and_registrations_are_not_broadcast(every_machine):
    """Signals come from Control1 only; pushes and known registrations make none, with and without consent."""
    every_machine.develop()
    every_machine.install(KATE)
    heard = []
    with every_machine.daemon():
        async with every_machine.client(on_signal=heard.append) as client:
            await client.bus.ask(bus_call("AddMatch", "s", ["type='signal',path_namespace='/org/telemetryd'"]))
            await client.consent(KATE_ID)
            for level in (2, 0):
                await client.set("Usage", level)
                before = _of_the_daemon(heard)
                await client.push(KATE_ID, "startup", "d", 700.0)
                await client.register(KATE_ID, KATE)
                assert len(await client.preview()) == (level > 0)
                assert _of_the_daemon(heard) == before
                assert {signal.path for signal in before} == {CONTROL[1]}


def _of_the_daemon(signals):
    return [signal for signal in signals if signal.path != "/org/freedesktop/DBus"]


async def test_a_commit_that_fails_is_told_and_counts_nothing(machine):
    """While another process locks the database, a push gets Error.Storage; none of its batch counts, and the next push goes on."""
    machine.install(this_week(KATE))
    await accept_last_week(machine, KATE_ID)
    with machine.daemon(**hastened(4)):  # its patience is over sooner
        async with machine.client() as client:
            await client.push(KATE_ID, "startup", "d", 700.0)
            with closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(CallError) as refused:
                    await client.push_many(KATE_ID, {"startup": ("ad", [100.0] * 5)})
                assert refused.value.name == "org.telemetryd.Error.Storage"
                other.execute("ROLLBACK")
            await client.push(KATE_ID, "startup", "d", 700.0)
            ((cells,),) = rows(machine, "SELECT cells FROM tally")
    assert array("Q", cells).tolist() == [0, 2, 0]
