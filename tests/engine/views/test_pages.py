"""Pages of questions and reports, and the keys that say what a question does now."""

import pytest
from support.engine_flow import (
    ACCEPTED,
    AFTER,
    APP,
    CLOSES,
    DURING,
    FRAMEWORKS,
    KATE_2026,
    KEY,
    OPENS,
    SHARED,
    at,
    installed,
    user_of_shared,
)
from support.manifests.manifest_texts import question as question_text

from telemetryd.core.sending.schedule import Delivery, Result
from telemetryd.engine.ports import ReportSelection
from telemetryd.engine.views.queries import QuestionQuery, ViewChangedError
from telemetryd.engine.views.question_rows import Wanted
from telemetryd.errors import UnknownApplicationError
from telemetryd.system import languages

ALL = (1 << 63) - 1
NAMES = ("startup-pace", "startup-time", "a-third")
MANY = KATE_2026 + "".join(
    question_text(name, "startup", purpose="Is it slow?", decision="None", starts="2026-11-23", ends="2026-12-31")
    for name in NAMES
    if name != "startup-time"
)
GERMAN = KATE_2026.replace("summary =", '"name[de]" = "Käte"\n"summary[de]" = "Texte"\nsummary =').replace(
    "decision =", '"purpose[de]" = "Zu langsam?"\ndecision ='
)


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        yield running


def page(running, **query):
    """The ids of a page, as application/question."""
    return [f"{row['application']}/{row['id']}" for row in running.views.selected_questions(QuestionQuery(**query)) if row]


async def test_a_page_begins_behind_a_question(running):
    """Whatever question a page ended with, the next one goes on behind it, in the order of the whole list and without a gap."""
    for name in ("org.kde.ark", APP, "org.kde.dolphin"):
        running.install(MANY.replace(APP, name))
    whole = page(running)
    assert len(whole) == 9
    for number, last in enumerate(whole):
        assert page(running, after=tuple(last.split("/"))) == whole[number + 1 :]


async def test_a_page_behind_what_is_gone(running):
    """If the question that a page ended with is gone, its application comes whole: a question may come twice and is never left out."""
    for name in ("org.kde.ark", APP):
        running.install(MANY.replace(APP, name))
    assert page(running, after=("org.kde.ark", "gone")) == page(running)
    assert page(running, after=("org.kde.b", "gone")) == page(running, application=APP)
    assert page(running, after=("org.kde.z", "gone")) == []
    with pytest.raises(UnknownApplicationError):
        page(running, application="org.kde.nobody")


async def test_states(running):
    """Only questions in the wanted states are listed, also those of which nothing but a decision is left."""
    running.install(MANY)
    await running.consent()
    await running.choices.set_question(APP, "a-third", is_allowed=False)
    assert page(running, states=frozenset({"waiting"})) == [f"{APP}/startup-time", f"{APP}/startup-pace"]
    assert page(running, states=frozenset({"refused"})) == [f"{APP}/a-third"]
    assert page(running, states=frozenset({"refused", "waiting"})) == page(running)
    assert page(running, states=frozenset({"unheard-of"})) == []
    running.install(KATE_2026)
    assert page(running, states=frozenset({"refused"})) == [f"{APP}/a-third"]


async def test_keys(running):
    """A row has the wanted keys, each with the value of the whole row, and always says which question it is."""
    await running.consent()
    running.to(DURING)
    running.push("startup", "d", 700.0)
    (whole,) = running.views.questions(APP)
    for key in whole:
        (row,) = running.views.selected_questions(QuestionQuery(APP, wanted=Wanted(frozenset({key}))))
        assert row == {"application": APP, "id": "startup-time", key: whole[key]}
    (row,) = running.views.selected_questions(QuestionQuery(APP, wanted=Wanted(frozenset({"unheard-of"}))))
    assert row == {"application": APP, "id": "startup-time"}


