"""The clauses of KDE's Telemetry Policy, revision of 17 January 2020, each in one line, for findings and checklists."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAUSES: Mapping[str, str] = MappingProxyType(
    {
        "T1": mark("What is shared is explained so that it is easy to understand."),
        "T2": mark("The explanation is precise and complete."),
        "T3": mark("The explanation is available locally, without a network."),
        "T4": mark("Changes and additions are highlighted in the release announcement."),
        "C1": mark("Always opt-in: off by default, activated only by an explicit action of the user."),
        "C2": mark("Settings can be changed at any time and are as prominent as others."),
        "C3": mark("Nothing else depends on whether telemetry is enabled."),
        "C4": mark("System-wide settings are honoured."),
        "C5": mark("How to control telemetry is documented in detail."),
        "C6": mark("Data goes only to servers under the full control of the vendor."),
        "C7": mark("Transmission uses appropriate transport security."),
        "C8": mark("There is a designated contact for users' concerns."),
        "A1": mark("Nothing that is personal data, by common sense or by law."),
        "A2": mark("No unique id of a device, an installation or a user."),
        "A3": mark("Unnecessary detail is stripped before sharing, to avoid fingerprinting."),
        "A4": mark("Data of the network's operation is kept apart from telemetry."),
        "M1": mark("Collected data has a clear purpose."),
        "M2": mark("Data is downsampled at the source as far as possible."),
        "M3": mark("Correlations are computed at the source whenever possible."),
        "M4": mark("Collection stops once the question is answered."),
        "P1": mark("Nothing that contains user content, or hints at it, such as file names or URLs."),
        "P2": mark("Only system information, or statistical usage data."),
        "R1": mark("A public review by two or more reviewers comes before the release."),
        "R2": mark("The review is repeated whenever how or what data is collected has changed."),
        "R3": mark("The review's result is public, with what is collected and why."),
        "R4": mark("Received data is reviewed regularly, and collecting is suspended upon a violation."),
    }
)
"""Clause id → its demand."""
