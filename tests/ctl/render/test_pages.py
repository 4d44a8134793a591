import json
import time
from datetime import datetime

import pytest
from support.manifests.survey_answers import MANIFEST
from support.manifests.survey_answers import definition as define

from telemetryd.core.definition import canonical_text
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.render import pages, printing, question_page, report_pages
from telemetryd.ctl.render.state_sentences import ServiceState
from telemetryd.describe.sentences import describe

MEMORY = MANIFEST.replace('["startup", "platform"]', '["startup", "org.telemetryd.system/memory"]').replace("[500, 2000]", "[500]")
DEFINITION = define(MEMORY.partition('[[source]]\nid = "platform"')[0] + "[[question]]" + MEMORY.partition("[[question]]")[2])
DIGEST = DEFINITION.digest

QUESTION = {
    "application": "org.example.Editor",
    "id": "startup-by-platform",
    "state": "pending",
    "cause": "",
    "cause_args": {},
    "reason": "It waits for your answer, and nothing is measured unless you say yes.",
    "outcome": "",
    "digest": DIGEST,
    "purpose": "Is start-up slower on one window system?",
    "decision": "Which window system is worked on first",
    "ends": "2026-12-27",
    "changes": ["“startup” has other bins."],
    "definition": canonical_text(DEFINITION),
    "accepted_definition": "",
    "translations": {"de": {"question/startup-by-platform/purpose": "Startet es zu langsam?"}, "ja": {"name": "エディター"}},
    "example": '{"schema":1,"application":"org.example.Editor","question":"startup-by-memory","answer":["<500","<4"],"epsilon":2.0}',
    "consent": 0,
    "accepted_digest": "sha256:" + "f" * 64,
    "last_sent": 0,
    "drawn_period": "",
    "room": "",
    "epsilon": 2.0,
    "endpoint": "https://telemetry.example.org/v1/reports",
    "reviewers": ["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"],
    "record": "https://mail.example.org/review/42",
    "figures": ["10 possible answers, “none” included.", "An answer holds at most 3.33 bits before noise."],
    "warnings": ["about 205 reports a week from 7,000 users"],
}

APPLICATION = {
    "id": "org.kde.kate",
    "name": "Kate",
    "summary": "Text editor",
    "vendor": "kde",
    "contact": "https://kde.org/privacypolicy-apps",
    "kind": "application",
    "system": 3,
    "usage": 9,
    "effective_system": 0,
    "effective_usage": 8,
    "installed": False,
    "callers": [],
    "pending": 2,
    "warnings": ["sources a, b: their descriptions say nearly the same"],
}

TRIED = 1_794_268_800
"""The 10th of November 2026."""
REPORT = {
    "application": "org.kde.kate",
    "question": "startup-by-memory",
    "revision": "0123456789ab",
    "period": "2026-W48",
    "endpoint": "https://telemetry.example.org/v1/reports",
    "created": 1_795_000_000,
    "id": 7,
    "sent": 1_795_132_800,
    "due_until": 1_802_000_000,
    "error": "status",
    "outcome": "marvelled",
    "status": 503,
    "headers": [["Content-Type", "application/json"], ["Content-Length", "1024"]],
    "body": '{"schema":1}'.ljust(1024),
}


@pytest.fixture
def columns(monkeypatch):
    """Sets how wide a line may be where there is no terminal."""
    return lambda width: monkeypatch.setenv("COLUMNS", str(width))