async def test_a_page_is_of_one_moment(running):
    """What changes while a page is put together ends it."""
    running.install(MANY)
    rows = running.views.selected_questions(QuestionQuery())
    next(rows)
    await running.choices.set_level("usage", 1)
    with pytest.raises(ViewChangedError):
        list(rows)


async def test_sentences(running):
    """Each wanted language has the manifest's words and ours in it, as telemetryctl says them; what is not translated is English."""
    running.install(GERMAN)
    wanted = Wanted(languages={name: languages.of((name,)) for name in ("de_AT", "ja", "tlh")})
    (row,) = running.views.selected_questions(QuestionQuery(wanted=wanted))
    german, japanese, other = (row["sentences"][name] for name in ("de_AT", "ja", "tlh"))
    assert (german["why"], japanese["why"]) == ("Zu langsam?", "Is start-up too slow?")
    assert german["who"] == "Käte (org.kde.kate) fragt."
    assert "Usage" in other["needs"]
    assert other["reason"] == row["reason"]
    assert other["figures"] == row["figures"]
    assert len({german["reason"], japanese["reason"], other["reason"]}) == 3
    (source,) = german["sources"]
    assert source["bins"][0] == ["weniger als 500\u00a0ms", "<500"]
    assert german.keys() == japanese.keys() == other.keys()


async def test_sentences_of_a_change(running):
    """The differences from what was accepted are told in the language too."""
    await running.consent()
    running.install(KATE_2026.replace("[500, 2000]", "[500, 1000, 2000]"), date="2026-11-18")
    wanted = Wanted(languages={"de": languages.of(("de",))})
    (row,) = running.views.selected_questions(QuestionQuery(wanted=wanted))
    assert "1000" in row["sentences"]["de"]["changes"][0]
    assert row["sentences"]["de"]["changes"] != row["changes"]


