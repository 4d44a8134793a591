"""What the window shows is what the daemon has: states, bytes, budgets; as plain text, with a name for everything. Policy: T1, T2."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from benchmarks import load_applications
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QWidget
from support.driven_window import dark, driven_window, qt
from support.machine import CONTROL, KATE, TELEMETRY
from support.machine_at import accept_last_week
from support.manifests.manifest_texts import this_week
from support.manifests.window_manifests import GIMP
from support.timeline import HOUR_S, at

from telemetryd.settings.pages.page import Place

KATE_ID, QUESTION = "org.kde.kate", "org.kde.kate/startup-time"
KDE = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'
THIS_YEAR = "this year" if datetime.now(UTC).year == 2026 else "in 2026"  # that of the timeline's reports
GIMP_QUESTION = "org.gimp.GIMP/startup-time"
PLACES = (
    {"page": "overview"},
    {"page": "applications"},
    {"page": "application", "application": KATE_ID},
    {"page": "question", "application": KATE_ID, "question": "startup-time"},
    {"page": "sent"},
    {"page": "revealed"},
    {"page": "system"},
)


def row_of(window, name, row=0):
    """The texts of a row of a list."""
    model = window.part(name).model()
    return [model.index(row, column).data() for column in range(model.columnCount())]


async def test_a_sent_report_with_its_exact_bytes(timeline):
    """Enter on a row of the history opens the report: headers and body are those that the server got, and Copy has them all."""
    await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    (body,) = timeline.bodies()
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        cells = row_of(window, "sent")[1:]
        assert cells == ["Kate", "Is start-up too slow?", ", ".join(json.loads(body)["answer"]), "KDE", "arrived"]
        assert "2026-" in window.told("timeline")
        window.tab_to("sent")
        window.press("Return")
        window.until(lambda: window.part("body") is not None)
        shown = window.part("body").toPlainText()
        assert {**json.loads(shown), "nonce": ""} == {**json.loads(body), "nonce": ""}
        assert "Content-Length: 1024" in window.part("headers").toPlainText()
        window.use("copy")
        (row,) = await timeline.client.history()
        assert QGuiApplication.clipboard().text() == row["body"]
        window.press("Escape")


async def test_what_is_measured_and_what_waits(timeline):
    """The report in the making is shown as not final; once it is made, the same bytes wait in the list."""
    await timeline.collect()
    where = {"page": "question", "application": KATE_ID, "question": "startup-time"}
    with driven_window(timeline.machine, **where) as window:
        window.until(lambda: window.part("report") is not None)
        window.use("report")
        window.until(lambda: window.part("final") is not None)
        assert (window.text("final").startswith("Not final"), '"answer":["500..2000"]' in window.part("body").toPlainText()) == (True, True)
        window.press("Escape")
    await timeline.move(int(timeline.now) + 7 * 86400)
    (row,) = await timeline.client.history()
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("waiting") is not None)
        assert row_of(window, "waiting") == ["2026-10-26 and 2026-11-22", "2027-01-17", "Kate", "Is start-up too slow?", "KDE"]
        window.tab_to("waiting")
        window.press("Return")
        window.until(lambda: window.part("body") is not None)
        assert window.part("body").toPlainText() == row["body"].rstrip(" ")
        window.press("Escape")


async def test_an_erased_list_does_not_say_that_nothing_was_sent(timeline):
    """After Erase the list says that a report had been made: the ledger knows it. The budget still has it."""
    await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        window.use("erase")
        window.until(lambda: window.part("asked") is not None)
        window.use("do")
        window.until(lambda: window.text("nothing-sent").startswith("You erased this list on 2026-"))
        assert window.text("nothing-sent").endswith("1 report was made in all.")
        window.press("Alt+4")
        window.until(lambda: window.part("bar-0-0") is not None)
        assert window.told("bar-0-0") == "KDE: 1 of 32 answers ever"
        assert [window.text(f"told-0-{year}") for year in (2026, 0)] == [f"1 of 8 answers {THIS_YEAR}", "1 of 32 answers ever"]


async def test_an_empty_list_of_what_never_left(timeline):
    """If no report ever left, an erased list says so too, and how many were made."""
    await timeline.queue()
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        assert row_of(window, "sent")[-1] == "erased before it was sent"
        await timeline.client.call(CONTROL, "Erase", "s", "")
        window.until(lambda: window.text("nothing-sent") == "You erased this list on 2026-10-19. 1 report was made in all.")


async def test_a_report_that_reached_nobody(timeline):
    """The list says why a report was not delivered, and nothing was sent."""
    timeline.name_endpoint("https://localhost:1/v1")
    await timeline.queue()
    await timeline.move(at("2027-01-25 00:01"))
    await timeline.run(2 * HOUR_S)
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        assert (row_of(window, "sent")[0], row_of(window, "sent")[-1].startswith("not delivered: ")) == ("—", True)
        assert window.part("timeline") is None


def test_nothing_sent(machine):
    """A new account says that nothing was sent and nothing was revealed."""
    with machine.daemon(), driven_window(machine, page="sent") as window:
        window.until(lambda: window.text("nothing-sent") == "Nothing has been sent from this account.")
        window.press("Alt+4")
        window.until(lambda: window.text("empty").startswith("You have revealed nothing"))
        window.press("Alt+2")
        window.until(lambda: window.text("empty") == "No application asks anything on this system.")


def test_foreign_texts_are_shown_literally(machine):
    """Markup, entities and ampersands of a manifest are shown as they are written, in lists, cards, headings and names."""
    machine.install(GIMP)
    with machine.daemon(), driven_window(machine, page="applications") as window:
        window.until(lambda: window.part("applications") is not None)
        assert window.part("applications").item(0).text().startswith("GIMP <b>bold</b> & co\n")
        window.tab_to("applications")
        window.press("Return")
        window.until(lambda: window.part(f"details:{GIMP_QUESTION}") is not None)
        assert window.text("application") == "GIMP <b>bold</b> & co"
        assert window.text(f"purpose:{GIMP_QUESTION}") == "Is <1, 1..5> & <i>more</i> a &nbsp; problem?"
        assert window.told(f"details:{GIMP_QUESTION}") == "Details…: Is <1, 1..5> & <i>more</i> a &nbsp; problem?"
        labels = window.window.findChildren(QLabel)
        assert {label.textFormat() for label in labels if label.text()} == {Qt.TextFormat.PlainText}


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where["page"])
def test_everything_has_a_name_of_its_own(machine, where):
    """On every page each part that takes the focus has a name for a screen reader, and no two buttons have the same."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, **where) as window:
        window.until(lambda: window.window._stack.currentWidget() is window.window._pages[where["page"]])
        parts = [one for one in window.window.findChildren(QWidget) if one.isVisible() and one.focusPolicy() & Qt.FocusPolicy.TabFocus]
        names = {one.objectName(): window.told(one.objectName()) for one in parts if one.objectName()}
        assert len(parts) >= 2
        assert all(names.values()), names
        buttons = [window.told(one.objectName()) for one in parts if isinstance(one, QAbstractButton)]
        assert len(buttons) == len(set(buttons))


