"""`plan`: the shares with which users who accept everything find room in their privacy budgets. It reads files and calls no service."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.core.privacy import share_plan
from telemetryd.core.privacy.admissibility import grouped
from telemetryd.core.privacy.ledger import caps_of
from telemetryd.core.privacy.share_plan import Vendor
from telemetryd.core.settings import Budgets
from telemetryd.core.translation import decimal, joined
from telemetryd.ctl.failures import FAILED, Failure
from telemetryd.ctl.files.inputs import read_inputs
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext, of_environment
from telemetryd.ctl.render import printing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from telemetryd.core.privacy.share_plan import Fitting, SourceNeed

_SEED = 2026
"""The simulation is the same in every run, so that a check in CI says the same tomorrow."""
_SHARE = click.FloatRange(0, 1, min_open=True)


@click.command(short_help="For vendors: which shares leave nobody out.")
@click.argument("files", metavar="MANIFEST...", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--endpoint-share", "share", type=_SHARE, default=1.0, show_default=True, metavar="S", help="The endpoint's share to check.")
@click.option("--in-turn", "is_in_turn", is_flag=True, help="The questions are published in the course of the year, not together.")
@click.option("--users", type=click.IntRange(1), metavar="N", help="Number of users who accept; shows how precise the answers become.")
@click.option("--applications", type=click.IntRange(1), metavar="M", help="Simulate users who have M of the applications; default: all.")
def plan(  # noqa: PLR0913 - each option is a parameter
    files: tuple[Path, ...], *, share: float, is_in_turn: bool, users: int | None, applications: int | None
) -> None:
    """For vendors: say which shares fit the privacy budgets.

    Give the manifests of all applications of one vendor, or a folder. A user who accepts everything is drawn for many questions, and not
    all answers may find room. Then heavy users are under-represented. `plan` simulates such users by the rule of the daemon. The largest
    endpoint share that fits leaves at most 1 % of their drawn answers without room.

    That is for questions that are published together. Questions that are published one after another need a smaller share. A question
    competes only with what is published when its period begins, so the loss falls on the last questions.

    The exit status is 1 if the endpoint's share does not fit, or a source has too many questions.
    """
    vendor = _vendor(files, applications)
    shares = share_plan.fitting_shares(vendor, _chance())
    fitting = shares.in_turn if is_in_turn else shares.together
    usable = min(share, fitting)
    needs = share_plan.source_needs(vendor, usable)
    page = printing.Page()
    for text in (*_about_shares(vendor, share, shares, fitting), *map(_about_source, needs)):
        page.say(text)
    if users:
        page.gap()
        _print_precision(page, vendor, usable, users)
    if share > fitting or needs:
        sys.exit(FAILED)


def _vendor(files: Sequence[Path], applications: int | None) -> Vendor:
    """The questions of the manifests. Raises `Failure` unless they are of one vendor."""
    declarations = read_inputs(files).declarations.values()
    vendors = sorted({declaration.application.vendor for declaration in declarations})
    if len(vendors) != 1:
        text = _("expected manifests of one vendor, not of {vendors}") if vendors else _("expected manifests of a vendor: there is none")
        raise Failure(text.format(vendors=", ".join(vendors)))
    definitions = [definition for declaration in declarations for definition in declaration.definitions]
    if not definitions:
        raise Failure(_("these manifests ask no question"))
    number = len({definition.application.id for definition in definitions})
    if applications and applications > number:
        raise click.UsageError(_("--applications: only {number} of these applications ask questions.").format(number=number))
    return Vendor(definitions, caps_of(Budgets(), is_spent=False), applications or 0)


def _chance() -> Callable[[int], int]:
    """The same random numbers at each call. 53 bits of them suffice for a simulation, and take a third of the time."""
    draw = random.Random(_SEED).random  # noqa: S311 - a simulation
    return lambda bound: int(draw() * bound)


def _about_shares(vendor: Vendor, share: float, shares: Fitting, fitting: float) -> Iterator[str]:
    usable = min(share, fitting)
    losses = {one: share_plan.losses(vendor, one, _chance()) for one in {share, shares.together, usable}}
    yield _asked(len(vendor.definitions), vendor.applications)
    text = _("With an endpoint share of {share}, {lost} of the drawn answers find no room in the budgets of the server.")
    yield text.format(share=_number(share), lost=_percent(losses[share].lost))
    text = _("The largest endpoint share that fits is {share} for questions that are published together: {lost} find no room.")
    yield text.format(share=_number(shares.together), lost=_percent(losses[shares.together].lost))
    if shares.in_turn < shares.together:
        text = _(
            "For questions that are published one after another, it is {share}: {lost} of the answers to the last question find no room."
        )
        yield text.format(share=_number(shares.in_turn), lost=_percent(share_plan.lost_as_the_last(vendor, shares.in_turn, _chance())))
    text = _("With an endpoint share of {share} the budget for life is spent after {years} such years (median).")
    yield text.format(share=_number(usable), years=_number(losses[usable].years))


def _asked(number: int, applications: int) -> str:
    """How many questions, and for whom."""
    if applications:
        user = _("For a user who has {number} of the applications and accepts all that they ask:").format(number=applications)
    else:
        user = _("For a user who accepts all of them:")
    return joined([ngettext("{number} question.", "{number} questions.", number), user], of_environment().words)


def _about_source(need: SourceNeed) -> str:
    text = _(
        "{source}: {number} questions are too many for its budget: {lost} of the users lose an answer. "
        "With a share of {share} for each (question share × endpoint share), it is {tolerated}."  # noqa: RUF001 - the sign of multiplication
    )
    values = {"lost": _percent(need.exceeded), "share": _number(need.share), "tolerated": "1\u00a0%"}
    return text.format(source=need.source, number=need.questions, **values)


def _print_precision(page: printing.Page, vendor: Vendor, share: float, users: int) -> None:
    """What the answers of so many users tell, if they all find room."""
    words, precisions = of_environment().words, share_plan.precisions(vendor, share, users)
    rows = [
        ("/".join(one.key), grouped(round(one.reports), words), grouped(one.needed, words), decimal(f"± {100 * one.margin:.1f}", words))
        for one in precisions
    ]
    text = _("{users} users, endpoint share {share}: reports in all periods, and the precision of any share ({confidence}).")
    page.say(text.format(users=grouped(users, words), share=_number(share), confidence="95\u00a0%"))
    page.table((_("QUESTION"), _("REPORTS"), _("FOR ± 2 POINTS"), _("POINTS")), rows)
    reached = sum(precision.reports >= precision.needed for precision in precisions)
    page.gap()
    reach = ngettext("{number} question reaches ± 2 points.", "{number} questions reach ± 2 points.", reached)
    page.say(reach if reached else _("No question reaches ± 2 points."))


def _number(value: float) -> str:
    return decimal(f"{value:g}", of_environment().words)


def _percent(part: float) -> str:
    return decimal(f"{100 * part:.1f}\u00a0%", of_environment().words)