async def test_sentences_of_what_cannot_be_read(running):
    """Without a definition the reason is told, and nothing else."""
    await running.choices.set_question(*KEY, is_allowed=False)
    (running.machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
    running.look()
    (row,) = running.views.selected_questions(QuestionQuery(wanted=Wanted(languages={"de": languages.of(("de",))})))
    assert row["definition"] == ""
    assert row["sentences"] == {"de": {"reason": "Sie haben diese Frage abgelehnt."}}


async def test_times_of_a_question(running):
    """Acceptance, period and windows are known from the acceptance on; the windows only while a report is to be expected."""
    times = ("accepted_at", "period_begins", "period_ends", "due_from", "due", "due_until")

    def shown():
        (row,) = running.views.questions(APP)
        return tuple(row[key] for key in times)

    assert shown() == (0, 0, 0, 0, 0, 0)
    await running.consent()
    expected = (ACCEPTED, at("11.23", 0), at("11.30", 0), OPENS, CLOSES, CLOSES + 56 * 86400)
    assert shown() == expected
    running.to(DURING)
    assert shown() == expected
    running.to(AFTER)
    assert shown() == expected
    (report,) = running.views.history(0)
    assert report["due_until"] == expected[-1]
    running.server.answers.append(Delivery(Result.ACCEPTED, 200))
    await running.ticker.send(running.store.reports.queue()[0])
    assert shown() == (*expected[:3], 0, 0, 0)


async def test_so_far(running):
    """While the period runs, the labels that the report would have; nothing before a sample, after the period, or while it is paused."""

    def shown():
        (row,) = running.views.questions(APP)
        return row["so_far"]

    await running.consent()
    running.to(DURING)
    assert shown() == []
    running.push("startup", "d", 700.0)
    assert shown() == ["500..2000"]
    for _ in range(3):
        running.push("startup", "d", 1.0)
    assert shown() == ["<500"]
    assert shown()[0] in next(iter(running.views.questions(APP)))["answers"]
    running.to(AFTER)
    assert shown() == []


async def test_needs_of_a_system_fact(running):
    """A usage question about a system fact needs both axes, at the same level."""
    running.install(KATE_2026.replace('sources = ["startup"]', 'sources = ["startup", "org.telemetryd.system/session_type"]'))
    (row,) = running.views.questions(APP)
    assert row["needs"] == [["usage", 1], ["system", 1]]
    assert row["answers"][0].count(", ") == 1
    assert (len(row["answers"]), row["answers"][-1]) == (row["cells"], "none, none")


async def test_what_an_application_is(running):
    """The vendor's name, results and relay come from the endpoint; name and summary in other languages from an installed manifest."""
    running.install(GERMAN)
    running.sampling.register("org.kde.dolphin", GERMAN.replace(APP, "org.kde.dolphin"))
    relay = 'results = "https://kde.org/r"\nohttp_relay = "https://relay.example.net/"\nohttp_keys = "/etc/keys"'
    running.configure(f'[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.org/v1"\n{relay}\n')
    dolphin, kate = running.views.applications({})
    assert (kate["vendor_name"], kate["results"], kate["relay"]) == ("KDE", "https://kde.org/r", "https://relay.example.net/")
    assert kate["translations"] == {"de": {"name": "Käte", "summary": "Texte"}}
    assert (dolphin["vendor_name"], dolphin["translations"]) == ("KDE", {})
    running.configure("")
    assert [row["vendor_name"] + row["results"] + row["relay"] for row in running.views.applications({})] == ["", ""]


async def test_pushers_of_a_shared_source(running):
    """A shared manifest names the applications whose samples are counted now; their own manifests name nobody."""
    running.install(FRAMEWORKS)
    pushers = ("org.kde.ark", "org.kde.dolphin")
    for name in pushers:
        running.install(user_of_shared(name))
    await running.consent(SHARED)
    running.to(DURING)
    for name in pushers:
        running.push(f"{SHARED}/crash", "u", 1, name)
    shown = {row["id"]: row["pushers"] for row in running.views.applications({})}
    assert shown == {SHARED: list(pushers), APP: [], **{name: [] for name in pushers}}
    await running.choices.set_application("org.kde.ark", 0, 0)
    assert {row["id"]: row["pushers"] for row in running.views.applications({})}[SHARED] == ["org.kde.dolphin"]


async def test_last_work(running):
    """The last look for due work counts across restarts, and is told only while a question waits for something."""
    assert running.ticker.last_work == 0
    await running.consent()
    running.ticker.advance(0)
    running.ticker.save_ticks()
    assert running.ticker.last_work == ACCEPTED
    running.clock.pass_(3 * 86400)
    running.restart()
    assert running.ticker.last_work == ACCEPTED
    running.ticker.start_by_timer()
    assert running.ticker.last_work == ACCEPTED + 3 * 86400
    await running.choices.set_question(*KEY, is_allowed=False)
    assert running.ticker.last_work == 0


async def two_reports(running):
    """Kate's report was sent, and Dolphin's waits."""
    running.install(KATE_2026.replace(APP, "org.kde.dolphin"))
    await running.consent(APP, "org.kde.dolphin")
    running.to(AFTER)
    (kate,) = (row for row in running.store.reports.queue() if row.application == APP)
    await running.ticker.send(kate)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["org.kde.kate", "org.kde.dolphin"]),
        ({"application": APP}, [APP]),
        ({"application": APP, "question": "startup-time"}, [APP]),
        ({"application": APP, "question": "other"}, []),
        ({"outcomes": ("queued",)}, ["org.kde.dolphin"]),
        ({"outcomes": ("queued", "accepted")}, ["org.kde.kate", "org.kde.dolphin"]),
        ({"since": AFTER // 86400 * 86400 + 1}, ["org.kde.dolphin"]),
        ({"limit": 1}, ["org.kde.kate"]),
    ],
)
async def test_selected_reports(running, selection, expected):
    """Each condition by itself; the newest report comes first."""
    await two_reports(running)
    rows = list(running.views.selected_history(ReportSelection(**{"before": ALL, "limit": 200} | selection)))
    assert sorted(row["application"] for row in rows) == sorted(expected)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert {row["vendor_name"] for row in rows} <= {"KDE"}
