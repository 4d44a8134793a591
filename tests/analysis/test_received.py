import json
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.manifests.survey_answers import bodies, definition

from telemetryd.analysis.received import Received, by_revision, kind_of, number_of
from telemetryd.core.answers.report import Report, encode, report_for_test
from telemetryd.core.definition import PeriodKind

ASKED = definition()
REPORT = Report(*ASKED.key, ASKED.revision, "2026-W48", ("<500", "wayland"), 2.0, "0123456789abcdef" * 2)
NONE = {"epsilon": 2.0, "answer": ("none", "none")}


def lines_of(*lines, definitions=(ASKED,)):
    """What becomes of some lines."""
    received = Received(by_revision(definitions))
    received.read("reports", lines)
    return received


def test_counts():
    """Reports are counted by question, period and answer; what a server may do to a line's padding and end changes nothing."""
    other = REPORT._replace(nonce="1" * 32)
    third = REPORT._replace(nonce="2" * 32, period="2026-W49", answer=("none", "none"))
    received = lines_of(encode(REPORT) + b"\n", encode(other).rstrip() + b"\r\n", b"\n", encode(third))
    ((group, tally),) = received.tallies.items()
    assert group == (*ASKED.key, ASKED.revision, 2.0, PeriodKind.WEEK, 2)
    assert tally == {"2026-W48": {("<500", "wayland"): 2}, "2026-W49": {("none", "none"): 1}}
    assert received.files == [("reports", [1, 2, 4], [], [], [], [])]
    assert received.definition(group) == ASKED


def test_test_reports_are_apart():
    """Test reports are listed by their lines and are in no count, whatever else they claim, and however often they come."""
    test = report_for_test("2026-12-01", "4" * 32)
    claims = test._replace(application=REPORT.application, revision=REPORT.revision, period="2026-W48")
    received = lines_of(encode(test), encode(REPORT), encode(claims).rstrip(), encode(test))
    assert received.files == [("reports", [2], [], [], [], [1, 3, 4])]
    ((_, tally),) = received.tallies.items()
    assert tally == {"2026-W48": {("<500", "wayland"): 1}}


def test_repeated_deliveries_are_dropped():
    """A nonce counts once, in whichever file it comes again."""
    received = lines_of(encode(REPORT), encode(REPORT))
    received.read("more", [encode(REPORT), encode(REPORT._replace(nonce="3" * 32))])
    assert [lines.repeated for lines in received.files] == [[2], [1]]
    assert sum(tally.total() for periods in received.tallies.values() for tally in periods.values()) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"\xff\xfe",
        encode(REPORT)[:-900],
        encode(REPORT) + b" x",
        encode(REPORT).replace(b'"schema":1', b'"schema":2'),
        b"x" + encode(REPORT)[:-1],
        b" " + encode(REPORT)[:-1],
        json.dumps(json.loads(encode(REPORT)) | {"os": "debian"}).encode(),
        json.dumps(json.loads(encode(REPORT)), indent=None).encode(),
    ],
)
def test_what_is_no_report_is_named_by_its_line(line):
    """Whatever the daemon would not have sent is not counted."""
    received = lines_of(encode(REPORT), line)
    assert received.files == [("reports", [1], [], [2], [], [])]


@pytest.mark.parametrize(
    "change",
    [
        {"answer": ("<500", "x11")},
        {"answer": ("<500",)},
        {"answer": ("none",)},
        {"answer": ("wayland", "<500")},
        {"epsilon": 1.0},
        {"period": "2026-W44"},
        {"period": "2027-W01"},
        {"period": "2026-11"},
        {"period": "2026-W60"},
    ],
)
def test_what_the_definition_does_not_allow_is_named_too(change):
    """An answer, an ε or a period that the definition does not have is not counted; without the definition only the calendar counts."""
    received = lines_of(encode(REPORT), encode(REPORT._replace(nonce="4" * 32, **change)))
    assert received.files == [("reports", [1], [], [], [2], [])]
    unknown = lines_of(encode(REPORT._replace(nonce="4" * 32, **change)), definitions=())
    assert len(unknown.tallies) == (change != {"period": "2026-W60"})


def test_reports_without_noise_are_counted_apart():
    """Reports with and without noise, and those of another revision, are not added up: the noise that is subtracted differs."""
    plain = REPORT._replace(nonce="5" * 32, epsilon=None)
    older = REPORT._replace(nonce="6" * 32, revision="0" * 12)
    assert len(lines_of(encode(REPORT), encode(plain), encode(older)).tallies) == 3


@given(st.lists(st.binary(max_size=80) | st.sampled_from([encode(REPORT), encode(REPORT).rstrip()]), max_size=8))
@example([b"[" * 100_000])
def test_no_line_is_too_strange(lines):
    """Whatever stands in a file, each of its lines is accounted for once."""
    (file_lines,) = lines_of(*lines).files
    assert sorted(chain.from_iterable(file_lines[1:])) == [number for number, line in enumerate(lines, 1) if line.strip()]


def test_consecutive_periods_have_consecutive_numbers():
    """Days, weeks and months are numbered without a gap over the turn of a year with 53 weeks."""
    for kind, labels in {
        PeriodKind.DAY: ["2026-12-30", "2026-12-31", "2027-01-01"],
        PeriodKind.WEEK: ["2026-W52", "2026-W53", "2027-W01"],
        PeriodKind.MONTH: ["2026-11", "2026-12", "2027-01"],
    }.items():
        first, second, third = (number_of(kind, label) for label in labels)
        assert (second, third) == (first + 1, first + 2)
        assert [kind_of(label) for label in labels] == [kind] * 3
    assert [kind_of(label) for label in ("2027-W53", "2026-02-30", "2026-13", "0000-01")] == [None] * 4


def test_a_survey_arrives_whole():
    """A thousand reports made by the core are a thousand reports here."""
    received = lines_of(*bodies(ASKED, [1 / ASKED.cells] * ASKED.cells, users=1000, seed=10))
    assert len(received.files[0].accepted) == 1000