def test_tab_reaches_every_control_and_comes_round(machine):
    """Tab visits every button and the chosen level of the overview once, from the top, and returns; arrows lead to the other levels."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("turn-off") is not None)
        first, visited = window.focus, []
        while not visited or window.focus != first:
            visited.append(window.focus)
            window.press("Tab")
        assert visited == ["navigation", "system=0", "usage=0", "new_questions=1", "notifications", "turn-off"]


def test_pictures_have_their_text(machine):
    """The bins and the hundred dots of a question are told to a screen reader in words."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, **PLACES[3]) as window:
        window.until(lambda: window.part("noise") is not None)
        assert window.told("bins-startup").startswith(
            "Possible answers: less than 500\u00a0ms, 500 to less than 2000\u00a0ms, 2000\u00a0ms or more."
        )
        assert "Of 100 people who answer as you do, 71 send that answer" in window.told("noise")


def test_right_to_left(machine):
    """In Arabic the pages are mirrored, and foreign texts are isolated: a range keeps its direction."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, language="ar", **PLACES[3]) as window:
        window.until(lambda: window.part("noise") is not None)
        assert window.window._navigation.x() > window.window._stack.x()
        assert window.text("purpose") == "\N{FIRST STRONG ISOLATE}Is start-up too slow?\N{POP DIRECTIONAL ISOLATE}"


def test_german(machine):
    """The window speaks the user's language."""
    with machine.daemon(), driven_window(machine, language="de") as window:
        window.until(lambda: window.text("headline") == "Telemetrie ist aus. Nichts wird gesammelt, nichts wird gesendet.")


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_platforms_palette(machine, is_dark):
    """Pages are painted in the colours of the platform, whether these are light or dark."""
    palette = dark() if is_dark else qt().style().standardPalette()
    qt().setPalette(palette)
    try:
        with machine.daemon(), driven_window(machine) as window:
            window.until(lambda: window.part("headline") is not None)
            image = window.picture().toImage()
            assert image.pixelColor(image.width() - 40, image.height() - 5) == palette.window().color()
    finally:
        qt().setPalette(qt().style().standardPalette())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("enabled = false\n", "telemetryd.toml switches telemetry off."),
        ("enabled = = true\n", "telemetryd.toml cannot be read or has a mistake, so everything is off to be safe."),
    ],
)
def test_kill_switches(machine, text, sentence):
    """A file that switches telemetry off, or that cannot be read, is named in the first sentence."""
    machine.configure(text)
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.text("headline").endswith(sentence))
        assert window.text("headline").startswith("Telemetry is off: /")


