import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.survey_answers import bodies, definition

from telemetryd.analysis.layout import View
from telemetryd.analysis.number_words import percent, slope, trend_sentence
from telemetryd.analysis.question_findings import evaluate, split_questions
from telemetryd.analysis.received import Received, by_revision
from telemetryd.analysis.svg import picture
from telemetryd.analysis.terminal import LEGEND, WIDTH, drawing

ASKED = definition()
EVERYTHING = View()
SVG = "{http://www.w3.org/2000/svg}"


def findings(users=2000, view=EVERYTHING, shares=(0.1, 0.2, 0.1, 0.2, 0.1, 0.1, 0.2)):
    """What a survey of so many users finds."""
    received = Received(by_revision([ASKED]))
    received.read("reports", bodies(ASKED, list(shares), users=users, seed=11))
    ((question,), _) = split_questions(received)
    return evaluate(question, view)


def test_lines():
    """Each period has a line of plain characters with its numbers, its interval around its share, and the trend."""
    finding = findings()
    head, *lines = drawing(finding.shares[1], finding.periods)
    assert re.fullmatch(r"PERIOD +REPORTS +SHARE +FROM +TO [-\d.]+ % +[\d.]+ %", head)
    assert [line.split()[0] for line in lines] == [period.label for period in finding.periods]
    assert all(re.search(r"[|<][-+:]*o[-+:]*[|>]", line) for line in lines)
    assert all("+" in line or "o" in line for line in lines)
    for line, estimate in zip(lines, finding.shares[1].by_period, strict=True):
        assert line.split()[2:5] == [percent(estimate.value), percent(estimate.low), percent(estimate.high)]


@given(st.integers(1, 60), st.sampled_from([View(), View(given="platform"), View(of="platform", is_answered=True)]))
def test_never_wider_than_a_terminal(users, view):
    """However few the users and wide the intervals, the drawing is ASCII and fits 80 columns, and the SVG is well-formed."""
    finding = findings(users, view)
    lines = [line for share in finding.shares for line in drawing(share, finding.periods)] + [LEGEND]
    assert all(line.isascii() and len(line) <= WIDTH for line in lines)
    ET.fromstring(picture([finding]))


def test_svg():
    """The SVG has a panel for each share: a dot and a bar for each period, the trend, its band, and named axes; labels are escaped."""
    finding = findings()
    root = ET.fromstring(picture([finding]))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert len([line for line in root.iter(f"{SVG}line") if line.get("class") == "bar"]) == 7 * len(finding.periods)
    assert len(list(root.iter(f"{SVG}circle"))) == 7 * len(finding.periods)
    assert len(list(root.iter(f"{SVG}polyline"))) == len(list(root.iter(f"{SVG}polygon"))) == 7
    assert texts[:2] == ["org.example.Editor startup-by-platform", "startup <500, platform wayland"]
    assert finding.periods[0].label in texts
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= float(root.get("width"))
        assert 0 <= float(text.get("y")) <= float(root.get("height"))


def test_nothing_to_draw():
    """A share of which nothing can be said has no lines and no panel."""
    finding = findings(3, View(given="startup"))
    unknown = [share for share in finding.shares if not any(share.by_period)]
    assert unknown
    assert [list(drawing(share, finding.periods)) for share in unknown] == [[]] * len(unknown)
    assert "circle" not in picture([finding._replace(shares=tuple(unknown))])


@pytest.mark.parametrize(("share", "text"), [(0.1234, "12.3"), (-0.0001, "0.0"), (-0.021, "-2.1"), (1.5, "150.0")])
def test_percent(share, text):
    """Shares have one digit, and nothing is less than nothing by rounding."""
    assert percent(share) == text


def test_sentences():
    """A trend is called one where its interval leaves 0 out, and distrusted where the points do not lie on a line."""
    trend = findings().shares[0].trend
    low = trend._replace(slope=trend.slope._replace(value=0.004, low=0.001, high=0.007), fit=0.5)
    assert trend_sentence(low, "week") == "+0.40 points per week (+0.10 to +0.70): a trend"
    assert trend_sentence(low._replace(slope=low.slope._replace(low=-0.001)), "day").endswith("no trend seen")
    assert trend_sentence(low._replace(fit=0.001), "week").endswith("scatter more than chance allows about a line")
    assert [slope(-0.00001), slope(0.001)] == ["+0.00", "+0.10"]