def joined(text):
    """The text without the line ends and blanks that wrapping put into it."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [80, 100, 200])
def test_question_shows_everything_that_consent_is_given_to(width, columns, capsys):
    """Every key of a question is on its page, at 80 columns too. The report is alone on its line, to be copied."""
    columns(width)
    question_page.question_page(printing.Page(), QUESTION)
    output = capsys.readouterr().out
    texts = ("application", "id", "state", "reason", "purpose", "decision", "ends", "example", "endpoint", "record")
    description = describe(DEFINITION)
    for text in [
        *(QUESTION[key] for key in texts),
        *(text for source in description.sources for text in (source.what, source.whence, source.how, source.coarse)),
        *(answer.label for source in description.sources for answer in source.bins),
        *(
            description.together,
            description.when,
            description.often,
            description.part,
            description.until,
            description.whom,
            description.needs,
            description.protection,
        ),
        *QUESTION["changes"],
        *QUESTION["reviewers"],
        *QUESTION["figures"],
        *QUESTION["warnings"],
    ]:
        assert joined(text) in joined(output), text
    assert DIGEST in output
    assert QUESTION["example"] in output.splitlines()
    assert max(len(line) for line in output.splitlines() if line != QUESTION["example"]) <= width
    assert not any(line.endswith(" ") for line in output.splitlines())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"endpoint": ""}, "Not sent anywhere: this system has no server for this vendor."),
        ({"reviewers": [], "record": ""}, "by nobody: no review of this definition is installed"),
        ({"last_sent": 1_795_046_400}, "2026-11-19"),
        ({"consent": 2}, "refused"),
        ({"consent": 7, "state": "dreaming"}, "unknown (7)"),
        ({"epsilon": 0.0}, "none is added"),
        ({"example": '{"schema":1,"epsilon":null}'}, "none is added"),
        ({"drawn_period": "2026-W49"}, "2026-W49"),
        ({}, "an earlier definition accepted"),
    ],
)
def test_question_in_other_words(changed, message, capsys):
    """What is missing is said, what is unknown is shown as it is."""
    question_page.question_page(printing.Page(), QUESTION | changed)
    assert message in capsys.readouterr().out


def test_applications(columns, capsys):
    """An application has one line with the levels in force; a level that this version does not know is shown as such."""
    columns(120)
    pages.applications_page(printing.Page(), [APPLICATION])
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["APPLICATION", "NAME", "SYSTEM", "USAGE", "TO", "DECIDE", "TO", "KIND"]
    assert line.split() == [
        "org.kde.kate",
        "Kate",
        "off",
        "unknown",
        "(8)",
        "2",
        "kde",
        "application,",
        "declared",
        "by",
        "a",
        "program,",
        "not",
        "installed",
    ]
    pages.application_page(printing.Page(), APPLICATION)
    assert "inherit (off now)" in (output := capsys.readouterr().out)
    assert "unknown (9) (unknown (8) now)" in output


def test_status_names_who_waits(capsys):
    """The status lists the applications with questions to decide by name, each with the number of these questions."""
    quiet = APPLICATION | {"name": "Dolphin", "pending": 0}
    pages.status_page(printing.Page(), ServiceState({}, [APPLICATION, quiet, APPLICATION | {"name": "GIMP", "pending": 1}], []))
    assert "Waiting for you Kate (2), GIMP (1)\n" in capsys.readouterr().out


CALLERS = {
    "flatpak:org.kde.kate": "flatpak:org.kde.kate (verified)",
    "flatpak?:org.kde.kate": "in a Flatpak sandbox, as org.kde.kate",
    "snap:kate": "snap:kate (verified)",
    "container:org.kde.kate": "in a container, as org.kde.kate (claimed)",
    "host": "host (claimed)",
    "host:org.kde.kate": "host:org.kde.kate (claimed)",
}
"""What the bus says → what a person reads."""


def test_heading(columns, capsys):
    """Who asks is named with the contact for concerns, and of those who called, what is verified and what is a claim."""
    columns(120)
    question_page.heading(printing.Page(), APPLICATION | {"callers": CALLERS})
    output = capsys.readouterr().out
    assert output.startswith("Kate (org.kde.kate): Text editor\n")
    assert "kde; for concerns: https://kde.org/privacypolicy-apps" in output
    assert "warnings sources a, b: their descriptions say nearly the same" in output
    assert ", ".join(CALLERS.values()) in " ".join(output.split())
    question_page.heading(printing.Page(), APPLICATION)
    assert "none so far" in (output := capsys.readouterr().out)
    assert "registered by a program, not installed" in output


def test_nobody_asks(capsys):
    """Without applications the page says so in words."""
    pages.applications_page(printing.Page(), [])
    assert "No application asks anything" in capsys.readouterr().out


def test_history(columns, capsys):
    """A report has one line, which says to whom it went; an outcome that this version does not know is shown as it is."""
    columns(120)
    report_pages.history_page(printing.Page(), [REPORT])
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == [
        "org.kde.kate/startup-by-memory",
        "2026-11-20",
        "telemetry.example.org",
        "2026-W48",
        "marvelled",
        "(HTTP",
        "503)",
    ]


def test_proxy_of_the_environment(columns, capsys):
    """The status says that reports do not use the environment's proxy, if it names one."""
    columns(200)
    for proxies, is_said in (((), False), (("HTTPS_PROXY", "ALL_PROXY"), True)):
        pages.status_page(printing.Page(), ServiceState({}, [], [], proxies))
        output = capsys.readouterr().out
        assert ("reports never use the proxy in HTTPS_PROXY and ALL_PROXY; only an administrator can" in output) is is_said


