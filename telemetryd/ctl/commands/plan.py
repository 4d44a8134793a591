"""`plan`: the shares with which users who accept everything find room in their privacy budgets. It reads files and calls no service."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.core import share_plan
from telemetryd.core.ledger import caps_of
from telemetryd.core.settings import Budgets
from telemetryd.core.share_plan import Vendor
from telemetryd.ctl.failures import FAILED, Failure
from telemetryd.ctl.files.inputs import read_inputs
from telemetryd.ctl.render import printing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from telemetryd.core.share_plan import Fitting, SourceNeed

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
        raise Failure(f"expected manifests of one vendor, not of {', '.join(vendors) or 'none'}")
    definitions = [definition for declaration in declarations for definition in declaration.definitions]
    if not definitions:
        raise Failure("these manifests ask no question")
    number = len({definition.application.id for definition in definitions})
    if applications and applications > number:
        raise click.UsageError(f"--applications: only {number} of these applications ask questions.")
    return Vendor(definitions, caps_of(Budgets(), is_spent=False), applications or 0)


def _chance() -> Callable[[int], int]:
    """The same random numbers at each call. 53 bits of them suffice for a simulation, and take a third of the time."""
    draw = random.Random(_SEED).random  # noqa: S311 - a simulation
    return lambda bound: int(draw() * bound)


def _about_shares(vendor: Vendor, share: float, shares: Fitting, fitting: float) -> Iterator[str]:
    number, losses = len(vendor.definitions), {one: share_plan.losses(vendor, one, _chance()) for one in {share, *shares}}
    owner = f"has {vendor.applications} of the applications and accepts all that they ask" if vendor.applications else "accepts all of them"
    yield f"{number} question{'s' if number > 1 else ''}. For a user who {owner}:"
    lost = _percent(losses[share].lost)
    yield f"With an endpoint share of {share:g}, {lost} of the drawn answers find no room in the budgets of the server."
    together = f"The largest endpoint share that fits is {shares.together:g}"
    yield f"{together} for questions that are published together: {_percent(losses[shares.together].lost)} find no room."
    if shares.in_turn < shares.together:
        in_turn = f"For questions that are published one after another, it is {shares.in_turn:g}"
        yield f"{in_turn}: {_percent(losses[shares.in_turn].last)} of the answers to the last question find no room."
    usable = min(share, fitting)
    years = losses[usable].years
    yield f"With an endpoint share of {usable:g} the budget for life is spent after {years:g} such years (median)."


def _about_source(need: SourceNeed) -> str:
    return (
        f"{need.source}: {need.questions} questions are too many for its budget: {_percent(need.exceeded)} of the users lose an answer."
        f" With a share of {need.share:g} for each (question share × endpoint share), it is 1 %."  # noqa: RUF001 - the sign of multiplication
    )


def _print_precision(page: printing.Page, vendor: Vendor, share: float, users: int) -> None:
    """What the answers of so many users tell, if they all find room."""
    precisions = share_plan.precisions(vendor, share, users)
    rows = [
        ("/".join(precision.key), f"{precision.reports:,.0f}", f"{precision.needed:,}", f"± {100 * precision.margin:.1f}")
        for precision in precisions
    ]
    page.say(f"{users:,} users, endpoint share {share:g}: reports in all periods, and the precision of any share (95 %).")
    page.table(("QUESTION", "REPORTS", "FOR ± 2 POINTS", "POINTS"), rows)
    reached = sum(precision.reports >= precision.needed for precision in precisions)
    page.gap()
    page.say(f"{reached or 'No'} question{'s reach' if reached > 1 else ' reaches'} ± 2 points.")


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
