"""What the user is shown, against what is enforced."""

import json

import pytest
from harness import KATE_2026
from running import AFTER, APP, DURING, KEY, at, installed

from telemetryd.core import canonical
from telemetryd.core.schedule import Delivery, Result
from telemetryd.errors import UnknownApplicationError

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
    running.daemon.register("org.kde.dolphin", KATE_2026.replace(APP, "org.kde.dolphin"))
    await running.choices.set_level("usage", 2)
    await running.choices.set_application(APP, 3, 1)
    dolphin, kate = running.views.applications({APP: frozenset({"b (claimed)", "a (verified)"})})
    assert kate == {
        "id": APP,
        "name": "Kate",
        "summary": "Text editor",
        "vendor": "kde",
        "contact": "https://kde.org/privacypolicy-apps",
        "kind": "application",
        "system": 3,
        "usage": 1,
        "effective_system": 0,
        "effective_usage": 1,
        "installed": True,
        "callers": ["a (verified)", "b (claimed)"],
        "pending": 1,
        "warnings": [],
    }
    assert (dolphin["installed"], dolphin["callers"], dolphin["usage"], dolphin["effective_usage"]) == (False, [], 3, 2)
    assert dolphin["pending"] == 0


async def test_effective_levels(running):
    """Locks and kill switches show in what holds."""
    await running.choices.set_level("usage", 2)
    running.configure("[limits]\nusage = 1")
    assert running.views.applications({})[0]["effective_usage"] == 1
    running.configure("enabled = false")
    assert running.views.applications({})[0]["effective_usage"] == 0


@pytest.mark.parametrize("refuse", [lambda running: running.choices.set_level("new_questions", 0), None])
async def test_nothing_is_pending_where_new_questions_are_refused(running, refuse):
    """By the user or by a lock: refused silently."""
    assert running.views.applications({})[0]["pending"] == 1
    if refuse:
        await refuse(running)
    else:
        running.configure("[limits]\nnew_questions = 'refuse'")
    assert running.views.applications({})[0]["pending"] == 0


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
    assert canonical.read(row.pop("definition")) == definition._replace(application=definition.application._replace(summary=""))
    assert row == {
        "application": APP,
        "id": "startup-time",
        "state": "pending",
        "reason": "Usage is below basic",
        "digest": definition.digest,
        "purpose": "Is start-up too slow?",
        "decision": "Whether the session restore is loaded lazily",
        "category": "usage",
        "detail": "basic",
        "period": "week",
        "ends": "2026-12-31",
        "changes": [],
        "accepted_definition": "",
        "translations": {},
        "consent": 0,
        "accepted_digest": "",
        "last_sent": 0,
        "drawn_period": "",
        "epsilon": 2.0,
        "endpoint": "https://telemetry.kde.org/v1",
        "reviewers": ["Ada <ada@example.org>", "Bo <bo@example.org>"],
        "record": "https://example.org/review/1",
    }


async def test_consent(running):
    """Undecided, accepted, refused; the drawn period once there is one; nothing of a review of another definition."""
    await running.consent()
    row = question(running)
    assert (row["consent"], row["accepted_digest"], row["drawn_period"]) == (1, row["digest"], "2026-W48")
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
    assert row["changes"] == ["`startup` is now kept in 4 bins instead of 3: the edge 1000 ms is new (finer)."]
    assert canonical.read(row["accepted_definition"]).digest == accepted
    with running.store.consent.durable() as connection:
        connection.execute("UPDATE shown SET manifest = 'schema = 2'")
    assert "cannot be compared" in question(running)["changes"][0]


async def test_translations(running):
    """A question's texts in other languages are shown if its manifest is installed with the system, and never a program's own."""
    german = KATE_2026.replace("decision =", '"purpose[de]" = "Zu langsam?"\ndecision =').replace(
        "summary =", '"name[de]" = "Käte"\nsummary ='
    )
    running.install(german)
    assert question(running)["translations"] == {"de": {"name": "Käte", "question/startup-time/purpose": "Zu langsam?"}}
    running.daemon.register("org.kde.dolphin", german.replace(APP, "org.kde.dolphin"))
    (row,) = running.views.questions("org.kde.dolphin")
    assert row["translations"] == {}


async def test_sent(running):
    """History and last_sent tell what left."""
    await running.consent()
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    running.server.answers.append(Delivery(Result.ACCEPTED, 202))
    await running.ticker._send(row)
    (shown,) = running.views.history(0, 0)
    assert (shown["outcome"], shown["status"], shown["tries"], shown["period"]) == ("accepted", 202, 1, "2026-W48")
    assert shown["endpoint"] == "https://telemetry.kde.org/v1"
    assert ["Content-Length", "1024"] in shown["headers"]
    assert json.loads(shown["body"])["nonce"] == "0" * 32
    assert shown["created"] % 86400 == 0
    assert question(running)["last_sent"] == shown["created"]
    assert running.views.history(at("12.8"), 10) == []
    assert running.views.preview("") == []


async def test_views_write_nothing(running):
    """Whatever is shown, no file appears and none changes."""
    for _ in range(2):
        before = running.files()
        running.views.applications({})
        running.views.questions("")
        running.views.preview("")
        running.views.history(0, 10)
        assert running.files() == before
        await running.consent()
        running.to(DURING)


async def test_unknown(running):
    """Questions of an application that is not declared are an error; a broken manifest hides no other."""
    with pytest.raises(UnknownApplicationError):
        running.views.questions("org.kde.dolphin")
    (running.machine.root / "share/telemetryd/manifests/org.kde.dolphin.toml").write_text("broken")
    running.daemon.reload()
    assert [row["id"] for row in running.views.applications({})] == [APP]
    assert [row["id"] for row in running.views.questions("")] == ["startup-time"]
