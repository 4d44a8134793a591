"""Reports that are as unlike as can be, sent by the real courier and uploader to a server that everything reaches by way of an observer."""

import asyncio
from typing import NamedTuple

import pytest
from receiver import Receiver
from wiretap import Tapped, Wiretap

from telemetryd.core.report import Report, encode
from telemetryd.core.schedule import Result
from telemetryd.courier import UPLOADER, UploaderCourier

PLAIN = Report("org.kde.kate", "startup", "9f2c0123abcd", "2026-W48", ("<500",), None, "0123456789abcdef" * 2)
REPORTS = {
    "plain": PLAIN,
    "another answer": PLAIN._replace(answer=("none",)),
    "shortest": Report("a.b.c", "q", "000000000000", "2026-11", ("x",), 0.1, "0" * 32),
    "longest": Report("org." + "a" * 61 + "." + "b" * 62, "q" * 64, "fedcba987654", "2026-11-24", ("z" * 32,) * 4, 4.0, "f" * 32),
    "noise": PLAIN._replace(question="startup-by-memory", answer=(">=2000", "4..16"), epsilon=2.0, nonce="a1" * 16),
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
            delivery = asyncio.run(UploaderCourier(command=command).deliver(endpoint, encode(report)))
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


def review_all(machine):
    """Review what the reports answer."""
    table = "".join(
        f'[[review]]\napplication = "{application}"\nquestion = "{question}"\ndefinition = "sha256:{revision}{"0" * 52}"\n'
        'reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]\nrecord = "https://example.org/42"\ndate = 2026-11-20\n'
        for application, question, revision in {report[:3] for report in REPORTS.values()}
    )
    machine.write("system/telemetryd/reviews.d/kate.toml", table)
    return machine
