"""What the user is shown, against what is enforced."""

import asyncio
import json
import math

import pytest
from support.engine_flow import ACCEPTED, AFTER, APP, CLOSES, DURING, KATE_2026, KEY, TWO, at, installed

from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.engine.views.queries import ViewChangedError
from telemetryd.errors import UnknownApplicationError
from telemetryd.toml import canonical

FINER = KATE_2026.replace("[500, 2000]", "[500, 1000, 2000]")


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        yield running


def question(running):
    """Kate's question as it is shown."""
    (row,) = running.views.questions(APP)
    return row


async def test_applications(running):
    """What is declared, what was chosen, what holds, and who called."""
    running.sampling.register("org.kde.dolphin", KATE_2026.replace(APP, "org.kde.dolphin"))
    await running.choices.set_level("usage", 2)
    await running.choices.set_application(APP, 3, 1)
    dolphin, kate = running.views.applications({APP: frozenset({"b (claimed)", "a (verified)"})})
    assert kate == {
        "id": APP,
        "name": "Kate",
        "summary": "Text editor",
        "vendor": "kde",
        "vendor_name": "KDE",
        "results": "",
        "endpoint": "https://telemetry.kde.org/v1",
        "relay": "",
        "contact": "https://kde.org/privacypolicy-apps",
        "kind": "application",
        "system": 3,
        "usage": 1,
        "effective_system": 0,
        "effective_usage": 1,
        "installed": True,
        "callers": ["a (verified)", "b (claimed)"],
        "pushers": [],
        "translations": {},
        "pending": 1,
        "pending_shut": 0,
        "states": {"pending": 1},
        "paused": 0,
        "warnings": [],
    }
    assert (dolphin["installed"], dolphin["callers"], dolphin["usage"], dolphin["effective_usage"]) == (False, [], 3, 2)
    assert dolphin["pending"] == 0


async def test_effective_levels(running):
    """Locks and kill switches show in what holds."""
    await running.choices.set_level("usage", 2)
    running.configure("[limits]\nusage = 1")
    assert next(running.views.applications({}))["effective_usage"] == 1
    running.configure("enabled = false")
    assert next(running.views.applications({}))["effective_usage"] == 0


@pytest.mark.parametrize("refuse", [lambda running: running.choices.set_level("new_questions", 0), None])
async def test_nothing_is_pending_where_new_questions_are_refused(running, refuse):
    """By the user or by a lock: refused silently."""
    await running.choices.set_level("usage", 1)
    assert counted(running) == (1, 0)
    if refuse:
        await refuse(running)
    else:
        running.configure("[limits]\nnew_questions = 'refuse'")
    assert counted(running) == (0, 1)


def counted(running):
    """How many of the first application's questions a yes could start now, and how many others wait for one."""
    row = next(running.views.applications({}))
    return row["pending"], row["pending_shut"]


@pytest.mark.parametrize("now", [ACCEPTED, at("12.21", 0), at("12.31")])
@pytest.mark.parametrize(
    "shut",
    [
        lambda running: running.choices.set_level("usage", 0),
        lambda running: running.choices.set_application(APP, 3, 0),
        lambda running: running.configure("[limits]\nusage = 0"),
        lambda running: running.configure("enabled = false"),
        lambda running: running.configure("enabled = = false"),
        lambda running: (running.machine.root / "share/telemetryd/reviews.d/broken.toml").write_text("= x"),
    ],
)
async def test_counted_is_what_a_yes_could_start(running, shut, now):
    """A question that waits for the user counts while a yes could start it: nothing shuts it, and a period is still to begin."""
    await running.choices.set_level("usage", 1)
    running.to(now)
    is_early = now < at("12.21", 0)
    assert counted(running) == ((1, 0) if is_early else (0, 1))
    done = shut(running)
    if asyncio.iscoroutine(done):
        await done
    running.look()
    assert counted(running) == (0, 1)
    assert (question(running)["state"], question(running)["cause"] != "") == ("pending", True)