def test_report_with_its_bytes(columns, capsys):
    """A report's page has its headers in order and its body on one line, however narrow, and counts the blanks instead of showing them."""
    columns(40)
    long = '{"schema":1,"application":"org.kde.kate","question":"startup-by-memory"}'
    report_pages.report_page(printing.Page(), REPORT | {"body": long.ljust(1024)})
    output = capsys.readouterr().out
    assert long in output.splitlines()
    assert output.index("Content-Type: application/json") < output.index("Content-Length: 1024")
    assert joined(f"(and {1024 - len(long)} blanks that fill it up to 1024 bytes)") in joined(output)
    report_pages.report_page(printing.Page(), REPORT | {"body": "", "sent": 0, "status": 0, "endpoint": ""})
    assert "(no body is kept)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, ["marvelled (HTTP 503)", "2026-11-20"]),
        (
            {"outcome": "queued", "sent": 0, "status": 0, "error": "dns"},
            ["not yet; after 2027-02-07 it is deleted unsent", "name was not found"],
        ),
        ({"outcome": "dropped", "sent": 0, "status": 0, "error": "unheard-of"}, ["never", "unheard-of"]),
        (
            {"outcome": "queued", "sent": 0, "error": "keys", "tries": [[TRIED, "dns"], [TRIED + 86400, "keys"]]},
            ["2026-11-10: the server's name was not found", "2026-11-11: the file with the gateway's keys could not be used"],
        ),
    ],
)
def test_what_became_of_a_report(columns, capsys, *, changes, texts):
    """A report's page says when it was sent, until when it waits, and why it was not accepted or reached nobody."""
    columns(200)
    report_pages.report_page(printing.Page(), REPORT | changes)
    output = capsys.readouterr().out
    assert [text for text in texts if text not in output] == []


@pytest.mark.parametrize(
    ("locale", "running", "waiting"),
    [
        ("C", "Not final: the noise and a random number are added before it is sent.", "waits, and will be sent exactly so"),
        (
            "de_AT.UTF-8",
            "Nicht endgültig: Das Rauschen und eine Zufallszahl kommen vor dem Senden hinzu.",
            "wartet und wird genau so gesendet",
        ),
        ("ja_JP.UTF-8", "確定前です。送信の前に、ノイズと乱数が加えられます。", "送信待ち。このまま送られます"),
    ],
)
def test_preview_says_what_is_final(locale, running, waiting, monkeypatch, capsys):
    """The preview says in a line, in the person's language, which reports are before noise and which will be sent as they are."""
    monkeypatch.setenv("LC_ALL", locale)
    reports = [("org.kde.kate/one", "https://example.org/", f'{{"nonce":"{nonce * 32}"}}') for nonce in "0f"]
    report_pages.preview_page(printing.Page(), reports)
    first, two = map(joined, capsys.readouterr().out.split("\n\n"))
    for output, message, (_, _, body) in ((first, running, reports[0]), (two, waiting, reports[1])):
        assert output.startswith("org.kde.kate/one")
        assert output.endswith(joined(message) + body)


def test_preview_of_nothing(capsys):
    """Where nothing would be sent, or nowhere, it is said."""
    report_pages.preview_page(printing.Page(), [])
    report_pages.preview_page(printing.Page(), [("org.kde.kate/one", "", "{}")])
    nothing, _, nowhere, *_ = capsys.readouterr().out.splitlines()
    assert nothing == "Nothing would be sent: no question is collecting, and no report waits."
    assert nowhere == "Not sent anywhere: this system has no server for this vendor."


def test_translation_stands_beside_the_original(monkeypatch, capsys):
    """Where the manifest has the person's language, its text comes first and the reviewed original right below; else the original alone."""
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
    question_page.question_page(printing.Page(), QUESTION)
    output = capsys.readouterr().out
    assert output.index("Startet es zu langsam?") < output.index(QUESTION["purpose"])
    assert output.count(QUESTION["decision"]) == 1
    assert "13 mögliche Antworten" in " ".join(output.split())  # wherever the line is wrapped


