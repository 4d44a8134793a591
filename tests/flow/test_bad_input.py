"""Bad input is refused with a named error that says what was expected, and nothing else is lost for it."""

import itertools
import json
from datetime import date, timedelta

import pytest
from support.machine import CONTROL, ENDS, STARTS, TELEMETRY, CallError, Machine, Variant
from support.manifests.manifest_texts import EVERY_TYPE as MANIFEST

ERROR = "org.telemetryd.Error."
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
SECRET = "sekret-7fd1"
"""A value that no error may repeat."""


@pytest.fixture(scope="module", params=["dbus-fast", "dbus-next"])
def busy_machine(tmp_path_factory, request):
    """A daemon in developer mode with consent, under each D-Bus library, for the whole module: no bad input may upset it."""
    with Machine(tmp_path_factory.mktemp("machine"), library=request.param) as machine:
        machine.develop()
        with machine.daemon() as daemon:
            machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
            yield machine
            assert daemon.stop() == 0
            assert daemon.log == ""


_numbers = itertools.count()


class Sample:
    """One application that counts: it must have exactly the valid samples, whatever came between them."""

    def __init__(self, client):
        self._client = client
        self.id = f"org.example.app{next(_numbers)}"
        self.text = MANIFEST.replace("org.example.app", self.id)

    async def answers(self):
        """The answers that would be sent, by question."""
        rows = (await self._client.call(CONTROL, "Preview", "s", self.id))[0]
        return {row[0].partition("/")[2]: json.loads(row[2])["answer"] for row in rows}

    async def saves(self):
        """How many saves are counted."""
        return (await self.answers())["saves"][0].partition("..")[0]


@pytest.fixture
async def client(busy_machine):
    """A client of the daemon."""
    async with busy_machine.client() as client:
        yield client


@pytest.fixture
async def sample(client):
    """An accepted application with one valid sample; a second one is counted after the test: nothing was lost."""
    sample = Sample(client)
    await client.register(sample.id, sample.text)
    await client.accept(sample.id)
    await client.push(sample.id, "saves", "u", 1)
    assert await sample.saves() == "1"
    yield sample
    await client.push(sample.id, "saves", "u", 1)
    assert await sample.saves() == "2"


def changed(old, new, count=1):
    """The manifest with something replaced."""
    assert old in MANIFEST
    return MANIFEST.replace(old, new, count)


TOO_LATE = date.fromisoformat(STARTS) + timedelta(days=396)
EDGES = ", ".join(str(edge) for edge in range(1, 32))

