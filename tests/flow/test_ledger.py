"""What a user's answers can reveal is bounded for life, and the user sees the sum. Policy: A1, A2."""

import signal

import pytest
from harness import CONTROL, KATE_2026, CallError
from moments import rows
from timeline import DAY_S, HOUR_S, at

KEY = "org.kde.kate"
QUESTION = KATE_2026[KATE_2026.index("[[question]]") :]
TWICE = KATE_2026 + QUESTION.replace('"startup-time"', '"startup-again"').replace('purpose = "Is', 'purpose = "Why is')
THRICE = TWICE + QUESTION.replace('"startup-time"', '"startup-ever"').replace('purpose = "Is', 'purpose = "When is')
CHANGED = KATE_2026.replace("[500, 2000]", "[400, 2000]")
SOURCE = "org.kde.kate/startup"


async def ledger(timeline):
    """The ledger's rows, (host or source, year) → row."""
    rows = (await timeline.client.call(CONTROL, "Ledger"))[0]
    plain = [{key: variant.value for key, variant in row.items()} for row in rows]
    return {(row["source"] or row["host"], row["year"]): row for row in plain}


async def states(timeline):
    """Question → (state, reason)."""
    return {name: (row["state"], row["reason"]) for name, row in (await timeline.client.questions()).items()}


async def test_a_third_question_about_one_source_finds_no_budget(timeline):
    """ε = 2 twice is all that can ever be told of one source: the third is passed, says so, and collects nothing."""
    timeline.machine.install(THRICE)
    await timeline.start()
    await timeline.client.consent(KEY)
    found = await states(timeline)
    (passed,) = [reason for state, reason in found.values() if state == "passed"]
    assert passed == f"no budget: the budget of {SOURCE} is spent"
    assert [state for state, _ in found.values()].count("waiting") == 2
    line = (await ledger(timeline))[SOURCE, 0]
    assert (line["spent"], line["reserved"], line["cap"]) == (0.0, 4.0, 4.0)
    assert "multiply: about org.kde.kate/startup at most × 55" in line["text"]  # noqa: RUF001 - the sign of multiplication


async def test_what_is_withdrawn_before_it_is_reported_costs_nothing(timeline):
    """A reservation is released with the withdrawal; the question stays passed, and another about the source has room."""
    timeline.machine.install(TWICE.replace('draw = "first"', 'draw = "first"\nepsilon = 3.0'))
    await timeline.start()
    await timeline.client.consent(KEY)
    found = await states(timeline)
    (kept,) = [name for name, (state, _) in found.items() if state == "waiting"]
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KEY, kept, False)
    assert await ledger(timeline) == {}


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
        await timeline.run_until_tried(1, within_s=3 * HOUR_S)
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
    assert "This answer can multiply anyone's odds about you by at most 7.4 (even odds become 88 %)." in before[SOURCE, 0]["text"]
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
    await timeline.collect()
    timeline.stop()
    path = timeline.machine.root / "state/telemetryd/consent.sqlite"
    path.write_bytes(b"damaged" * 1000)
    await timeline.start()
    await timeline.client.consent(KEY)
    state, reason = await timeline.question()
    assert (state, "is spent" in reason) == ("passed", True)


async def test_a_lowered_cap_counts_at_once(timeline):
    """An administrator's lower budget releases what no longer fits: the question is passed."""
    await timeline.start()
    await timeline.accept()
    assert (await timeline.question())[0] == "waiting"
    timeline.machine.configure("budget_source = 1.0\n", name="telemetryd.toml.d/50-budget.toml")
    assert await timeline.question() == ("passed", f"no budget: the budget of {SOURCE} is spent")
    assert await ledger(timeline) == {}


async def test_the_draw_decides_and_is_kept(timeline):
    """A question of which a user is not drawn to be asked is passed, with the reason; accepting again draws nothing anew."""
    timeline.machine.install(KATE_2026 + "share = 0.0000001\n")
    await timeline.start()
    await timeline.client.consent(KEY)
    drawn = rows(timeline.machine, "SELECT * FROM lot", file="consent.sqlite")
    assert await timeline.question() == ("passed", "you were not drawn: only a part of the users is asked")
    await timeline.client.call(CONTROL, "Erase", "s", "")
    for is_allowed in (False, True):
        await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KEY, "startup-time", is_allowed)
    await timeline.restart(signal.SIGTERM)
    assert await timeline.question() == ("passed", "you were not drawn: only a part of the users is asked")
    assert rows(timeline.machine, "SELECT * FROM lot", file="consent.sqlite") == drawn


async def test_telemetryctl_says_it_in_words(timeline):
    """`telemetryctl ledger` shows the sums, and what they mean for whoever is not a mathematician."""
    await timeline.start()
    await timeline.accept()
    shown = " ".join(timeline.machine.control("ledger").stdout.split())
    assert f"{SOURCE} life 0 2 4" in shown
    assert f"About {SOURCE}: This answer can multiply anyone's odds about you by at most 7.4 (even odds become 88 %)." in shown