def test_problems(machine):
    """A manifest that cannot be read is a problem with file and line."""
    (machine.root / "share/telemetryd/manifests/org.kde.kate.toml").write_text("schema = = 1\n")
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: "org.kde.kate.toml" in window.all_text())


def test_lists_that_the_service_cut(machine):
    """Of a thousand problems, switches and locks the pages show those that the service told, and then how many more there are."""
    folder = machine.root / "etc/telemetryd/telemetryd.toml.d"
    folder.mkdir(parents=True)
    for number in range(500):
        (folder / f"{number:04}.toml").write_text("enabled = false\ndeveloper = true\n[limits]\nusage = 1\n")
    more = re.compile(r"and (\d+) more")
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: len(more.findall(window.all_text())) == 2)  # switches and problems
        window.window.go(Place("system"))
        window.until(lambda: len(more.findall(window.all_text())) == 3)
        assert all(0 < int(number) < 500 for number in more.findall(window.all_text()))


async def test_the_present_range_is_marked(timeline):
    """Of a question that is being measured, the range so far is marked in the picture, and said in words beside it."""
    await timeline.collect()
    if "so_far" not in (await timeline.client.questions())["startup-time"]:
        pytest.skip("this service does not say what was measured so far")
    with driven_window(timeline.machine, **PLACES[3]) as window:
        window.until(lambda: window.text("so-far") == "So far: 500 to less than 2000\u00a0ms.")
        assert window.told("bins-startup").endswith("So far: 500 to less than 2000\u00a0ms.")


async def test_states_in_the_words_of_telemetryctl(timeline):
    """The sentence of each state is the one that telemetryctl prints: waiting, being measured, about to leave."""
    await timeline.start()
    await timeline.accept()
    with driven_window(timeline.machine, page="application", application=KATE_ID) as window:
        for moment in (None, "2026-10-14 12:00", "2026-10-19 00:01"):
            if moment:
                await timeline.move(at(moment))
            (row,) = (await timeline.client.questions(KATE_ID)).values()
            window.until(lambda row=row: window.text(f"state:{QUESTION}") == row["reason"])
    assert row["state"] == "reporting"