async def test_question(running):
    """Everything that consent is given to, in plain words."""
    row = question(running)
    definition = running.catalogue.definition(KEY)
    example = json.loads(row.pop("example"))
    assert (example["answer"], example["nonce"], example["period"]) == (["<500"], "0" * 32, "2026-W47")
    (field,) = row.pop("fields")
    assert "500..2000" in field
    assert row.pop("figures")[0].startswith("4 possible answers")
    assert row.pop("warnings") == []
    assert (row.pop("expected_users"), row.pop("expected")) == (0, {})
    chances = row.pop("chance_true"), row.pop("chance_other")
    assert chances == (pytest.approx(math.exp(2) / (math.exp(2) + 3), abs=1e-4), pytest.approx(1 / (math.exp(2) + 3), abs=1e-4))
    assert canonical.read(row.pop("definition")) == definition._replace(application=definition.application._replace(summary=""))
    assert row == {
        "application": APP,
        "id": "startup-time",
        "state": "pending",
        "cause": "level",
        "cause_args": {"axis": "usage", "level": "basic"},
        "reason": "A yes could not start it now: it needs your Usage setting at Basic or higher.",
        "outcome": "",
        "digest": definition.digest,
        "purpose": "Is start-up too slow?",
        "decision": "Whether the session restore is loaded lazily",
        "category": "usage",
        "detail": "basic",
        "needs": [["usage", 1]],
        "period": "week",
        "ends": "2026-12-31",
        "changes": [],
        "accepted_definition": "",
        "translations": {},
        "consent": 0,
        "accepted_digest": "",
        "accepted_at": 0,
        "last_sent": 0,
        "drawn_period": "",
        **dict.fromkeys(("period_begins", "period_ends", "due_from", "due", "due_until"), 0),
        "so_far": [],
        "room": "",
        "epsilon": 2.0,
        "cells": 4,
        "answers": ["<500", "500..2000", ">=2000", "none"],
        "endpoint": "https://telemetry.kde.org/v1",
        "reviewers": ["Ada <ada@example.org>", "Bo <bo@example.org>"],
        "record": "https://example.org/review/1",
    }


def shared_host(running):
    """Another vendor's endpoint has the same host."""
    running.configure('[endpoint.krita]\nname = "Krita"\nurl = "https://telemetry.kde.org/krita"\n', name="telemetryd.toml.d/50.toml")


def no_endpoint(running):
    """The system's configuration names no server any more."""
    running.configure("")


@pytest.mark.parametrize(("change", "name"), [(None, "KDE"), (shared_host, "KDE, Krita"), (no_endpoint, "")])
async def test_ledger(running, change, name):
    """A charged answer has four lines: its host for life and in the year, its source, its application. The host's have its vendor's name.

    Each has the keys that are promised, and counts the answer. Before its period there is no line.
    """
    await running.consent()
    assert list(running.views.ledger()) == []
    running.to(DURING)
    running.to(AFTER)
    if change:
        change(running)
    common = {"source": "", "year": 0, "spent": 2.0, "reserved": 0.0, "answers": 1, "charges": 1, "largest": 2.0}
    common |= {"capped": True, "vendor_name": "", "application": ""}
    host = common | {"host": "telemetry.kde.org", "vendor_name": name}
    rows = list(running.views.ledger())
    assert all(row.pop("text") for row in rows)
    assert rows == [
        host | {"cap": 64.0},
        host | {"year": 2026, "cap": 16.0},
        common | {"host": "", "source": f"{APP}/startup", "cap": 4.0},
        common | {"host": "", "application": APP, "cap": 0.0, "capped": False},
    ]


async def test_consent(running):
    """Undecided, accepted, refused; the drawn period once there is one; nothing of a review of another definition."""
    await running.consent()
    row = question(running)
    assert (row["consent"], row["accepted_digest"], row["drawn_period"]) == (1, row["digest"], "2026-W48")
    assert (row["room"], row["reason"]) == ("yes", "You said yes, and it will be measured from 2026-11-23 to 2026-11-29.")
    await running.choices.set_question(*KEY, is_allowed=False)
    assert (question(running)["consent"], question(running)["state"]) == (2, "refused")
    running.configure("")
    running.install(FINER, reviewed=False)
    row = question(running)
    assert (row["state"], row["reviewers"], row["record"], row["endpoint"]) == ("unreviewed", [], "", "")


async def test_changes(running):
    """A changed definition is shown as a difference to the one that was accepted last."""
    await running.consent()
    accepted = question(running)["digest"]
    running.install(FINER, date="2026-11-18")
    row = question(running)
    assert (row["consent"], row["accepted_digest"]) == (0, accepted)
    assert row["changes"] == ["`startup` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer)."]
    assert canonical.read(row["accepted_definition"]).digest == accepted
    with running.store.consent.change() as connection:
        connection.execute("UPDATE shown SET manifest = 'schema = 2'")
    assert "cannot be compared" in question(running)["changes"][0]


