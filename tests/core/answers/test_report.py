import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import CRASHED, PLATFORM, STARTUP
from support.manifests.core_questions import asking as definition

from telemetryd.core.answers.report import (
    REPORT_BYTES,
    InvalidReportError,
    Report,
    blank_nonce,
    cell_of_bins,
    cell_of_labels,
    encode,
    is_for_test,
    label_of_cell,
    longest_report_bytes,
    none_answer,
    parse,
    report_for_test,
    request_headers,
)
from telemetryd.core.definition import (
    Combine,
    Source,
    SourceType,
)

REPORT = Report("org.kde.kate", "startup-by-memory", "9f2c0123abcd", "2026-W48", ("<500", "4..16"), None, "0123456789abcdef" * 2)


def altered(**fields):
    """Bytes of the report's size whose JSON differs in some fields; None leaves a field out."""
    values = {"schema": 1, **REPORT._asdict(), **fields}
    return json.dumps({key: value for key, value in values.items() if value is not ...}, separators=(",", ":")).encode().ljust(REPORT_BYTES)


HEX = st.sampled_from("0123456789abcdef")
NUMBER = st.integers(-(10**6), 10**6).map(str) | st.just("0.5")
LABELS = st.one_of(
    NUMBER.map("<{}".format),
    NUMBER.map(">={}".format),
    st.tuples(NUMBER, NUMBER).map("..".join),
    st.sampled_from(["true", "other", "x86_64", "v1.2+b-3", "a" * 32]),
)
REPORTS = st.builds(
    Report,
    st.sampled_from(["org.kde.kate", "a.b", "org.7zip.App-1_x", "a." + "b" * 126]),
    st.sampled_from(["q", "startup-by-memory", "q" * 64, "a0_-"]),
    st.lists(HEX, min_size=12, max_size=12).map("".join),
    st.sampled_from(["2026-11-24", "2026-W48", "2026-11"]),
    st.lists(LABELS, min_size=1, max_size=4).map(tuple) | st.integers(1, 4).map(none_answer),
    st.none() | st.integers(1, 40).map(lambda tenths: tenths / 10),
    st.lists(HEX, min_size=32, max_size=32).map("".join),
)


def test_bytes_are_exactly_these():
    """A report's bytes are its JSON in this order, without spaces, padded to 1,024."""
    text = (
        b'{"schema":1,"application":"org.kde.kate","question":"startup-by-memory","revision":"9f2c0123abcd","period":"2026-W48",'
        b'"answer":["<500","4..16"],"epsilon":null,"nonce":"0123456789abcdef0123456789abcdef"}'
    )
    assert encode(REPORT) == text + b" " * (1024 - len(text))


@given(REPORTS)
def test_reports_are_stable(report):
    """Every report has the same size and comes back as it was."""
    body = encode(report)
    assert len(body) == REPORT_BYTES
    assert parse(body) == report
    assert encode(parse(body)) == body


@given(REPORTS, st.integers(0, REPORT_BYTES - 1), st.integers(0, 255))
def test_no_two_bytes_for_one_report(report, place, byte):
    """Bytes with one changed are another report or none: never the same report in other bytes."""
    body = bytearray(encode(report))
    body[place] = byte
    try:
        again = parse(bytes(body))
    except InvalidReportError:
        return
    assert (again == report) == (bytes(body) == encode(report))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        encode(REPORT)[:-1],
        encode(REPORT) + b" ",
        b" " + encode(REPORT)[:-1],
        encode(REPORT).replace(b" ", b"\n"),
        encode(REPORT).replace(b":1,", b": 1,")[:REPORT_BYTES],
        b"[" * REPORT_BYTES,
        b"[]".ljust(REPORT_BYTES),
        b"{}".ljust(REPORT_BYTES),
        "ä".encode().ljust(REPORT_BYTES),
        altered(schema=2),
        altered(schema=True),
        altered(schema=...),
        altered(host="earth"),
        altered(application="kate"),
        altered(application="a" * 127 + ".b"),
        altered(application="org.kde.kate "),
        altered(application=7),
        altered(question="Hello world"),
        altered(question="q" * 65),
        altered(question="q\n"),
        altered(revision="9F2C0123ABCD"),
        altered(period="tomorrow"),
        altered(period="2026-W48-1"),
        altered(answer=...),
        altered(answer=[]),
        altered(answer=["a"] * 5),
        altered(answer="none"),
        altered(answer=["secret report.odt"]),
        altered(answer=["a" * 33]),
        altered(answer=["http://example.org"]),
        altered(answer=["<500", "none"]),
        altered(answer=[["<500"]]),
        altered(answer=[None]),
        altered(epsilon=...),
        altered(epsilon=2),
        altered(epsilon=True),
        altered(epsilon=float("nan")),
        altered(epsilon=4.1),
        altered(epsilon=0.25),
        altered(nonce="0" * 31),
        altered(nonce=...),
        altered(nonce=0),
    ],
)
def test_everything_else_is_refused(body):
    """Bytes that the daemon would not write are not a report; free text fits nowhere. Policy: P1."""
    with pytest.raises(InvalidReportError):
        parse(body)