async def test_what_was_revealed_can_be_explained_and_saved(timeline, tmp_path):
    """What a limit means is told on demand, and the page can be saved as a file with everything that it says."""
    await timeline.collect()
    path = tmp_path / "revealed.html"
    with driven_window(timeline.machine, page="revealed") as window:
        window.until(lambda: window.text("promised-0") == "Promised: 1.")
        window.use("meaning-0")
        window.until(lambda: window.text("meaning").startswith("Nothing of this was told yet"))
        window.press("Escape")
        window.use("save-page")
        window.until(lambda: isinstance(window.top, QFileDialog))
        window.focused.setText(str(path))
        window.press("Return")
        window.until(lambda: window.text("told") == f"Saved: {path}")
    text = path.read_text()
    assert f"<p>KDE: 0 of 8 answers {THIS_YEAR}, 0 of 32 answers ever. Promised: 1.</p>" in text
    assert "<p>org.kde.kate/startup: 0 of 2 answers, to whomever they went. Promised: 1.</p>" in text


def test_what_a_vendor_may_get_at_first(machine):
    """Before any answer of the year it is said that a vendor may get a limited number, and that a yes uses one."""
    machine.configure(KDE)
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, page="application", application=KATE_ID) as window:
        window.until(lambda: window.text("room").startswith("KDE has no answer of this year from you."))


async def test_what_a_vendor_may_still_get(machine):
    """Above the questions stands how many answers their vendor can still get in this year, without those that are promised."""
    machine.configure(KDE)
    machine.install(this_week(KATE))
    machine.install(KATE.replace(KATE_ID, "org.kde.okular"))
    await accept_last_week(machine, KATE_ID)
    now = datetime.now(UTC)
    ends = now + timedelta(days=6 - now.weekday())
    told = (
        "KDE can still get 7 answers from you this year. Each yes uses one." if ends.year == now.year else "KDE has no answer of this year"
    )
    with machine.daemon(), driven_window(machine, page="application", application="org.kde.okular") as window:
        window.until(lambda: window.text("room").startswith(told))


def test_a_long_list_is_seen_by_keyboard(machine):
    """In a list that is longer than the window the arrows lead to lines that are seen, and Esc comes back to the line that was opened."""
    for text in load_applications.manifests(30):
        machine.install(text)
    with machine.daemon(), driven_window(machine, page="applications") as window:
        window.until(lambda: window.part("applications") is not None)

        def is_seen():
            found = window.part("applications")
            line = found.visualItemRect(found.currentItem())
            page = window.window._pages["applications"].viewport()
            top = found.viewport().mapTo(page, line.topLeft()).y()
            return found.currentRow() == 25 and 0 <= top <= page.height() - line.height()

        assert not is_seen()
        window.tab_to("applications")
        window.press(*["Down"] * 25)
        assert is_seen()
        window.press("Return")
        window.until(lambda: window.part("questions") is not None)
        window.press("Escape")
        window.until(is_seen)


def test_lines_of_the_list(machine):
    """Each application has one line: what waits for the user, that it is off, or that only a running program declared it."""
    machine.install(KATE)
    machine.install(KATE.replace("org.kde.kate", "org.kde.okular").replace('"Kate"', '"Okular"'))
    with machine.daemon():
        machine.ask(
            TELEMETRY, "Register", "ssa{sv}", "org.kde.kite", KATE.replace("org.kde.kate", "org.kde.kite").replace('"Kate"', '"Kite"'), "0"
        )
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        machine.busctl("call", *CONTROL, "SetApplicationConsent", "suu", "org.kde.okular", "0", "0")
        with driven_window(machine, page="applications") as window:
            window.until(lambda: window.part("applications") is not None)
            found = window.part("applications")
            lines = [found.item(number).text() for number in range(found.count())]
            assert sorted(lines) == ["Kate\n1 question for you", "Kite\nNot installed: declared by a running program", "Okular\nOff"]