async def test_translations(running):
    """A question's texts in other languages are shown if its manifest is installed with the system, and never a program's own."""
    german = KATE_2026.replace("decision =", '"purpose[de]" = "Zu langsam?"\ndecision =').replace(
        "summary =", '"name[de]" = "Käte"\nsummary ='
    )
    running.install(german)
    assert question(running)["translations"] == {"de": {"name": "Käte", "question/startup-time/purpose": "Zu langsam?"}}
    running.sampling.register("org.kde.dolphin", german.replace(APP, "org.kde.dolphin"))
    (row,) = running.views.questions("org.kde.dolphin")
    assert row["translations"] == {}


async def test_sent(running):
    """History and last_sent tell what left."""
    await running.consent()
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    running.server.answers.append(Delivery(Result.ACCEPTED, 202))
    (waiting,) = running.views.history(0)
    assert (waiting["outcome"], waiting["id"], waiting["sent"], waiting["error"]) == ("queued", row.id, 0, "")
    assert waiting["due_until"] == CLOSES + 56 * 86400
    running.clock.wall += 86400
    await running.ticker.send(row)
    (shown,) = running.views.history(0)
    assert (shown["outcome"], shown["status"], shown["error"], shown["period"]) == ("accepted", 202, "", "2026-W48")
    assert shown["endpoint"] == "https://telemetry.kde.org/v1"
    assert ["Content-Length", "1024"] in shown["headers"]
    assert json.loads(shown["body"])["nonce"] == "0" * 32
    assert shown["created"] % 86400 == 0
    assert question(running)["last_sent"] == shown["sent"] == shown["created"] + 86400
    assert (question(running)["outcome"], question(running)["cause"]) == ("accepted", "sent")
    assert question(running)["reason"] == "Your answer was sent on 2026-12-02, and arrived."
    assert list(running.views.history(at("12.8"))) == []
    assert [row for row in running.views.preview("") if row] == []