def test_nothing_repeated_in_errors():
    """An error never repeats the bytes."""
    with pytest.raises(InvalidReportError) as error:
        parse(altered(answer=["secret report.odt"]))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"), [("application", "a"), ("application", "z"), ("revision", "0"), ("revision", "z"), ("epsilon", 1.0)]
)
def test_only_a_test_report_is_for_test(name, value):
    """A report that differs from a test report in one thing is none, whatever sorts before it."""
    report = report_for_test("2026-12-01", "0123456789abcdef" * 2)
    assert is_for_test(report)
    assert not is_for_test(report._replace(**{name: value}))


def test_report_that_is_too_long():
    """A report that does not fit is refused, never cut."""
    with pytest.raises(InvalidReportError):
        encode(REPORT._replace(answer=("9" * 900,)))


def test_longest_report():
    """The longest report is known at declaration: as long as the longest of all reports, not padded."""
    question = definition(STARTUP, PLATFORM)
    answers = [label_of_cell(question, cell) for cell in range(question.cells)]
    reports = [
        Report("org.kde.kate", "startup", question.revision, period, answer, epsilon, "0" * 32)
        for answer, period, epsilon in product(answers, ["2026-11-24", "2026-W48", "2026-11"], [None, 4.0])
    ]
    assert longest_report_bytes(question) == max(len(encode(report).rstrip()) for report in reports)
    assert longest_report_bytes(definition(Source("x", SourceType.NUMBER, "X", Combine.LAST, edges=(-1e300, 1e300)))) > 600


def test_cells_in_order():
    """Cells count the bins in declared order, the last field fastest, and the joint `none` comes last."""
    question = definition(CRASHED, PLATFORM._replace(values=("x11", "wayland")))
    assert [label_of_cell(question, cell) for cell in range(question.cells)] == [
        ("false", "x11"),
        ("false", "wayland"),
        ("false", "other"),
        ("true", "x11"),
        ("true", "wayland"),
        ("true", "other"),
        ("none", "none"),
    ]


@given(st.lists(st.sampled_from([STARTUP, PLATFORM, CRASHED]), min_size=1, max_size=4))
def test_cells_are_one_to_one(fields):
    """Cell, labels and bins are three texts of one answer."""
    question = definition(*fields)
    for cell, bins in enumerate(product(*(range(len(field.labels)) for field in fields))):
        assert cell_of_bins(question, bins) == cell
        assert label_of_cell(question, cell) == tuple(field.labels[number] for field, number in zip(fields, bins, strict=True))
        assert cell_of_labels(question, label_of_cell(question, cell)) == cell
    assert cell_of_bins(question, None) == question.cells - 1
    assert label_of_cell(question, question.cells - 1) == none_answer(len(fields))
    assert cell_of_labels(question, none_answer(len(fields))) == question.cells - 1


def test_no_such_cell():
    """A bin, label or cell that the question does not have is refused."""
    question = definition(STARTUP)
    for call in (
        lambda: cell_of_bins(question, (3,)),
        lambda: cell_of_bins(question, (-1,)),
        lambda: cell_of_labels(question, ("x11",)),
        lambda: cell_of_labels(question, ("<500", "<500")),
        lambda: label_of_cell(question, 4),
        lambda: label_of_cell(question, -1),
    ):
        with pytest.raises(InvalidReportError):
            call()


@given(REPORTS)
def test_blank_nonce(report):
    """Blanking overwrites the nonce's digits and nothing else; twice is once. Policy: A2."""
    blank = blank_nonce(encode(report))
    assert blank == encode(report._replace(nonce="0" * 32))
    assert blank_nonce(blank) == blank


def test_blank_nonce_never_fails():
    """Damaged bytes from a disk come back as they are."""
    assert blank_nonce(b"\xff damaged") == b"\xff damaged"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://telemetry.example.org/v1/reports", "telemetry.example.org"),
        ("https://telemetry.example.org:443/", "telemetry.example.org"),
        ("https://telemetry.example.org:8443/", "telemetry.example.org:8443"),
        ("http://LOCALHOST:80/", "localhost"),
        ("http://127.0.0.1:443/", "127.0.0.1:443"),
        ("http://[::1]:8000/", "[::1]:8000"),
    ],
)
def test_headers(url, host):
    """Four headers travel with a report, the same for everybody but for the address. Policy: A2, A4."""
    assert request_headers(url) == (
        ("Host", host),
        ("Content-Type", "application/json"),
        ("Content-Length", "1024"),
        ("Connection", "close"),
    )


def test_headers_by_way_of_a_relay():
    """With a relay, its own four headers are the same for every endpoint; the report's route is sealed. Policy: A4."""
    assert request_headers("https://telemetry.example.org:443/v1/reports?x=1", "https://Relay.example/a") == (
        ("Host", "relay.example"),
        ("Content-Type", "message/ohttp-req"),
        ("Content-Length", "2304"),
        ("Connection", "close"),
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "telemetry.example.org"),
        (":path", "/v1/reports?x=1"),
        ("content-type", "application/json"),
    )
    assert request_headers("http://localhost:1", "https://localhost:2/")[5:8] == (
        (":scheme", "http"),
        (":authority", "localhost:1"),
        (":path", "/"),
    )


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_numbers_beyond_the_last_cell(beyond):
    """A number that no answer has is refused: the ones next to the range, and further ones."""
    about = definition(STARTUP)
    with pytest.raises(InvalidReportError):
        label_of_cell(about, -1 if beyond < 0 else about.cells + beyond)
