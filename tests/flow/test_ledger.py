"""What a user's answers can reveal is bounded for life, and the user sees the sum. Policy: A1, A2."""

import re
import signal

import pytest
from support.machine import CONTROL, KATE_2026, CallError
from support.machine_at import rows
from support.manifests.manifest_texts import within
from support.timeline import DAY_S, at

KEY = "org.kde.kate"
QUESTION = KATE_2026[KATE_2026.index("[[question]]") :]
TWICE = KATE_2026 + QUESTION.replace('"startup-time"', '"startup-again"').replace('purpose = "Is', 'purpose = "Why is')
THRICE = TWICE + QUESTION.replace('"startup-time"', '"startup-ever"').replace('purpose = "Is', 'purpose = "When is')
LATER = within(
    QUESTION.replace('"startup-time"', '"startup-later"').replace('purpose = "Is', 'purpose = "Where is'), "2026-10-19", "2026-10-25"
)
CHANGED = KATE_2026.replace("[500, 2000]", "[400, 2000]")
SOURCE = "org.kde.kate/startup"
TYPES = {
    **dict.fromkeys(("host", "source", "vendor_name", "application", "text"), "s"),
    **dict.fromkeys(("year", "answers", "charges"), "u"),
    **dict.fromkeys(("spent", "reserved", "cap", "largest"), "d"),
    "capped": "b",
}
"""The keys of the ledger's rows, and their types on the bus."""


async def ledger(timeline):
    """The ledger's rows, (host, source or application, year) → row."""
    rows = (await timeline.client.call(CONTROL, "Ledger"))[0]
    assert all({key: variant.signature for key, variant in row.items()} == TYPES for row in rows)
    plain = [{key: variant.value for key, variant in row.items()} for row in rows]
    return {(row["source"] or row["host"] or row["application"], row["year"]): row for row in plain}


async def states(timeline):
    """Question → (state, cause)."""
    return {name: (row["state"], row["cause"]) for name, row in (await timeline.client.questions()).items()}


async def test_a_third_question_about_one_source_finds_no_room(timeline):
    """ε = 2 twice is all that can ever be told of one source: a third question waits without room and collects nothing.

    Before the period nothing is in the ledger. Room that a withdrawal gives back goes to the question that has none, and to no other.
    """
    timeline.machine.install(THRICE)
    await timeline.start()
    await timeline.client.consent(KEY)
    shown = await states(timeline)
    (without,) = [name for name, (_, cause) in shown.items() if cause == "no_room"]
    assert (await timeline.client.questions())[without]["cause_args"] == {"cap": "source", "source": SOURCE}
    has_room = ("waiting", "")
    assert [shown[name] for name in shown if name != without] == [has_room, has_room]
    assert await ledger(timeline) == {}
    refused = next(name for name in shown if name != without)
    await refuse(timeline, refused)
    assert (await states(timeline))[without] == has_room
    await refuse(timeline, refused, is_allowed=True)
    assert await states(timeline) == shown
    await refuse(timeline, refused)
    await timeline.move(at("2026-10-14 12:00"))
    assert {name: state for name, (state, _) in (await states(timeline)).items() if name != refused} == dict.fromkeys(
        shown.keys() - {refused}, "active"
    )
    line = (await ledger(timeline))[SOURCE, 0]
    assert (line["spent"], line["reserved"], line["cap"], line["answers"]) == (0.0, 4.0, 4.0, 0)
    assert "Then the factors multiply, to 55 at most." in line["text"]


async def test_room_that_is_held_comes_back(timeline):
    """A question that finds no room beside two that collect shows room as soon as one of them is withdrawn, and is asked in its week."""
    timeline.machine.install(TWICE)
    await timeline.start()
    await timeline.client.consent(KEY)
    await timeline.move(at("2026-10-14 12:00"))
    timeline.machine.install(TWICE + LATER, date="2026-10-13")
    await timeline.client.accept(KEY)
    assert (await states(timeline))["startup-later"] == ("waiting", "no_room")
    assert (await timeline.client.questions())["startup-later"]["room"] == "source"
    await refuse(timeline, "startup-time")
    assert (await states(timeline))["startup-later"] == ("waiting", "")
    assert (await timeline.client.questions())["startup-later"]["room"] == "yes"
    await timeline.move(at("2026-10-21 12:00"))
    assert {name: state for name, (state, _) in (await states(timeline)).items()} == {
        "startup-time": "passed",
        "startup-again": "reporting",
        "startup-later": "active",
    }
    assert (await timeline.ledger())[SOURCE] == (2.0, 2.0)


async def refuse(timeline, question, *, is_allowed=False):
    """Refuse a question, or take the refusal back."""
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KEY, question, is_allowed)


async def test_what_is_withdrawn_before_it_is_reported_costs_nothing(timeline):
    """What is held is released with the withdrawal; what found no room when its period began stays passed, and says why."""
    timeline.machine.install(re.sub(r"(?m)^(ends = .*)", r"\1\nepsilon = 3.0", TWICE))
    await timeline.start()
    await timeline.client.consent(KEY)
    await timeline.move(at("2026-10-14 12:00"))
    shown = await states(timeline)
    (kept,) = [name for name, (state, _) in shown.items() if state == "active"]
    (passed,) = shown.keys() - {kept}
    assert shown[passed] == ("passed", "no_room")
    assert (await ledger(timeline))[SOURCE, 0]["reserved"] == 3.0
    await refuse(timeline, kept)
    assert await ledger(timeline) == {}
    assert (await states(timeline))[passed] == shown[passed]


async def registered(timeline):
    """The question is declared by the application itself, and by no installed file."""
    (timeline.machine.root / f"share/telemetryd/manifests/{KEY}.toml").unlink()
    await timeline.start()
    await timeline.client.register(KEY, KATE_2026)
    timeline.stop()