@pytest.mark.parametrize(
    ("delivery", "shown"),
    [
        (held_delivery(Hindrance.DNS), ("queued", "dns")),
        (held_delivery(Hindrance.STRICT), ("queued", "tls-authority")),
        (held_delivery(Hindrance.PACKAGE), ("queued", "own")),
        (Delivery(Result.REJECTED, 503), ("rejected", "status")),
        (unknown_delivery(Hindrance.TIMEOUT), ("unknown", "timeout")),
        (unknown_delivery(Hindrance.ANSWER), ("unknown", "status")),
        (unknown_delivery(Hindrance.UPLOADER), ("unknown", "own")),
        (Delivery(Result.ACCEPTED, 204), ("accepted", "")),
    ],
)
async def test_why_it_did_not_arrive(running, delivery, *, shown):
    """The history says why a report was not accepted, or why it waits: then nothing of it was sent."""
    await running.consent()
    running.to(AFTER)
    running.server.answers.append(delivery)
    await running.ticker.send(running.store.reports.queue()[0])
    (row,) = running.views.history(0)
    assert (row["outcome"], row["error"]) == shown
    assert bool(row["sent"]) is (row["outcome"] != "queued")
    assert row["tries"] == ([[AFTER // 86400 * 86400, row["error"]]] if row["outcome"] == "queued" else [])


async def test_every_try_is_told(running):
    """Each day on which nobody was reached stays in the history with its cause, also of a report that was accepted at last."""
    await running.consent()
    running.to(AFTER)
    first = AFTER // 86400 * 86400
    for day, hindrance in enumerate((Hindrance.DNS, Hindrance.EXPIRED, Hindrance.EXPIRED)):
        running.clock.wall = AFTER + day // 2 * 86400
        running.server.answers.append(held_delivery(hindrance))
        await running.ticker.send(running.store.reports.queue()[0])
    tries = [[first, "tls-expired"], [first + 86400, "tls-expired"]]
    waiting = question(running)
    assert waiting["cause_args"] | {"tried": "2026-12-02", "error": "tls-expired"} == waiting["cause_args"]
    assert waiting["reason"].endswith("At the last try, on 2026-12-02, the server's certificate was not valid on that day.")
    assert [row["tries"] for row in running.views.history(0)] == [tries]
    await running.ticker.send(running.store.reports.queue()[0])
    assert [(row["outcome"], row["error"], row["tries"]) for row in running.views.history(0)] == [("accepted", "", tries)]
    assert question(running)["cause_args"] == {"date": "2026-12-02"}


async def test_why_nobody_knows_is_told(running):
    """A question whose report may have arrived says why nobody knows, in its sentence too."""
    await running.consent()
    running.to(AFTER)
    running.server.answers.append(unknown_delivery(Hindrance.REFUSED))
    await running.ticker.send(running.store.reports.queue()[0])
    told = "Your answer was being sent on 2026-12-01, but the connection to the server failed or broke off, so it may have arrived."
    assert question(running)["reason"] == told


async def test_views_write_nothing(running):
    """Whatever is shown, no file appears and none changes."""
    for _ in range(2):
        before = running.files()
        for view in (running.views.applications({}), running.views.questions(""), running.views.preview(""), running.views.history(0)):
            list(view)
        assert running.files() == before
        await running.consent()
        running.to(DURING)


async def test_unknown(running):
    """Questions of an application that is not declared are an error; a broken manifest hides no other."""
    with pytest.raises(UnknownApplicationError):
        list(running.views.questions("org.kde.dolphin"))
    (running.machine.root / "share/telemetryd/manifests/org.kde.dolphin.toml").write_text("broken")
    running.look()
    assert [row and row["id"] for row in running.views.applications({})] == [None, APP]
    assert [row["id"] for row in running.views.questions("")] == ["startup-time"]


def changed_meanwhile(running, view, change):
    """Rows are taken from a view, and something changes after the first."""
    rows = iter(view)
    next(rows)
    change()
    return list(rows)


@pytest.mark.parametrize("view", [lambda views: views.questions(""), lambda views: views.applications({}), lambda views: views.preview("")])
async def test_a_view_is_of_one_moment(running, view):
    """What changes while a view is put together ends it, so that no list is half of before and half of after; nothing else does."""
    running.install(TWO)
    for name in ("org.kde.dolphin", "org.kde.krita"):
        running.install(TWO.replace(APP, name))
    await running.consent(APP, "org.kde.dolphin", "org.kde.krita")
    running.to(DURING)
    consents = running.store.consents
    changes = [
        lambda: consents.set_levels(consents.levels._replace(system=1)),
        lambda: consents.refuse(KEY, is_refused=True),
        lambda: running.configure("[limits]\nusage = 1"),
        lambda: running.machine.review(FINER, date="2026-11-20") or running.look(),
        lambda: setattr(running.clock, "wall", DURING + 86400),
    ]
    for change in changes:
        with pytest.raises(ViewChangedError):
            changed_meanwhile(running, view(running.views), change)
    assert len(
        changed_meanwhile(running, view(running.views), lambda: running.sampling.register("org.kde.ark", TWO.replace(APP, "org.kde.ark")))
    )


GONE = "org.kde.dolphin"


async def gone(running, *, moment=DURING):
    """Dolphin's question is accepted and has a sample in its week; then its manifest is away."""
    running.install(KATE_2026.replace(APP, GONE).replace("Kate", "Dolphin"))
    await running.consent(GONE)
    running.to(DURING)
    running.push("startup", "d", 700.0, GONE)
    running.to(moment)
    (running.machine.root / f"share/telemetryd/manifests/{GONE}.toml").unlink()
    running.look()


@pytest.mark.parametrize(("moment", "state"), [(DURING, "active"), (AFTER, "reporting")])
async def test_what_is_gone_is_listed(running, moment, state):
    """An application whose manifest is away while its data lie on disk is listed, and so is its question, as it was accepted."""
    await gone(running, moment=moment)
    row, kate = running.views.applications({})
    assert (row["id"], row["name"], row["kind"], row["installed"], row["pending"], kate["id"]) == (GONE, "Dolphin", "gone", False, 0, APP)
    for rows in (running.views.questions(GONE), (row for row in running.views.questions("") if row["application"] == GONE)):
        (row,) = rows
        assert (row["state"], row["consent"], row["purpose"]) == (state, 1, "Is start-up too slow?")
        assert "gone" in row["reason"]
        assert row["digest"] == row["accepted_digest"]
        assert canonical.read(row["definition"]).digest == row["digest"]


async def test_what_is_gone_can_be_refused_withdrawn_and_erased(running):
    """Each by itself, with the reply: nothing of it is left."""
    acts = (
        lambda: running.choices.set_question(GONE, "startup-time", is_allowed=False),
        lambda: running.choices.set_application(GONE, 0, 0),
        lambda: running.choices.erase(GONE),
        lambda: running.choices.forget(GONE),
    )
    for number, act in enumerate(acts):
        with installed(running.directory / str(number)) as other:
            running = other
            await gone(other)
            assert other.store.tallies.all()
            await act()
            assert other.store.tallies.all() == []
            (row,) = other.views.questions(GONE)
            assert row["state"] == "passed"


@pytest.mark.parametrize(("moment", "state"), [(DURING, "active"), (AFTER, "reporting")])
@pytest.mark.parametrize("text", ["broken", "without"])
async def test_what_cannot_be_read_or_is_asked_no_more(running, text, moment, state):
    """A manifest that cannot be read, or that dropped the question: the question is listed with its reason, and can be refused."""
    two = TWO.replace(APP, GONE)
    running.install(two)
    await running.consent(GONE)
    running.to(DURING)
    running.push("startup", "d", 700.0, GONE)
    running.to(moment)
    path = running.machine.root / f"share/telemetryd/manifests/{GONE}.toml"
    path.write_text("broken" if text == "broken" else KATE_2026.replace(APP, GONE))
    running.look()
    rows = {row["id"]: row for row in running.views.questions(GONE)}
    assert rows.keys() == {"startup-time", "startup-pace"}
    assert (rows["startup-pace"]["state"], bool(rows["startup-pace"]["reason"])) == (state, True)
    kinds = {row["id"]: (row["kind"], row["installed"]) for row in running.views.applications({})}
    assert kinds[GONE] == (("unreadable", True) if text == "broken" else ("application", True))
    await running.choices.set_question(GONE, "startup-pace", is_allowed=False)
    left = {stored.key[1] for stored in (*running.store.tallies.all(), *running.store.reports.queue())}
    assert left == {"startup-time"}


async def test_what_nobody_can_read_any_more(running):
    """A question of which only a refusal or a report is left is listed with the same keys, empty; and is gone when that is."""
    await running.choices.set_question(*KEY, is_allowed=False)
    (running.machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
    running.look()
    full = question_keys(running)
    row = question(running)
    assert (row["state"], row["consent"], row["definition"], row.keys()) == ("refused", 2, "", full)
    await running.choices.set_question(*KEY, is_allowed=True)
    with pytest.raises(UnknownApplicationError):
        list(running.views.questions(APP))
    with pytest.raises(UnknownApplicationError):
        await running.choices.set_question(*KEY, is_allowed=False)


def question_keys(running):
    """The keys of a question that is declared."""
    running.install(KATE_2026.replace(APP, "org.kde.krita"))
    (row,) = running.views.questions("org.kde.krita")
    return row.keys()


async def test_a_report_alone_keeps_its_question_listed(running):
    """Of what was sent the history tells, and so do the lists, until the user erases it."""
    await running.consent()
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    await running.ticker.send(row)
    (running.machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
    running.look()
    await running.choices.forget(APP)
    assert [row["id"] for row in running.views.applications({})] == [APP]
    assert (question(running)["state"], question(running)["last_sent"] > 0) == ("answered", True)


@pytest.mark.parametrize("gone", [lambda running: running.choices.erase(""), None])
async def test_what_was_sent_outlives_the_history(running, gone):
    """The day and the outcome stay with the question after the history was erased or pruned, and the ledger counts the report."""
    await running.consent()
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    await running.ticker.send(row)
    before = question(running)
    if gone:
        await gone(running)
    else:
        running.store.reports.prune(running.clock.wall + 400 * 86400)
    running.restart()
    assert list(running.views.history(0)) == []
    kept = ("state", "cause", "cause_args", "reason", "outcome", "last_sent")
    assert [question(running)[key] for key in kept] == [before[key] for key in kept]
    assert before["last_sent"] == AFTER // 86400 * 86400
    assert [line["answers"] for line in running.views.ledger() if line["application"]] == [1]


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_question_known_by_its_report_only(running, is_sent):
    """If the record of a question is lost, its newest report says where it stands. One that waited is erased: nothing consents to it."""
    await running.consent()
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    if is_sent:
        await running.ticker.send(row)
    running.install(KATE_2026.replace("startup-time", "startup-pace"))
    running.sampling.commit()
    running.store.close()
    (running.directory / "consent.sqlite").write_bytes(b"damaged" * 1000)
    running.put_together()
    running.now(running.sampling.start_steps())
    (shown,) = (row for row in running.views.questions(APP) if row["id"] == KEY[1])
    known = tuple(shown[key] for key in ("state", "cause", "outcome", "last_sent"))
    day = AFTER // 86400 * 86400
    assert known == (("answered", "sent", "accepted", day) if is_sent else ("answered", "withdrawn", "erased", 0))


async def test_words_are_made_once(running):
    """What a definition says is kept, whatever the user decides, and made anew when what is expected of it changes."""
    first = question(running)
    await running.consent()
    assert question(running)["figures"] is first["figures"]
    running.install(KATE_2026.replace("sources =", "expected_users = 5000\nsources ="))
    assert len(question(running)["figures"]) > len(first["figures"])
