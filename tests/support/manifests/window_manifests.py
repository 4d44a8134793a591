"""Manifests for the window: an editor with three questions, and two programs beside it."""

from support.manifests.manifest_texts import STARTUP, application, question

_WEEKS = {"starts": "2026-10-12", "ends": "2026-10-18"}
_DECEMBER = {"starts": "2026-12-14", "ends": "2026-12-20"}
_LATER = {"starts": "2027-01-04", "ends": "2027-02-28"}

KATE = (
    application("org.kde.kate", "Kate", "Text editor")
    + STARTUP
    + """\
[[source]]
id = "documents"
type = "number"
unit = "documents"
description = "Documents that are open at once"
combine = "max"
bins = [2, 6, 20]
"""
    + question(
        "startup-time", "startup", purpose="Is start-up too slow?", decision="Whether the session restore is loaded lazily", **_WEEKS
    )
    + question(
        "open-documents",
        "documents",
        purpose="How many documents are open at once?",
        decision="Whether the list of documents gets a search field",
        **_DECEMBER,
    )
    + question(
        "startup-again",
        "startup",
        purpose="Is start-up faster after the change?",
        decision="Whether the lazy session restore stays on",
        **_LATER,
    )
)

DOLPHIN = (
    application("org.kde.dolphin", "Dolphin", "File manager")
    + STARTUP
    + question(
        "startup-time", "startup", purpose="Does the first folder take too long?", decision="Whether thumbnails are made later", **_LATER
    )
)

GIMP = (
    application("org.gimp.GIMP", "GIMP <b>bold</b> & co", "Image editor", vendor="gimp", contact="https://www.gimp.org")
    + STARTUP
    + question(
        "startup-time",
        "startup",
        purpose="Is <1, 1..5> & <i>more</i> a &nbsp; problem?",
        decision="Whether plug-ins are looked for at each start",
        **_LATER,
    )
)
