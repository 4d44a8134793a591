"""Texts of manifests and of their tables: one place for what tests give a daemon, so that each shows only what is its own.

MANIFEST = application("org.kde.ark", "Ark", "Archives") + STARTUP + question("pace", "startup", purpose="Is it slow?", decision="None")
"""

import json
from datetime import UTC, datetime, timedelta

_TODAY = datetime.now(UTC).date()
STARTS, ENDS = (str(_TODAY + timedelta(days=days)) for days in (-150, 150))
"""The dates of questions to a daemon on the real clock: they are asked on whatever day the tests run."""
FIRST = 'draw = "first"'
"""Answered in the first whole week after the acceptance, so that a test need not wait for the draw."""


def application(name, title, summary, *, vendor="kde", contact="https://kde.org/privacypolicy-apps"):
    """The beginning of a manifest: who asks. More of its keys may follow."""
    return f"""\
schema = 1
[application]
id = "{name}"
name = "{title}"
summary = "{summary}"
vendor = "{vendor}"
contact = "{contact}"
"""


def question(name, *sources, purpose, decision, category="usage", period="week", starts=STARTS, ends=ENDS, more=FIRST):
    """A question about these sources; `more` is what else it says."""
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


def _kate(starts, ends):
    why = {"purpose": "Is start-up too slow?", "decision": "Whether the session restore is loaded lazily"}
    asked = question("startup-time", "startup", **why, starts=starts, ends=ends)
    return application("org.kde.kate", "Kate", "Text editor") + STARTUP + asked


KATE = _kate(STARTS, ENDS)
"""A manifest of one number in three bins, asked for in the first whole week after the acceptance."""
KATE_2026 = _kate("2026-01-01", "2026-12-31")
"""The same in 2026, for tests that set the clock."""

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
        more=f"{FIRST}\nepsilon = 4.0",
    )
    + question(
        *("rest", "load", "dark", "shell"),
        purpose="What do windows look like?",
        decision="Which theme is the default",
        more=f"{FIRST}\nepsilon = 4.0",
    )
)
"""A manifest with a source of each type; `saves` counts exactly up to 9, and is asked for by itself."""
