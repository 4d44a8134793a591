from datetime import date

import pytest
from support.manifests.core_questions import MEMORY, STARTUP, asking, define, review_of
from support.manifests.handed_report import BODY, DEFINITION, REPORT, TEXT

from telemetryd.core.answers.report import Report, encode
from telemetryd.core.permission.signoffs import Reviews, Stop, StopReason
from telemetryd.core.sending.uploader_protocol import Job, encode_job
from telemetryd.core.settings import Endpoint, KillSwitch, Settings
from telemetryd.upload.job import definition_of, endpoint_of, is_admitted, is_declared, job_of, may_connect

ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.example.org/v1/reports")
JOB = Job("kde", ENDPOINT.url, developer=False, body=BODY, definition=TEXT)
SETTINGS = Settings(endpoints=(ENDPOINT,))
REVIEW = review_of(DEFINITION, date(2026, 11, 20))


def test_a_job():
    """A job is what the courier writes, with a report inside."""
    assert job_of(encode_job(JOB)) == (JOB, REPORT)


@pytest.mark.parametrize(
    "body", [b" " * 1024, encode(REPORT).replace(b"<500", b"<5 0"), encode(REPORT).replace(b'"schema":1', b'"schema":2')]
)
def test_no_report_inside(body):
    """A job whose bytes are not exactly a report's is none. Policy: P1."""
    assert job_of(encode_job(JOB._replace(body=body))) is None
    assert job_of(encode_job(JOB)[:-1]) is None


def test_the_definition_handed_along():
    """Its digest is taken from the text itself, not believed; another text is another digest, and what is no such text is none."""
    assert definition_of(JOB) == DEFINITION._replace(application=DEFINITION.application._replace(summary=""))
    other = asking(purpose="Is it fast?")
    assert definition_of(JOB._replace(definition=TEXT.replace("slow", "fast"))).digest == other.digest != DEFINITION.digest
    assert definition_of(JOB._replace(definition="{}")) is None


@pytest.mark.parametrize(
    ("job", "settings"),
    [
        (JOB, SETTINGS._replace(kill_switches=(KillSwitch("enabled", "/etc"),))),
        (JOB, Settings()),
        (JOB._replace(endpoint="gnome"), SETTINGS),
        (JOB._replace(url="https://telemetry.example.com/v1/reports"), SETTINGS),
        (JOB, Settings(endpoints=(ENDPOINT._replace(format="otlp"),))),
        (JOB._replace(developer=True), SETTINGS),
        (JOB, SETTINGS._replace(developer=True)),
        (JOB._replace(developer=True), SETTINGS._replace(developer=True)),
        (JOB._replace(url="http://localhost/"), Settings(endpoints=(ENDPOINT._replace(url="http://localhost/"),))),
    ],
)
def test_what_the_configuration_forbids(job, settings):
    """Kill switch, no endpoint, one that moved, another format, the wrong mode, plain http: nothing leaves. Policy: C4, C6, C7."""
    assert endpoint_of(job, settings) is None


def test_what_the_configuration_permits():
    """The endpoint that the daemon meant, as it is configured; in developer mode on this machine."""
    assert endpoint_of(JOB, SETTINGS) == ENDPOINT
    here = ENDPOINT._replace(url="http://127.0.0.1:8000/")
    mine = Settings(endpoints=(here,), developer=True)
    assert endpoint_of(JOB._replace(url=here.url, developer=True), mine) == here


def test_relays():
    """The relay is the one that the daemon meant and may be connected to, or nothing leaves, never directly instead. Policy: A4, C6."""
    relayed = ENDPOINT._replace(ohttp_relay="https://relay.example/", ohttp_keys="/keys")
    job = JOB._replace(relay=relayed.ohttp_relay)
    assert endpoint_of(job, Settings(endpoints=(relayed,))) == relayed
    assert endpoint_of(job, SETTINGS) is None
    assert endpoint_of(JOB, Settings(endpoints=(relayed,))) is None
    assert endpoint_of(job._replace(relay="https://other.example/"), Settings(endpoints=(relayed,))) is None
    plain = relayed._replace(ohttp_relay="http://relay.example/")
    assert endpoint_of(job._replace(relay=plain.ohttp_relay), Settings(endpoints=(plain,))) is None
    here = relayed._replace(url="http://localhost/")
    assert endpoint_of(job._replace(url=here.url, developer=True), Settings(endpoints=(here,), developer=True)) is None


