"""A user's machine on Wednesday, 9 December 2026, after some weeks of use: what the page for users is tried on.

- Kate's question of October is answered, and its report was accepted. Her question of this week is being collected.
- Okular asks for the next week, and waits for the user's decision.
- Editor registered itself and is not installed; its vendor has no server.
"""

from support.machine import KATE_2026
from support.manifests.manifest_texts import EDITOR, STARTUP, application, question
from support.timeline import at

TODAY = "2026-12-09 12:00"
_SAVES = """\
[[source]]
id = "saves"
type = "count"
description = "Times that a file was saved"
unit = "times"
combine = "sum"
bins = [1, 10]
"""
_PAGES = _SAVES.replace("saves", "pages").replace("a file was saved", "a page was turned")
KATE = (
    KATE_2026
    + _SAVES
    + question(
        *("saves-a-week", "saves"),
        purpose="Is autosave missed?",
        decision="Whether autosave becomes the default",
        starts="2026-12-07",
        ends="2026-12-13",
    )
)
_WHEN = {"starts": "2026-12-14", "ends": "2026-12-20"}
OKULAR = (
    application("org.kde.okular", "Okular", "Document viewer")
    + _PAGES
    + question(*("pages-a-week", "pages"), purpose="Are long documents read?", decision="Whether pages are loaded ahead", **_WHEN)
)
REGISTERED = EDITOR + STARTUP + question("startup-time", "startup", purpose="Is start-up slow?", decision="What is loaded late", **_WHEN)


async def live(timeline):
    """Let the weeks pass."""
    for text in (KATE, OKULAR):
        timeline.machine.install(text)
    await timeline.start()
    await timeline.client.consent("org.kde.kate")
    await timeline.move(at("2026-10-14 12:00"))
    await timeline.push(700)
    await timeline.move(at("2026-10-19 00:01"))
    await timeline.client.history()  # looks at the clock: the period is over
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    await timeline.move(at(TODAY))
    await timeline.client.push("org.kde.kate", "saves", "u", 3)
    await timeline.client.register("org.example.Editor", REGISTERED)
