# noqa: INP001 - a script beside the page that it writes
"""Writes the figures of `docs/for-vendors.md`: arithmetic from `telemetryd.analysis`, and `telemetryctl estimate` over invented reports.

Run it after changing either: `python docs/generate_for_vendors.py`. A test holds the page against it. The reports are drawn from a seed, so
that they are the same everywhere; `python docs/generate_for_vendors.py DIRECTORY` leaves them there, with their manifest.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from click.testing import CliRunner

from telemetryd.analysis.channel import channel
from telemetryd.analysis.trend_planning import trend_error
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.answers.report import Report, cell_of_labels, encode, label_of_cell, request_headers
from telemetryd.core.privacy.planning import hardest_share, reports_needed, share_error
from telemetryd.core.sending.schedule import Result, delivery_of
from telemetryd.ctl.__main__ import cli
from telemetryd.toml.manifest import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.core.definition import Definition

PAGE = Path(__file__).with_name("for-vendors.md")
MARK = "<!-- Written by docs/generate_for_vendors.py: {} -->"
END = "<!-- end -->"

_USERS = 20_000
_FOUND = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
"""Standard errors of a change that an interval at 95 % tells from 0 in four of five cases."""
_REPORT = ("org.example.Editor", "startup-time", "6757fa992756", "2026-W48", ("500..2000",), 2.0, "0123456789abcdef" * 2)
_MEANINGS = {
    Result.ACCEPTED: "done; never sent again",
    Result.ANSWERED: "the question is over on this machine",
    Result.SUSPENDED: "the question is suspended on this machine",
    Result.REJECTED: "the answer is lost, and the status recorded; never sent again",
}
_MANIFEST = """\
schema = 1
[application]
id = "org.example.Editor"
name = "Editor"
summary = "Text editor"
vendor = "example"
contact = "https://example.org/privacy"
[[source]]
id = "startup"
type = "number"
description = "Time from process start to the first window"
unit = "ms"
combine = "median"
bins = [500, 2000]
[[question]]
id = "startup-time"
purpose = "Did the new session restore make start-up slower?"
decision = "Whether the session restore is loaded lazily"
category = "usage"
detail = "basic"
sources = ["startup"]
period = "week"
starts = 2026-11-02
ends = 2027-05-02
epsilon = 2.0
"""


def page() -> str:
    """The page as it should be: what was written by hand, with the figures put in anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, part in {"needed": needed(), "trends": trends(), "example": example(), "request": wire(), "codes": codes()}.items():
        mark = MARK.format(name)
        text = re.sub(rf"{re.escape(mark)}\n.*?{END}", lambda _, new=f"{mark}\n{part}{END}": new, text, flags=re.DOTALL)
    return text


def needed() -> str:
    """How many reports a share takes."""
    heads = ("ε", "answers", "p", "q", *(f"± 2 points, {share}" for share in ("worst share", "share of 10 %")))
    rows = ["| " + " | ".join([*heads, *(f"SE of {share} %, 2,000 reports" for share in (10, 50))]) + " |", "|" + "---|" * 8]
    for epsilon, cells in ((None, 4), (1.0, 4), (2.0, 2), (2.0, 4), (2.0, 8), (2.0, 12), (2.0, 24), (3.0, 4), (4.0, 4)):
        noise = channel(cells, epsilon)
        errors = [f"{100 * share_error(share, 2000, noise):.2f} points" for share in (0.1, 0.5)]
        counts = [f"{reports_needed(0.02, noise):,} ({hardest_share(noise):.0%})", f"{reports_needed(0.02, noise, 0.1):,}"]
        probabilities = [f"{float(part):.4f}" for part in noise]
        rows.append("| " + " | ".join([str(epsilon or "none"), str(cells), *probabilities, *counts, *errors]) + " |")
    return "\n".join(rows) + "\n"


def trends() -> str:
    """How small a trend is seen: the change from the first period to the last that is found in four of five cases."""
    rows = ["| reports | in | SE of the change per period | found in 4 of 5 cases: change from first to last |", "|---|---|---|---|"]
    noise = channel(4, 2.0)
    for reports in (2_000, 5_000, 20_000, 100_000):
        for periods in (6, 26):
            error = trend_error(0.1, reports, noise, periods)
            found = 100 * _FOUND * error * (periods - 1)
            rows.append(f"| {reports:,} | {periods} periods | {100 * error:.3f} points | {found:.1f} points |")
    return "\n".join(rows) + "\n"


def example() -> str:
    """What the command prints for the invented reports, without the users by week and the drawings of three answers."""
    with TemporaryDirectory() as folder:
        reports, manifest = write(Path(folder))
        done = CliRunner().invoke(
            cli, ["estimate", str(reports), "--manifest", str(manifest), "--question", "startup-time"], env={"COLUMNS": "120"}
        )
    files, facts, shares, _, *drawings, legend = done.output.replace(f"{folder}/", "").split("\n\n")
    (slow,) = (drawing for drawing in drawings if drawing.startswith("startup >=2000"))
    return f"```text\n{files}\n\n{facts}\n\n{shares}\n\n…\n\n{slow}\n\n…\n\n{legend}```\n"


def wire() -> str:
    """One request as it is on the wire."""
    url, report = "https://telemetry.example.org/v1/reports", Report(*_REPORT)
    headers = "".join(f"{name}: {value}\n" for name, value in request_headers(url))
    return f"```text\nPOST {urlsplit(url).path} HTTP/1.1\n{headers}\n{encode(report).decode().rstrip()}\n```\n"


def codes() -> str:
    """What the uploader makes of each status."""
    meanings: dict[Result, list[str]] = {}
    for status in (200, 202, 204, 301, 400, 403, 404, 408, 410, 413, 425, 429, 451, 500, 502, 503):
        meanings.setdefault(delivery_of(status).result, []).append(str(status))
    rows = [f"| {', '.join(statuses)} | {result} | {_MEANINGS[result]} |" for result, statuses in meanings.items()]
    return "| status, for example | outcome | what the user's machine does |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def write(folder: Path) -> tuple[Path, Path]:
    """Leave the invented reports and their manifest in a directory; the paths of both."""
    reports, manifest = folder / "reports.jsonl", folder / "org.example.Editor.toml"
    manifest.write_text(_MANIFEST, encoding="utf-8")
    (definition,) = parse(_MANIFEST).definitions
    reports.write_bytes(b"".join(body + b"\n" for body in invented(definition)))
    return reports, manifest


def invented(definition: Definition) -> Iterator[bytes]:
    """A report of each of 20,000 users in a week drawn at random; slow starts grow from 10 % by half a point a week."""
    chance = random.Random(4)  # noqa: S311 - invented data, the same everywhere
    asked = definition.question
    periods = whole_periods(asked.period, asked.starts, asked.ends)
    noise = channel(definition.cells, asked.epsilon)
    whole = noise.truth.denominator
    for _ in range(_USERS):
        week = chance.randrange(len(periods))
        slow = 0.10 + 0.005 * week
        label = chance.choices(["<500", "500..2000", ">=2000", "none"], [0.6 - slow / 2, 0.25 - slow / 2, slow, 0.15])[0]
        cell = cell_of_labels(definition, (label,))
        if chance.randrange(whole) >= noise.truth.numerator:
            cell = (cell + chance.randrange(1, definition.cells)) % definition.cells
        answer = label_of_cell(definition, cell)
        report = Report(*definition.key, definition.revision, periods[week].label, answer, asked.epsilon, f"{chance.getrandbits(128):032x}")
        yield encode(report)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        PAGE.write_text(page(), encoding="utf-8")
