"""Every state of a question, as its card shows it, from a daemon that really is in that state. Policy: T1, C1."""

from typing import NamedTuple

from support.driven_window import driven_window
from support.machine import CONTROL
from support.manifests.manifest_texts import STARTUP, application, question
from support.timeline import HOUR_S, at

from telemetryd.settings.pages.page import Place

WEEK = {"starts": "2026-10-12", "ends": "2026-10-18"}
ONE, OTHER = "one", "other"
NAMES = (
    *("unreviewed", "asks", "detailed", "shut", "waits", "unlucky", "crowded", "nowhere", "refused", "changed", "stopped", "suspended"),
    *("measured", "withdrawn", "broken", "late", "sent", "erased", "unreachable", "over"),
)
"""The applications, by what becomes of their question. That of `crowded` has two questions about one thing, of which one has room."""
ENDPOINTS = 'results = "https://telemetry.example.org/results"\n[endpoint.away]\nname = "Away"\nurl = "https://localhost:1/v1"\n'
"""Where KDE publishes what was learnt, and a vendor whose server nobody reaches."""


class Shown(NamedTuple):
    """What a card has to show: the state and its cause, what one can press, and what its other lines begin with."""

    state: str
    cause: str = ""
    buttons: tuple = ()
    lines: tuple = ()


def app(name):
    """The id of an application."""
    return f"org.example.{name}"


def manifest(name):
    """The manifest of an application."""
    vendor = {"nowhere": "nobody", "unreachable": "away", "crowded": "away"}.get(name, "kde")
    text = application(app(name), name.capitalize(), "An application", vendor=vendor) + STARTUP
    more = {"unlucky": "share = 0.0000001", "crowded": "epsilon = 4.0"}.get(name, "")
    ids = (ONE, OTHER) if name == "crowded" else (ONE,)
    ends = {"ends": "2026-10-25"} if name == "over" else {}
    asked = [question(one, "startup", purpose=f"Is {name} slow?", decision="What is done", more=more, **(WEEK | ends)) for one in ids]
    text += "".join(asked)
    return text.replace('detail = "basic"', 'detail = "detailed"') if name == "detailed" else text


def changed(text):
    """The same questions with other bins."""
    return text.replace("[500, 2000]", "[400, 2000]")


class Walk:
    """The daemon, and a window over it in which each application's page is opened in turn."""

    def __init__(self, timeline, window):
        self.timeline, self.window = timeline, window

    async def rows(self):
        """(application, question) → row."""
        found = (await self.timeline.client.call(CONTROL, "ListQuestions", "s", ""))[0]
        plain = [{key: variant.value for key, variant in row.items()} for row in found]
        return {(row["application"].removeprefix("org.example."), row["id"]): row for row in plain}

    async def shows(self, wanted):
        """Each application's card says what its question's state is, in the daemon's words, and offers these buttons."""
        rows = await self.rows()
        for name, shown in wanted.items():
            keys = [key for key in rows if key[0] == name and (name != "crowded" or rows[key]["cause"] == shown.cause)]
            row = rows[keys[0]]
            assert (name, row["state"], row["cause"]) == (name, shown.state, shown.cause)
            key = f"{row['application']}/{row['id']}"
            self.window.window.go(Place("application", row["application"]))
            self.window.until(lambda key=key, row=row: self.window.text(f"state:{key}") == row["reason"])
            pressed = ("setting", "no", "yes", "allow", "results")
            assert (name, tuple(one for one in pressed if self.window.part(f"{one}:{key}"))) == (name, shown.buttons)
            for line, text in shown.lines:
                assert self.window.text(f"{line}:{key}").startswith(text), (name, self.window.all_text())


async def accept(timeline, *names):
    """Say yes to every question of these applications."""
    for name in names:
        await timeline.client.accept(app(name))


async def prepare(timeline):
    """Everything is installed, and what was accepted is accepted before its week."""
    for name in NAMES:
        timeline.machine.install(manifest(name), reviewed=name != "unreviewed")
    (timeline.machine.root / "share/telemetryd/manifests/org.kde.kate.toml").unlink()
    path = timeline.machine.root / "etc/telemetryd/telemetryd.toml"
    path.write_text(path.read_text() + ENDPOINTS)
    await timeline.start()
    client = timeline.client
    await client.set("System", 1)
    await client.set("Usage", 1)
    await client.call(CONTROL, "SetApplicationConsent", "suu", app("shut"), 3, 0)
    await accept(timeline, "waits", "unlucky", "crowded", "nowhere", "changed", "stopped", "suspended")
    await client.call(CONTROL, "SetQuestionConsent", "ssb", app("refused"), ONE, False)
    timeline.machine.install(changed(manifest("changed")), date="2026-02-01")
    stops = [
        f'[[stop]]\napplication = "{app(name)}"\nquestion = "{ONE}"\nreason = "{reason}"\ndate = 2026-09-01\n'
        for name, reason in (("stopped", "answered"), ("suspended", "suspended"))
    ]
    (timeline.machine.root / "share/telemetryd/reviews.d/stops.toml").write_text("\n".join(stops))


