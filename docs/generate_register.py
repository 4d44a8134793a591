# noqa: INP001 - a script beside the page that it writes
"""Writes `docs/register.md`: what `telemetryctl document` says of the example manifests, with invented reviewers.

Run it after changing an example or the register: `python docs/generate_register.py`. A test holds the page against the command.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from telemetryd.core.permission.signoffs import Review, Stop, StopReason
from telemetryd.ctl import language
from telemetryd.ctl.files import inputs
from telemetryd.ctl.files.inputs import Inputs, Receiver
from telemetryd.ctl.render import register, sheet

PAGE = Path(__file__).with_name("register.md")
EXAMPLES = PAGE.parent / "examples"
_HEAD = """\
<!-- Written by docs/generate_register.py with what `telemetryctl document` is made of: change the examples or the command. -->

> This is the register of the manifests in [examples](examples): how a vendor's own would look. Reviews, stop and endpoints are invented.
> `telemetryctl document` makes it from manifests, reviews and configuration: as Markdown, for a wiki, or as a folder of web pages.

"""


def page() -> str:
    """The page as it should be."""
    found = inputs.read_inputs([EXAMPLES])
    definitions = [one for declaration in found.declarations.values() for one in declaration.definitions]
    reviewers = ("Ada Example <ada@example.org>", "Bo Example <bo@example.org>")
    # The last one is left unreviewed, and the first one is over, so that each state is seen.
    reviews = tuple(
        Review(*one.key, one.digest, reviewers, "https://example.org/reviews/42", date(2026, 10, 20)) for one in definitions[:-1]
    )
    stops = (Stop(*definitions[0].key, StopReason.ANSWERED, date(2027, 2, 1)),)
    vendors = {one.application.vendor for one in definitions}
    receivers = {
        one: Receiver(one.title(), f"https://telemetry.example.org/{one}", f"https://example.org/{one}/results") for one in vendors
    }
    chosen = language.of(())
    entries = register.entries(Inputs(found.declarations, reviews, stops, receivers), chosen)
    return _HEAD + sheet.markdown(register.index(entries, chosen.words), [register.sheet(one, chosen.words) for one in entries])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