@pytest.mark.parametrize("changed", [{"digest": "sha256:" + "0" * 64}, {"definition": "{}"}, {"definition": canonical_text(define())}])
def test_what_is_shown_is_what_the_digest_stands_for(changed, capsys):
    """A definition that does not give the digest is not shown: nobody accepts one thing and reads another."""
    with pytest.raises(Failure, match="another version"):
        question_page.question_page(printing.Page(), QUESTION | changed)
    assert capsys.readouterr().out == ""


def test_changes_are_told_from_the_definitions(capsys):
    """What changed is told from the definition that was accepted before."""
    before = DEFINITION._replace(application=DEFINITION.application._replace(vendor="gnome"))
    question_page.question_page(printing.Page(), QUESTION | {"accepted_definition": canonical_text(before)})
    assert "The answer now goes to the vendor example instead of gnome." in capsys.readouterr().out


def test_others_texts_do_nothing(capsys):
    """Neither markup nor escape sequences nor emoji names in an application's texts are obeyed."""
    evil = {"decision": "[bold]:smile:[/bold]\x1b[31m\n\u202eevil"}
    texts = {"de": {"question/startup-by-platform/purpose": "\x1b[31m"}}
    question_page.question_page(
        printing.Page(), QUESTION | {"figures": [evil["decision"]], "cause": "moon", "reason": "\x07", "translations": texts}
    )
    output = capsys.readouterr().out
    assert "[bold]:smile:[/bold]\N{REPLACEMENT CHARACTER}[31m" in output
    assert not {"\x1b", "\x07", "\u202e"} & set(output)


def test_json_is_ascii_and_the_same(capsys):
    """JSON gives back exactly the service's values, and nothing in it acts on a terminal."""
    value = [QUESTION | {"purpose": "Größe\x9b\x1b[31m", "ends": "\u202e"}]
    printing.emit(value)
    output = capsys.readouterr().out
    assert json.loads(output) == value
    assert output.isascii()
    assert "\x1b" not in output
    printing.emit_line(["startup", "<500", "kept"])
    assert capsys.readouterr().out == '["startup", "<500", "kept"]\n'


@pytest.mark.parametrize("value", ["", "0", "wide", "-5"])
def test_odd_columns(value, monkeypatch, capsys):
    """A COLUMNS that is no width is ignored."""
    monkeypatch.setenv("COLUMNS", value)
    printing.Page().say("word " * 40)
    assert 80 < max(map(len, capsys.readouterr().out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("made", "outcomes", "text"),
    [
        (1, ["accepted"], "The ledger counts 1 report in all: 1 sent."),
        (
            4,
            ["", "accepted", "rejected", "unknown", "dropped"],
            "The ledger counts 4 reports in all: 2 sent, 1 perhaps sent and 1 not sent.",
        ),
        (3, ["queued", "eaten"], "3 reports in all: 1 waiting to be sent and 2 of which nothing more is known."),
    ],
)
def test_what_the_history_no_longer_has(made, outcomes, text, columns, capsys):
    """The ledger's number is told, and what became of the reports as far as the questions know."""
    columns(200)
    report_pages.missing_page(printing.Page(), made, outcomes, erased=0)
    assert text in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("outcome", "last_sent", "text"),
    [
        ("accepted", 1_795_046_400, "2026-11-19"),
        ("unknown", 1_795_046_400, "perhaps on 2026-11-19"),
        ("unknown", 0, "unknown"),
        ("", 0, "never"),
    ],
)
def test_the_day_on_which_a_report_was_sent(outcome, last_sent, text, columns, capsys):
    """It is told as certain only if it is."""
    columns(200)
    question_page.question_page(printing.Page(), QUESTION | {"outcome": outcome, "last_sent": last_sent})
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("sent ") and not line.startswith("sent to"))
    assert line.split(maxsplit=1)[1] == text


def test_last_work(capsys):
    """The status says when due work was last looked for, and what to do if that is days ago; nothing while nothing waits."""
    now = int(time.time())
    shown = []
    for last in (now, now - 3 * 86400, 0, 1 << 63):
        pages.status_page(printing.Page(), ServiceState({"LastWork": last} if last else {}, [], []))
        shown.append(" ".join(capsys.readouterr().out.split()))
    recent, old, none, beyond = shown
    assert f"Due work last looked for on {datetime.now().astimezone():%Y-%m-%d}" in recent
    assert "telemetryctl check" not in recent
    assert "`telemetryctl check` says whether its timer is enabled" in old
    assert "Due work" not in none
    assert "unknown (9223372036854775808)" in beyond
