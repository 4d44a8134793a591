"""Figures of a manifest that are not findings: the reports that each question takes, and what one user gives. Policy: A1, M2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.authoring.linter import user_budget
from telemetryd.core.privacy.admissibility import figures

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration, Definition


def lines(declaration: Declaration) -> list[str]:
    """The figures of an accepted declaration, one sentence each."""
    return [*map(_reports, declaration.definitions), *user_budget.sentences(declaration)]


def _reports(definition: Definition) -> str:
    numbers = figures(definition)
    return (
        f"{definition.question.id}: {numbers.cells} possible answers at epsilon {numbers.epsilon:g}; ± 2 points (95 %) take "
        f"{numbers.needed:,} reports at the worst share, {numbers.needed_at_tenth:,} at a share of 10 %"
    )
