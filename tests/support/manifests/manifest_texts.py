"""Texts of manifests and of their tables: one place for what tests give a daemon, so that each shows only what is its own.

MANIFEST = application("org.kde.ark", "Ark", "Archives") + STARTUP + question("pace", "startup", purpose="Is it slow?", decision="None")
"""

import json
import re
from datetime import UTC, datetime, timedelta

_TODAY = datetime.now(UTC).date()
_MONDAY = _TODAY - timedelta(days=_TODAY.weekday())
STARTS, ENDS = (str(_MONDAY + timedelta(days=days)) for days in (7, 13))
"""The dates of questions for a daemon on the real clock: the next week (UTC) alone, so that nothing is left to the draw."""


def application(name, title, summary, *, vendor="kde", contact="https://kde.org/privacypolicy-apps"):
    """The beginning of a manifest with its application; more of its keys may follow."""
    return f"""\
schema = 1
[application]
id = "{name}"
name = "{title}"
summary = "{summary}"
vendor = "{vendor}"
contact = "{contact}"
"""


def question(name, *sources, purpose, decision, category="usage", period="week", starts=STARTS, ends=ENDS, more=""):
    """A question about these sources; `more` has further keys."""
    return f"""\
[[question]]
id = "{name}"
purpose = "{purpose}"
decision = "{decision}"
category = "{category}"
detail = "basic"
sources = {json.dumps(sources)}
period = "{period}"
starts = {starts}
ends = {ends}
{more}
"""


STARTUP = """\
[[source]]
id = "startup"
type = "number"
description = "Time from process start to the first window"
unit = "ms"
combine = "median"
bins = [500, 2000]
"""


def this_week(text, *, later=0):
    """The same manifest, whose questions ask for this week (UTC), or for one so many weeks later."""
    return within(text, *(str(_MONDAY + timedelta(weeks=later, days=days)) for days in (0, 6)))


def within(text, starts, ends):
    """The same manifest, whose questions have these dates."""
    return re.sub(r"(?m)^ends = .*", f"ends = {ends}", re.sub(r"(?m)^starts = .*", f"starts = {starts}", text))


def kate(starts, ends):
    """A manifest of one number in three bins, asked for by the week."""
    why = {"purpose": "Is start-up too slow?", "decision": "Whether the session restore is loaded lazily"}
    question_table = question("startup-time", "startup", **why, starts=starts, ends=ends)
    return application("org.kde.kate", "Kate", "Text editor") + STARTUP + question_table


KATE = kate(STARTS, ENDS)
"""A manifest of one number in three bins, asked for in the next week."""
KATE_2026 = kate("2026-10-12", "2026-10-18")
"""The same in a week of 2026, for tests that set the clock."""

EDITOR = application("org.example.Editor", "Editor", "Text editor", vendor="example", contact="https://example.org/privacy")
"""The beginning of the manifest of an editor whose vendor has no server."""

EVERY_TYPE = (
    application("org.example.app", "App", "An application", contact="https://example.org/privacy")
    + """\
[[source]]
id = "saves"
type = "count"
description = "Times that a file was saved"
unit = "times"
bins = [1, 2, 3, 4, 5, 6, 7, 8, 9]
[[source]]
id = "load"
type = "number"
description = "Time until the first window"
unit = "ms"
bins = [500, 2000]
[[source]]
id = "dark"
type = "flag"
description = "Whether the dark theme is on"
[[source]]
id = "shell"
type = "choice"
description = "The shell in the terminal"
values = ["bash", "zsh"]
"""
    + question(
        *("saves", "saves"),
        purpose="Is autosave missed?",
        decision="Whether autosave becomes the default",
        more="epsilon = 4.0",
    )
    + question(
        *("rest", "load", "dark", "shell"),
        purpose="What do windows look like?",
        decision="Which theme is the default",
        more="epsilon = 4.0",
    )
)
"""A manifest with a source of each type; `saves` counts exactly up to 9, and is asked for by itself."""
