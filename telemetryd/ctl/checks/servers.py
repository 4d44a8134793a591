"""Endpoints: whether they can be reached, and whether what is asked fits the budgets of their hosts. Policy: A2, C6."""

from __future__ import annotations

import random
from math import floor, log10
from typing import TYPE_CHECKING

from telemetryd.core.privacy import share_plan
from telemetryd.core.privacy.ledger import caps_of
from telemetryd.core.privacy.share_plan import Vendor
from telemetryd.core.sending import hindrance
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.translation import decimal, mark
from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.files import uploads
from telemetryd.ctl.render.value_words import join_with_and, join_with_commas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from telemetryd.core.definition import Definition
    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Endpoint
    from telemetryd.core.translation import Words
    from telemetryd.ctl.checks.machine import Machine

_SEED = 2026
"""The simulation is the same in every run, so that a fleet's check says the same tomorrow."""
_SURELY_FITS = 0.8 * share_plan.TOLERATED
"""Below this loss the share fits, whichever users are simulated. Above it the rule of `plan` decides, which takes longer."""
_START_SERVER = mark("start the server, and open its port in the firewalls between")
_INSTALL_PACKAGES = mark("install them")
_NETWORK: dict[str, str] = {
    Hindrance.DNS: mark("the server's name is not found"),
    Hindrance.REFUSED: mark("the connection is refused, or breaks off before it stands"),
    Hindrance.TIMEOUT: mark("no connection stands in time"),
    Hindrance.PROXY: mark("the proxy is not reached, or does not reach the server"),
}
_ADVICE: dict[str, str] = {
    Hindrance.DNS: mark("correct the url, or the machine's name service"),
    Hindrance.REFUSED: _START_SERVER,
    Hindrance.TIMEOUT: _START_SERVER,
    Hindrance.PROXY: mark("start the proxy, or correct the proxy of this endpoint"),
    Hindrance.PROXY_DENIED: mark("let the proxy connect to the server, or correct the proxy of this endpoint"),
    Hindrance.AUTHORITY: mark("name the authority's certificate as ca_file, or let the server send its whole chain"),
    Hindrance.STRICT: mark("issue the certificate again, as docs/administration.md says"),
    Hindrance.NAME: mark("give the server a certificate for the host of the url"),
    Hindrance.EXPIRED: mark("renew the server's certificate, or set this machine's clock"),
    Hindrance.KEYS: mark("install the gateway's keys again"),
    Hindrance.CA_FILE: mark("install the authority's certificate again"),
    Hindrance.CLIENT: _INSTALL_PACKAGES,
    Hindrance.OHTTP: _INSTALL_PACKAGES,
    Hindrance.CONFIGURATION: mark("run this again: the files have just changed"),
}
_JOURNAL = mark("see what telemetryd-upload says on standard error")


def notes(machine: Machine, words: Words) -> Iterator[Found]:
    """The vendors whose answers are sent to nobody."""
    asking: dict[str, int] = {}
    for definition in machine.definitions():
        vendor = definition.application.vendor
        asking[vendor] = asking.get(vendor, 0) + 1
    named = {endpoint.vendor for endpoint in machine.settings.endpoints}
    for vendor in sorted(asking.keys() - named):
        text = words.ngettext(
            "no endpoint for {vendor}: {number} question can be asked, and nothing is sent",
            "no endpoint for {vendor}: {number} questions can be asked, and nothing is sent",
            asking[vendor],
        )
        yield Found("endpoints", "", text.format(vendor=vendor, number=asking[vendor]))


def connections(machine: Machine, vendor: str, words: Words) -> Iterator[Found]:
    """The endpoints with which no connection stands, of one vendor or of all for "". The uploader tries, and no report is sent."""
    for endpoint in machine.settings.endpoints:
        if vendor in {"", endpoint.vendor} and endpoint.vendor not in machine.settings.unusable:
            tried = uploads.connect(endpoint, is_developer=machine.settings.developer)
            if tried.hindrance != Hindrance.HANDSHAKE:
                url = endpoint.ohttp_relay or endpoint.url
                text = words.gettext("{name}: {text}").format(name=f"[endpoint.{endpoint.vendor}] {url}", text=why(tried, words))
                yield Found("endpoints", "", text, advice(tried, words))


