"""A user of the window for whom something of everything is there, and the places where a window can be.

Pictures for the documents are taken of it, and layout and contrast are measured on it.
"""

import asyncio
import contextlib
import ssl

import trustme
from support.machine import CONTROL, Machine
from support.manifests.window_manifests import DOLPHIN, GIMP, KATE
from support.net.tls_receiver import Receiver
from support.timeline import Timeline, at

KATE_ID = "org.kde.kate"
PLACES = {
    "overview": {"page": "overview"},
    "applications": {"page": "applications"},
    "application": {"page": "application", "application": KATE_ID},
    "asked": {"page": "application", "application": "org.kde.dolphin"},
    "question": {"page": "question", "application": KATE_ID, "question": "open-documents"},
    "sent": {"page": "sent"},
    "revealed": {"page": "revealed"},
    "system": {"page": "system"},
}
"""Every page, with something on it."""


@contextlib.contextmanager
def busy_machine(root, kind=Machine, **receives):
    """A user who answers Kate's questions: an answer was sent, one is being measured, others wait for the user.

    `kind` is a Machine. `receives` says where KDE receives reports, as `Receiver` takes it.
    """
    root.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(root / "ca.pem")
    authority.issue_cert(receives.get("host", "localhost")).private_key_and_cert_chain_pem.write_to_path(root / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root / "server.pem")
    receiver = Receiver(context, **receives)
    with contextlib.closing(receiver), kind(root / "machine") as machine:
        for text in (KATE, DOLPHIN, GIMP):
            machine.install(text)
        timeline = Timeline(machine, receiver, str(root / "ca.pem"))
        with contextlib.closing(timeline):
            asyncio.run(_live(timeline))
            yield machine


async def _live(timeline):
    """Kate's first question is answered, and its second is measured."""
    timeline.set_clock(at("2026-10-07 10:00"))
    async with timeline.machine.client() as client:
        timeline.client = client
        await timeline.start()
        await client.set("System", 1)
        await client.set("Usage", 1)
        rows = await client.questions(KATE_ID)
        digests = {name: rows[name]["digest"] for name in ("startup-time", "open-documents")}
        await client.call(CONTROL, "Accept", "sa{ss}", KATE_ID, digests)
        await timeline.move(at("2026-10-14 12:00"))
        await client.push(KATE_ID, "startup", "d", 700.0)
        await timeline.move(at("2026-10-19 00:01"))
        await client.history()  # what is due is done before it answers
        await timeline.go_to_slot()
        await timeline.run_until_sent()
        await timeline.move(at("2026-12-16 12:00"))
        await client.push(KATE_ID, "documents", "d", 12.0)