BAD_MANIFESTS = {
    "not TOML": (MANIFEST + "[[", "TOML"),
    "unknown field": (changed('unit = "ms"', 'unit = "ms"\ncolour = "red"'), "colour"),
    "unknown table": (MANIFEST + "[[sauce]]\nid = 'x'\n", "sauce"),
    "string source": (changed('type = "choice"', 'type = "string"'), "choice"),
    "no decision": (changed('decision = "Whether autosave becomes the default"\n', ""), "decision"),
    "empty decision": (changed("Whether autosave becomes the default", ""), "decision"),
    "no end": (changed(f"ends = {ENDS}\n", ""), "ends"),
    "end 13 months on": (changed(f"ends = {ENDS}", f"ends = {TOO_LATE}"), "ends"),
    "33 cells": (changed("[1, 2, 3, 4, 5, 6, 7, 8, 9]", f"[{EDGES}]"), "32"),
    "unsorted bins": (changed("[500, 2000]", "[2000, 500]"), "bins"),
    "two sources of one id": (changed('id = "load"', 'id = "saves"'), "saves"),
    "two questions of one id": (changed('id = "rest"', 'id = "saves"'), "saves"),
    "of another application": (changed("org.example.app", "org.example.other"), "id"),
    "shared": (changed('contact = "', 'kind = "shared"\ncontact = "'), "shared"),
    "a date as text": (changed(f"ends = {ENDS}", f'ends = "{ENDS}"'), "ends"),
    "schema of tomorrow": (changed("schema = 1", "schema = 2"), "schema"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
async def test_a_bad_manifest_is_refused_and_the_one_before_stays(client, sample, case):
    """A manifest that is not admissible answers InvalidManifest and what was expected; what was registered before goes on counting."""
    text, expected = BAD_MANIFESTS[case]
    with pytest.raises(CallError) as refused:
        await client.register(sample.id, text.replace("org.example.app", sample.id))
    assert refused.value.name == ERROR + "InvalidManifest"
    assert expected in refused.value.text
    assert len(refused.value.text) < 2000


@pytest.mark.parametrize(("size", "expected"), [(70_000, "at most 65536 bytes"), (10_000_000, "at most 1048576 bytes")])
async def test_a_manifest_that_is_too_long_is_refused(client, sample, size, expected):
    """A text of 70 KB, and one of 10 MB that is not even looked at, answer LimitsExceeded and the bound."""
    with pytest.raises(CallError) as refused:
        await client.register(sample.id, (MANIFEST + "#" * size).replace("org.example.app", sample.id))
    assert refused.value.name == "org.freedesktop.DBus.Error.LimitsExceeded"
    assert expected in refused.value.text


BAD_SAMPLES = {
    "unknown source": ("loads", "d", 1.0, "UnknownSource", "it declares: dark, load, saves, shell"),
    "not a number": ("load", "d", float("nan"), "InvalidValue", "a finite number"),
    "infinity": ("load", "d", float("inf"), "InvalidValue", "a finite number"),
    "minus infinity": ("load", "d", float("-inf"), "InvalidValue", "a finite number"),
    "a text for a number": ("load", "s", "1.5", "InvalidValue", "a text is not a number, even if it reads like one"),
    "a flag for a number": ("load", "b", True, "InvalidValue", "a finite number"),
    "a negative count": ("saves", "i", -1, "InvalidValue", "at least 0"),
    "a fraction of a count": ("saves", "d", 1.5, "InvalidValue", "without fraction"),
    "infinitely many": ("saves", "d", float("inf"), "InvalidValue", "a count"),
    "a text for a count": ("saves", "s", "3", "InvalidValue", "a count"),
    "a flag for a count": ("saves", "b", True, "InvalidValue", "a count"),
    "a number for a flag": ("dark", "u", 1, "InvalidValue", "a D-Bus boolean (b)"),
    "a text for a flag": ("dark", "s", "true", "InvalidValue", "a D-Bus boolean (b)"),
    "a number for a choice": ("shell", "i", 3, "InvalidValue", "a D-Bus string (s)"),
    "a path for a choice": ("shell", "o", f"/{SECRET.replace('-', '_')}", "InvalidValue", "a D-Bus string (s)"),
    "a signature for a choice": ("shell", "g", "ss", "InvalidValue", "a D-Bus string (s)"),
    "a variant": ("load", "v", Variant("d", 1.0), "InvalidValue", "a finite number"),
    "a variant in a variant": ("load", "v", Variant("v", Variant("d", 1.0)), "InvalidValue", "a finite number"),
    "an array": ("saves", "au", [1, 1], "InvalidValue", "a count"),
    "an array of arrays": ("load", "aad", [[1.0], [2.0]], "InvalidValue", "a finite number"),
    "bytes": ("shell", "ay", SECRET.encode(), "InvalidValue", "a D-Bus string (s)"),
    "a struct": ("load", "(d)", [1.0], "InvalidValue", "a finite number"),
    "a dictionary": ("load", "a{sd}", {SECRET: 1.0}, "InvalidValue", "a finite number"),
}


@pytest.mark.parametrize("case", BAD_SAMPLES)
async def test_a_bad_sample_is_refused_by_name(client, sample, case):
    """Push and PushMany refuse what a source does not take, and say what it takes and never what came."""
    source, code, value, name, expected = BAD_SAMPLES[case]
    before = await sample.answers()
    with pytest.raises(CallError) as one:
        await client.push(sample.id, source, code, value)
    assert one.value.name == ERROR + name
    assert expected in one.value.text
    if code != "au":
        with pytest.raises(CallError) as many:
            await client.push_many(sample.id, {"saves": ("u", 1), source: (code, value)})
        assert many.value.name == ERROR + name
        assert expected in many.value.text
    assert SECRET not in one.value.text.replace("_", "-")
    assert await sample.answers() == before


BAD_ARRAYS = {
    "a negative count": ("saves", "ai", [1] * 999 + [-1]),
    "not a number": ("load", "ad", [1.0] * 500 + [float("nan")] + [1.0] * 499),
    "texts for numbers": ("load", "as", ["1.5"] * 1000),
    "of arrays": ("load", "aad", [[1.0]] * 1000),
    "of variants": ("load", "av", [Variant("d", 1.0)] * 1000),
    "no text": ("shell", "ao", ["/bash"] * 1000),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
async def test_one_bad_of_a_thousand_and_none_is_taken(client, sample, case):
    """PushMany with one bad value of a thousand takes nothing, of no source in it."""
    source, code, values = BAD_ARRAYS[case]
    before = await sample.answers()
    samples = {"saves": ("u", 1), "dark": ("b", True), "shell": ("s", "zsh"), "load": ("d", 1.0), source: (code, values)}
    for order in (samples, dict(reversed(samples.items()))):
        with pytest.raises(CallError) as refused:
            await client.push_many(sample.id, order)
        assert refused.value.name == ERROR + "InvalidValue"
        assert "array of one of these types" in refused.value.text or "at least 0" in refused.value.text or "finite" in refused.value.text
    assert await sample.answers() == before


async def test_an_unknown_source_of_many_and_none_is_taken(client, sample):
    """PushMany with one unknown source takes nothing."""
    before = await sample.answers()
    with pytest.raises(CallError) as refused:
        await client.push_many(sample.id, {"saves": ("u", 1), "loads": ("d", 1.0)})
    assert refused.value.name == ERROR + "UnknownSource"
    assert await sample.answers() == before


NUMBERS = "ynqiuxt"


async def test_every_type_that_can_stand_for_a_value_is_taken(client, sample):
    """Every D-Bus integer and the double stand for a number and a count, `b` for a flag, `s` for a choice, alone and in arrays."""
    other = Sample(client)
    await client.register(other.id, other.text)
    await client.accept(other.id)
    for code in NUMBERS:
        await client.push(other.id, "saves", code, 1)
        await client.push(other.id, "load", code, 100)
    assert (await other.answers())["saves"] == ["7..8"]
    await client.push(other.id, "saves", "d", 1.0)
    await client.push_many(
        other.id, {"saves": ("ad", [1.0]), "load": ("an", [1, 2]), "dark": ("ab", [False, True]), "shell": ("as", ["zsh"])}
    )
    assert await other.answers() == {"saves": [">=9"], "rest": ["<500", "true", "zsh"]}
    for source, code, value in (
        ("load", "d", -0.0),
        ("load", "x", -(2**63)),
        ("load", "t", 2**64 - 1),
        ("dark", "b", False),
        ("shell", "s", SECRET),
    ):
        await client.push(other.id, source, code, value)
    assert (await other.answers())["rest"] == [">=2000", "false", "other"]
    for code in NUMBERS:
        await client.push_many(other.id, {"saves": (f"a{code}", [1]) if code != "y" else ("ay", b"\1")})


WRONG_CALLS = {
    "a value that is no variant": (TELEMETRY, "Push", "ssd", ["org.example.app", "load", 1.0], INVALID_ARGS, "ssv"),
    "no value": (TELEMETRY, "Push", "ss", ["org.example.app", "load"], INVALID_ARGS, "ssv"),
    "a value too many": (TELEMETRY, "Push", "ssvv", ["a", "b", Variant("d", 1.0), Variant("d", 1.0)], INVALID_ARGS, "ssv"),
    "no arguments": (TELEMETRY, "PushMany", "", [], INVALID_ARGS, "sa{sv}"),
    "a plain map": (TELEMETRY, "PushMany", "sa{sd}", ["org.example.app", {"load": 1.0}], INVALID_ARGS, "sa{sv}"),
    "no options": (TELEMETRY, "Register", "ss", ["org.example.app", MANIFEST], INVALID_ARGS, "ssa{sv}"),
    "a level as text": (CONTROL, "SetApplicationConsent", "sss", ["org.example.app", "1", "1"], INVALID_ARGS, "suu"),
    "no such member": (TELEMETRY, "Pull", "s", ["org.example.app"], "org.freedesktop.DBus.Error.UnknownMethod", ""),
    "no such interface": (
        (TELEMETRY[0], TELEMETRY[1], "org.example.Nothing"),
        "Push",
        "",
        [],
        "org.freedesktop.DBus.Error.UnknownInterface",
        TELEMETRY[2],
    ),
    "no such object": (
        (TELEMETRY[0], "/org/example", TELEMETRY[2]),
        "Push",
        "",
        [],
        "org.freedesktop.DBus.Error.UnknownObject",
        TELEMETRY[1],
    ),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
async def test_a_wrong_call_is_told_what_is_right(client, sample, case):
    """Wrong arguments, members, interfaces and objects have the standard errors, which say what there is."""
    interface, member, signature, body, name, expected = WRONG_CALLS[case]
    with pytest.raises(CallError) as refused:
        await client.call(interface, member, signature, *body)
    assert refused.value.name == name
    assert expected in refused.value.text


async def test_an_unknown_application_is_refused_everywhere(client, sample):
    """Every call that names an application which nobody declared answers UnknownApplication."""
    nobody = "org.example.nobody"
    calls = [
        (TELEMETRY, "Push", "ssv", nobody, "load", Variant("d", 1.0)),
        (TELEMETRY, "PushMany", "sa{sv}", nobody, {"load": Variant("d", 1.0)}),
        (TELEMETRY, "Register", "ssa{sv}", nobody, "", {}),
        (CONTROL, "ListQuestions", "s", nobody),
        (CONTROL, "Accept", "sa{ss}", nobody, {"startup": "sha256:0"}),
        (CONTROL, "SetApplicationConsent", "suu", nobody, 1, 1),
        (CONTROL, "SetQuestionConsent", "ssb", nobody, "startup", True),
        (CONTROL, "Preview", "s", nobody),
        (CONTROL, "Erase", "s", nobody),
    ]
    for call in calls:
        with pytest.raises(CallError) as refused:
            await client.call(*call)
        assert refused.value.name == ERROR + "UnknownApplication", call


async def test_a_name_of_any_length_is_refused_in_a_line(client, sample):
    """The error names the beginning of a name: it does not send 200 kB back, which would cost more than the call."""
    long = "a" * 200_000
    for call in (
        (TELEMETRY, "Push", "ssv", long, "load", Variant("d", 1.0)),
        (TELEMETRY, "Push", "ssv", sample.id, long, Variant("d", 1.0)),
        (TELEMETRY, "Register", "ssa{sv}", long, MANIFEST, {}),
        (CONTROL, "ListQuestions", "s", long),
        (CONTROL, "SetQuestionConsent", "ssb", sample.id, long, False),
        (CONTROL, "SetQuestionConsent", "ssb", long, long, False),
        (CONTROL, "Accept", "sa{ss}", sample.id, {long: "sha256:0"}),
    ):
        with pytest.raises(CallError) as refused:
            await client.call(*call)
        assert len(refused.value.text) < 400, call[:3]


async def test_wrong_choices_of_the_user_change_nothing(client, sample):
    """Levels out of range, unknown questions and stale digests are refused, all or nothing, and the levels stay."""
    digests = {name: row["digest"] for name, row in (await client.questions(sample.id)).items()}
    stale = "sha256:" + "0" * 64
    for call, name in (
        ((CONTROL, "SetApplicationConsent", "suu", sample.id, 4, 1), INVALID_ARGS),
        ((CONTROL, "SetQuestionConsent", "ssb", sample.id, "nothing", False), ERROR + "UnknownQuestion"),
        ((CONTROL, "Accept", "sa{ss}", sample.id, {"nothing": stale}), ERROR + "UnknownQuestion"),
        ((CONTROL, "Accept", "sa{ss}", sample.id, {**digests, "rest": stale}), ERROR + "Changed"),
    ):
        with pytest.raises(CallError) as refused:
            await client.call(*call)
        assert refused.value.name == name, call
    with pytest.raises(CallError) as refused:
        await client.set("Usage", 3)
    assert refused.value.name == INVALID_ARGS
    assert await client.get("Usage") == 1