@pytest.mark.parametrize(
    ("url", "is_open", "is_open_to_developers"),
    [
        ("https://telemetry.example.org/", True, False),
        ("https://localhost:8443/", True, True),
        ("http://localhost/", False, True),
        ("http://127.9.8.7:80/", False, True),
        ("http://[::1]:8000/", False, True),
        ("http://telemetry.example.org/", False, False),
        ("http://localhost.example.org/", False, False),
        ("http://192.168.1.7/", False, False),
        ("http://0.0.0.0/", False, False),
        ("http://2130706433/", False, False),
        ("https://me:secret@telemetry.example.org/", False, False),
        ("http://localhost@telemetry.example.org/", False, False),
        ("https://telemetry.example.org:port/", False, False),
        ("https://[::1/", False, False),
        ("https://tëlemetry.example.org/", False, False),
        ("https://telemetry.example.org/\r\nX: y", False, False),
        ("https:///reports", False, False),
        ("ftp://localhost/", False, False),
        ("file:///etc/passwd", False, False),
        ("", False, False),
    ],
)
def test_addresses(url, is_open, is_open_to_developers):
    """Reports go by https; a developer's only to this machine, by http too. Policy: C6, C7."""
    assert may_connect(url, is_developer=False) is is_open
    assert may_connect(url, is_developer=True) is is_open_to_developers


@pytest.mark.parametrize(
    ("reviews", "is_good"),
    [
        (Reviews([REVIEW]), True),
        (Reviews(), False),
        (Reviews([REVIEW._replace(question="another")]), False),
        (Reviews([REVIEW._replace(definition="sha256:" + "0" * 64)]), False),
        (Reviews([REVIEW, REVIEW._replace(definition="sha256:" + "0" * 64, date=date(2026, 11, 21))]), True),
        (Reviews([REVIEW, REVIEW._replace(definition="sha256:" + "0" * 64)]), False),
        (Reviews([REVIEW], [Stop(*REPORT[:2], StopReason.ANSWERED, date(2026, 11, 19))]), False),
        (Reviews([REVIEW], [Stop(*REPORT[:2], StopReason.SUSPENDED, date(2026, 11, 20))]), False),
        (Reviews([REVIEW], [Stop(*REPORT[:2], StopReason.SUSPENDED, date(2026, 11, 19))]), True),
    ],
)
def test_reviews(reviews, is_good):
    """Reports of reviewed definitions leave, of replaced ones too, and none of a stopped question. Policy: R1, R4, M4."""
    assert is_admitted(DEFINITION, reviews) is is_good


@pytest.mark.parametrize(
    ("fields", "is_good"),
    [
        ({}, True),
        ({"answer": ("none", "none")}, True),
        ({"answer": ("secret-report.odt", "4..16")}, False),
        ({"answer": ("<501", "4..16")}, False),
        ({"answer": ("4..16", "<500")}, False),
        ({"answer": ("<500",)}, False),
        ({"answer": ("<500", "4..16", "4..16")}, False),
        ({"answer": ("none",)}, False),
        ({"answer": ("<500", "none")}, False),
        ({"epsilon": 4.0}, False),
        ({"epsilon": None}, False),
        ({"period": "2026-W49"}, True),
        ({"period": "2026-W50"}, False),
        ({"period": "2026-W99"}, False),
        ({"period": "2026-11"}, False),
        ({"period": "2026-11-24"}, False),
        ({"revision": "0" * 12}, False),
        ({"question": "startup"}, False),
        ({"application": "org.kde.kwrite"}, False),
    ],
)
def test_what_a_definition_declares(fields, is_good):
    """Only the definition's own answers, its ε and its periods leave. Policy: P1."""
    definition = define(STARTUP, MEMORY)
    report = Report(*definition.key, definition.revision, "2026-W48", ("<500", "4..16"), 2.0, "0" * 32)
    assert is_declared(report._replace(**fields), definition) is is_good