BEFORE = {
    "unreviewed": Shown("unreviewed", "unreviewed"),
    "asks": Shown("pending", "", ("no", "yes"), (("essential", "Measured: Time from process start"),)),
    "detailed": Shown("pending", "level", ("setting", "no")),
    "shut": Shown("pending", "application_level", ("setting", "no")),
    "waits": Shown("waiting", "", ("no",), (("leaves", "The report most likely leaves between 2026-10-26 and 2026-11-22"),)),
    "unlucky": Shown("waiting", "not_drawn", ("no",)),
    "crowded": Shown("waiting", "no_room", ("no",)),
    "nowhere": Shown("waiting", "no_endpoint", ("no",)),
    "refused": Shown("refused", "refused", ("allow",)),
    "changed": Shown("pending", "changed", ("no", "yes"), (("changes", "What changed since you said yes:\n• "),)),
    "stopped": Shown("stopped", "stopped", ("results",)),
    "suspended": Shown("suspended", "suspended"),
}
"""Before the week."""
DURING = {
    "measured": Shown(
        "active",
        "",
        ("no",),
        (
            ("so-far", "So far: 500 to less than 2000"),
            ("leaves", "The report most likely leaves"),
        ),
    ),
    "withdrawn": Shown("passed", "refused", ("allow",)),
    "broken": Shown("active", "unreadable", ("no",)),
    "asks": Shown("pending", "too_late", ("no",)),
    "late": Shown("passed", "too_late"),
    "unlucky": Shown("passed", "not_drawn"),
    "crowded": Shown("passed", "no_room"),
    "nowhere": Shown("active", "no_endpoint", ("no",)),
}
"""In the week."""
AFTER = {
    "sent": Shown("reporting", "", ("no",)),
    "erased": Shown("answered", "refused", ("allow", "results")),
    "over": Shown("expired"),
    "nowhere": Shown("passed", "no_endpoint"),
}
"""After the week, and after the last day of what nobody answered."""
SENT = {"sent": Shown("answered", "sent", ("results",), (("once", "You will not be asked this again."),))}
NEVER = {"unreachable": Shown("answered", "dropped")}
"""When the last day of the reports is over."""


async def test_every_state_has_its_line(timeline):
    """One user's months: the card of each question says where it stands, in the words of the daemon, and offers what can be done then.

    Twenty questions walk through their lives together, because a daemon for each would take a minute.
    """
    await prepare(timeline)
    with driven_window(timeline.machine) as window:
        walk = Walk(timeline, window)
        await walk.shows(BEFORE)
        await accept(timeline, "measured", "withdrawn", "broken", "sent", "erased", "unreachable")
        await during(timeline, walk)
        await after(timeline, walk)


async def during(timeline, walk):
    """The week: one is measured, one withdrawn, the manifest of one breaks, and one is accepted too late."""
    client = timeline.client
    await timeline.move(at("2026-10-14 12:00"))
    await client.push(app("measured"), "startup", "d", 700.0)
    await client.call(CONTROL, "SetQuestionConsent", "ssb", app("withdrawn"), ONE, False)
    await accept(timeline, "late")
    (timeline.machine.root / "share/telemetryd/manifests/org.example.broken.toml").write_text("schema = = 1\n")
    await walk.shows(DURING)


async def after(timeline, walk):
    """The weeks after it: a report waits, is sent, is erased, or reaches nobody."""
    for name in ("waits", "measured", "broken"):
        await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", app(name), ONE, False)
    await timeline.move(at("2026-10-26 00:01"))
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", app("erased"), ONE, False)
    await walk.shows(AFTER)
    await timeline.go_to(slot(timeline, "sent"))
    await timeline.run_until_sent(within_s=30 * HOUR_S)  # another report may have taken the day's turn
    await walk.shows(SENT)
    await timeline.move(at("2027-01-25 00:01"))
    await timeline.run(2 * HOUR_S)
    await walk.shows(NEVER)


def slot(timeline, name):
    """The moment drawn for the report of an application."""
    ((moment,),) = timeline.rows(f"SELECT slot FROM report WHERE application = '{app(name)}'")
    return moment
