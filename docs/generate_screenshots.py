# noqa: INP001 - a program, no package
"""Renders the pictures in docs/screenshots: the real window over real daemons, without a screen.

python docs/generate_screenshots.py     (or `make screenshots`)
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import trustme  # noqa: E402 - after the path
from support.driven_window import dark, driven_window, qt  # noqa: E402 - after the path
from support.machine import CONTROL, Machine  # noqa: E402 - after the path
from support.manifests.window_manifests import DOLPHIN, GIMP, KATE  # noqa: E402 - after the path
from support.net.tls_receiver import Receiver  # noqa: E402 - after the path
from support.timeline import Timeline, at  # noqa: E402 - after the path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

PICTURES = ROOT / "docs/screenshots"
TALL = 1000


class Scene(NamedTuple):
    """A picture: where the window is, the part to wait for, the part to press, keys after that, and the window's height if not 600."""

    name: str
    until: str
    where: Mapping[str, str] = {}
    use: str = ""
    keys: Sequence[str] = ()
    height: int = 0


KATE_PAGE = {"page": "application", "application": "org.kde.kate"}
ASKED = {"page": "question", "application": "org.kde.kate", "question": "open-documents"}
BUSY = (
    Scene("overview", "headline"),
    Scene("applications", "applications", {"page": "applications"}),
    Scene("application", "questions", KATE_PAGE),
    Scene("question-for-you", "questions", {"page": "application", "application": "org.kde.dolphin"}, height=680),
    Scene("question", "purpose", ASKED, height=TALL),
    Scene("sent", "sent", {"page": "sent"}),
    Scene("report", "sent", {"page": "sent"}, keys=("Tab", "Return")),
    Scene("revealed", "about-0", {"page": "revealed"}),
    Scene("confirmation", "headline", use="usage=0"),
    Scene("overview-german", "headline", {"language": "de"}),
    Scene("question-german", "purpose", {**ASKED, "language": "de"}, height=TALL),
    Scene("application-arabic", "questions", {**KATE_PAGE, "language": "ar"}),
)
DARK = Scene("overview-dark", "headline"), Scene("question-dark", "purpose", ASKED, height=TALL)
EMPTY = Scene("empty", "empty", {"page": "applications"}), Scene("overview-off", "headline")
WITHOUT_SERVICE = Scene("no-service", "missing")


def take(machine: Machine, scene: Scene) -> None:
    """One picture."""
    with driven_window(machine, **scene.where) as window:
        window.until(lambda: window.part(scene.until) is not None)
        if scene.use:
            window.use(scene.use)
            window.until(lambda: window.part("asked") is not None)
        window.press(*scene.keys)
        window.window.resize(window.window.width(), scene.height or window.window.height())
        window.work(0.2)
        window.picture().toImage().save(str(PICTURES / f"{scene.name}.png"), "PNG", 0)


@contextlib.asynccontextmanager
async def busy_machine(root: Path) -> AsyncIterator[Machine]:
    """A user who answers Kate's questions: an answer was sent, one is being measured, others wait for the user."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(root / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(root / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root / "server.pem")
    receiver = Receiver(context)
    with contextlib.closing(receiver), Machine(root / "machine") as machine:
        for text in (KATE, DOLPHIN, GIMP):
            machine.install(text)
        timeline = Timeline(machine, receiver, str(root / "ca.pem"))
        timeline.set_clock(at("2026-10-07 10:00"))
        async with machine.client() as timeline.client:
            with contextlib.closing(timeline):
                await answer(timeline)
                yield machine


async def answer(timeline: Timeline) -> None:
    """Kate's first question is answered, and its second is measured."""
    client: Any = timeline.client
    await timeline.start()
    await client.set("System", 1)
    await client.set("Usage", 1)
    rows = await client.questions("org.kde.kate")
    digests = {name: rows[name]["digest"] for name in ("startup-time", "open-documents")}
    await client.call(CONTROL, "Accept", "sa{ss}", "org.kde.kate", digests)
    await timeline.move(at("2026-10-14 12:00"))
    await client.push("org.kde.kate", "startup", "d", 700.0)
    await timeline.move(at("2026-10-19 00:01"))
    await client.history()  # what is due is done before it answers
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    await timeline.move(at("2026-12-16 12:00"))
    await client.push("org.kde.kate", "documents", "d", 12.0)


async def main() -> None:
    """All pictures."""
    PICTURES.mkdir(exist_ok=True)
    qt()
    with tempfile.TemporaryDirectory() as folder:
        async with busy_machine(Path(folder)) as machine:
            for scene in BUSY:
                take(machine, scene)
            qt().setPalette(dark())
            for scene in DARK:
                take(machine, scene)
            qt().setPalette(qt().style().standardPalette())
        with Machine(Path(folder) / "empty") as machine, machine.daemon():
            for scene in EMPTY:
                take(machine, scene)
        with Machine(Path(folder) / "none") as machine:
            take(machine, WITHOUT_SERVICE)


if __name__ == "__main__":
    asyncio.run(main())