def why(delivery: Delivery, words: Words) -> str:
    """Why nothing was sent, in a sentence."""
    text = _NETWORK.get(delivery.hindrance) or hindrance.sentence(delivery.hindrance)
    return words.gettext(text) if text else words.gettext("no connection stood ({cause})").format(cause=delivery.hindrance)


def advice(delivery: Delivery, words: Words) -> str:
    """What to do about it."""
    return words.gettext(_ADVICE.get(delivery.hindrance, _JOURNAL))


def shares(machine: Machine, today: date, words: Words) -> Iterator[Found]:
    """The hosts whose questions do not fit their endpoints' shares, and the sources with too many questions."""
    by_host: dict[str, list[Endpoint]] = {}
    for endpoint in machine.settings.endpoints:
        by_host.setdefault(endpoint.host, []).append(endpoint)
    caps = caps_of(machine.settings.budgets, is_spent=False)
    for endpoints in by_host.values():
        most = max(endpoint.share for endpoint in endpoints)
        vendor = Vendor(_asked(machine, {endpoint.vendor: endpoint.share / most for endpoint in endpoints}, today), caps)
        if vendor.definitions:
            yield from _share_problems(vendor, most, endpoints, words)


def _asked(machine: Machine, parts: Mapping[str, float], today: date) -> list[Definition]:
    """The questions of these vendors that are not over. Their shares are multiplied by the vendor's part."""
    return [
        definition._replace(question=question._replace(share=question.share * parts[definition.application.vendor]))
        for definition in machine.definitions()
        if definition.application.vendor in parts
        and (question := definition.question).ends >= today
        and not machine.reviewed.reviews.standing(*definition.key).stop
    ]


def _share_problems(vendor: Vendor, most: float, endpoints: Sequence[Endpoint], words: Words) -> Iterator[Found]:
    """The faults of a host. `most` is the largest share of its endpoints."""
    _, lost = words.gettext, share_plan.lost_together(vendor, most, _chance())
    fitting = share_plan.fitting_shares(vendor, _chance()).together if lost > _SURELY_FITS else most
    if fitting < most:
        text = words.ngettext(
            "{tables} {lost} of what users are drawn for finds no room in the budgets of {host} ({number} question)",
            "{tables} {lost} of what users are drawn for finds no room in the budgets of {host} ({number} questions)",
            len(vendor.definitions),
        )
        tables = join_with_commas((f"[endpoint.{endpoint.vendor}]" for endpoint in endpoints), words)
        values = {"tables": tables, "lost": _percent(lost, words), "host": endpoints[0].host, "number": len(vendor.definitions)}
        wanted = [f"{endpoint.vendor}: share = {_two_digits(endpoint.share / most * fitting)}" for endpoint in endpoints]
        yield Found("shares", "", text.format(**values), _("set {shares}").format(shares=join_with_and(wanted, words)))
    for need in share_plan.source_needs(vendor, min(fitting, most)):
        text = _("{source}: {number} questions are too many for its budget: {lost} of users lose an answer")
        change = _("lower their shares, so that the product of both shares is {share} for each").format(share=f"{need.share:g}")
        yield Found("shares", "", text.format(source=need.source, number=need.questions, lost=_percent(need.exceeded, words)), change)


def _percent(part: float, words: Words) -> str:
    return f"{decimal(f'{100 * part:.1f}', words)}\N{NO-BREAK SPACE}%"


def _two_digits(share: float) -> str:
    """A share rounded down to two digits. A larger share might not fit."""
    digits = 1 - floor(log10(share))
    return f"{floor(share * 10**digits * (1 + 1e-9)) / 10**digits:g}"


def _chance() -> Callable[[int], int]:
    draw = random.Random(_SEED).random  # noqa: S311 - a simulation
    return lambda bound: int(draw() * bound)