async def ask_again(timeline, again):
    """What might make a question be asked again that was reported, or (register) answered."""
    if again == "erase":
        await timeline.client.call(CONTROL, "Erase", "s", "")
    elif again == "refuse":
        for is_allowed in (False, True):
            await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KEY, "startup-time", is_allowed)
    elif again == "change":
        timeline.machine.install(CHANGED, date="2026-10-18")
    else:
        await timeline.go_to_slot()
        await timeline.run_until_sent()
        timeline.machine.review(CHANGED, date="2026-10-18")
        before = (await timeline.client.questions())["startup-time"]["digest"]
        await timeline.client.register(KEY, CHANGED)
        assert (await timeline.client.questions())["startup-time"]["digest"] != before


@pytest.mark.parametrize("again", ["erase", "refuse", "change", "register"])
async def test_no_second_answer_and_no_refund(timeline, again):
    """Once reported, a charge stays and the question is never asked again: not after erasing, refusing, or with another definition.

    Whether the other definition is installed, or registered by the application itself.
    """
    if again == "register":
        await registered(timeline)
    await timeline.collect()
    await timeline.move(at("2026-10-19 00:01"))
    before = await ledger(timeline)
    assert {(row["spent"], row["reserved"]) for row in before.values()} == {(2.0, 0.0)}
    assert "Your answer can change anyone's odds about you by a factor of 7.4 at most" in before[SOURCE, 0]["text"]
    await ask_again(timeline, again)
    await timeline.restart(signal.SIGKILL)
    assert await ledger(timeline) == before
    assert (await timeline.question())[0] == ("reporting" if again == "change" else "answered")
    with pytest.raises(CallError, match="InvalidArgs"):
        await timeline.client.accept(KEY)
    await timeline.move(int(timeline.now) + 7 * DAY_S)
    await timeline.push(700)
    assert timeline.rows("SELECT * FROM tally") == []
    assert await ledger(timeline) == before


async def test_a_lost_ledger_reads_as_spent(timeline):
    """With the consent file the ledger is lost: nobody knows what was told, so nothing can be told any more, and the user sees why."""
    await timeline.start()
    await timeline.accept()
    timeline.stop()
    path = timeline.machine.root / "state/telemetryd/consent.sqlite"
    path.write_bytes(b"damaged" * 1000)
    await timeline.start()
    await timeline.client.consent(KEY)
    assert await timeline.question() == ("waiting", "no_room")


async def test_a_lowered_cap_counts_at_once(timeline):
    """An administrator's lower budget shows at once that a waiting question has no room, and releases what is held in its period."""
    await timeline.start()
    await timeline.accept()
    lower(timeline, "budget_source = 1.0\n")
    assert await timeline.question() == ("waiting", "no_room")
    lower(timeline, "")
    await timeline.move(at("2026-10-14 12:00"))
    assert (await timeline.question())[0] == "active"
    line = (await ledger(timeline))[KEY, 0]
    assert (line["reserved"], line["capped"], "This has no limit of its own" in line["text"]) == (2.0, False, True)
    lower(timeline, "budget_source = 1.0\n")
    assert await timeline.question() == ("passed", "no_room")
    assert await ledger(timeline) == {}


def lower(timeline, text):
    """An administrator's file."""
    timeline.machine.configure(text, name="telemetryd.toml.d/50-budget.toml")


async def test_the_draw_decides_and_is_kept(timeline):
    """A question of which a user is not drawn to be asked says so while it waits, and is passed when its period begins.

    Accepting again draws nothing anew. Before the period a larger share still reaches the user.
    """
    timeline.machine.install(KATE_2026 + "share = 0.0000001\n")
    await timeline.start()
    await timeline.client.consent(KEY)
    drawn = rows(timeline.machine, "SELECT * FROM lot", file="consent.sqlite")
    assert await timeline.question() == ("waiting", "not_drawn")
    await timeline.client.call(CONTROL, "Erase", "s", "")
    for is_allowed in (False, True):
        await refuse(timeline, "startup-time", is_allowed=is_allowed)
    await timeline.restart(signal.SIGTERM)
    assert await timeline.question() == ("waiting", "not_drawn")
    await timeline.move(at("2026-10-14 12:00"))
    assert await timeline.question() == ("passed", "not_drawn")
    assert rows(timeline.machine, "SELECT * FROM lot", file="consent.sqlite") == drawn


async def test_a_share_that_is_raised_reaches_who_waits(timeline):
    """The endpoint's share decides beside the question's: raised before the period, it reaches who waits, and no later."""
    timeline.name_endpoint(timeline.receiver.url())
    path = timeline.machine.root / "etc/telemetryd/telemetryd.toml"
    everybody = path.read_text()
    path.write_text(everybody + "share = 0.0000001\n")
    await timeline.start()
    await timeline.accept()
    assert await timeline.question() == ("waiting", "not_drawn")
    path.write_text(everybody)
    assert await timeline.question() == ("waiting", "")
    await timeline.move(at("2026-10-14 12:00"))
    path.write_text(everybody + "share = 0.0000001\n")
    assert (await timeline.question())[0] == "active"


async def test_telemetryctl_says_it_in_words(timeline):
    """`telemetryctl ledger` shows the sums, and what they mean for whoever is not a mathematician."""
    await timeline.start()
    await timeline.accept()
    await timeline.move(at("2026-10-14 12:00"))
    shown = " ".join(timeline.machine.control("ledger").stdout.split())
    assert f"{SOURCE} ever 0 0 2 4" in shown
    assert "To be told to KDE (localhost:" in shown
    assert f"About {SOURCE}: Nothing of this was told yet, it is only promised. Your answer can change anyone's odds" in shown
