"""Reports that are as unlike as can be, sent by the real courier and uploader to a server that everything reaches by way of an observer."""

import asyncio
from typing import NamedTuple

import pytest
from support.manifests.core_questions import MEMORY, STARTUP, asking
from support.manifests.handed_report import DEFINITION, REPORT
from support.net.observer import Tapped, Wiretap
from support.net.tls_receiver import Receiver

from telemetryd.core.answers.report import Report, encode
from telemetryd.core.definition import Application, Combine, PeriodKind, Source, SourceType, canonical_text
from telemetryd.core.sending.schedule import Result
from telemetryd.runtime.uploader import UPLOADER, UploaderCourier

Z = "z" * 32
NAMES = ("a" * 60, "b", "c", "d")
DEFINITIONS = [
    DEFINITION,
    asking(
        Source("s", SourceType.CHOICE, "S", Combine.LAST, values=("x",)),
        application=Application("a.b.c", "A", "", "a", "https://a.org/"),
        id="q",
        period=PeriodKind.MONTH,
        epsilon=0.1,
    ),
    asking(
        *(Source(name, SourceType.CHOICE, name, Combine.LAST, values=(Z,)) for name in NAMES),
        application=Application("org." + "a" * 61 + "." + "b" * 62, "A", "", "a", "https://a.org/"),
        id="q" * 64,
        period=PeriodKind.DAY,
        epsilon=4.0,
    ),
    asking(STARTUP, MEMORY, id="startup-by-memory"),
]
"""Definitions of the reports below."""


def report_of(number, period, answer, nonce):
    """A report of one of these definitions."""
    asked = DEFINITIONS[number]
    return Report(*asked.key, asked.revision, period, answer, asked.question.epsilon, nonce)


PLAIN = REPORT
REPORTS = {
    "plain": PLAIN,
    "another answer": PLAIN._replace(answer=("none",)),
    "shortest": report_of(1, "2026-12", ("x",), "0" * 32),
    "longest": report_of(2, "2026-11-24", (Z,) * 4, "f" * 32),
    "noise": report_of(3, "2026-W48", (">=2000", "4..16"), "a1" * 16),
    "last again": PLAIN,
}
"""Reports as unlike as reports can be, in the order in which one user sends them."""
TEMPTING = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Set-Cookie: id=7; Max-Age=31536000; Secure",
        b'ETag: "7"',
        b"Last-Modified: Tue, 24 Nov 2026 10:00:00 GMT",
        b'Alt-Svc: h3=":443"; ma=86400',
        b"Strict-Transport-Security: max-age=31536000",
        b"Accept-CH: Sec-CH-UA-Platform, Device-Memory",
        b'NEL: {"report_to":"d","max_age":31536000}',
        b"Link: </pixel>; rel=preload",
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=600",
        b"Content-Length: 2",
        b"",
        b"ok",
    ]
)
"""An answer with everything in it by which servers have browsers come again and be known."""


class Seen(NamedTuple):
    """One report as the observer and the server saw it."""

    tapped: Tapped
    request: bytes


class Watched:
    """A server that everything reaches by way of an observer."""

    def __init__(self, context, answer=TEMPTING):
        self.receiver = Receiver(context, answer)
        self.tap = Wiretap(self.receiver.port)
        self.sent = []

    def send(self, machine, report, *, command=UPLOADER, **endpoint):
        """Send a report from a machine: how it was seen."""
        endpoint = machine.endpoint(**({"url": self.tap.url()} | endpoint))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in machine.environ.items():
                patch.setenv(name, value)
            delivery = asyncio.run(UploaderCourier(command=command).deliver(endpoint, encode(report), text_of(report)))
        assert delivery.result is Result.ACCEPTED
        return self.next()[0]

    def next(self, count=1):
        """The next reports that were sent: so many, one after another, and no more."""
        seen = [Seen(tapped, self.receiver.requests.get_nowait()) for tapped in self.tap.connections(count)]
        self.sent += seen
        return seen

    def close(self):
        """End both."""
        self.tap.close()
        self.receiver.close()


def text_of(report):
    """The canonical text of the definition that a report answers."""
    return next(canonical_text(one) for one in DEFINITIONS if (*one.key, one.revision) == report[:3])


def review_all(machine):
    """Review what the reports answer."""
    machine.review(*DEFINITIONS)
    return machine
