import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.handover import InvalidMessageError, Job, encode_delivery, encode_job, parse_delivery, parse_job
from telemetryd.core.limits import DAY_S, JOB_LINE_MAX_BYTES
from telemetryd.core.report import REPORT_BYTES
from telemetryd.core.schedule import Delivery, Result

BODY = b"{}".ljust(REPORT_BYTES)
JOB = Job("kde", "https://telemetry.example.org/v1/reports", developer=False, body=BODY)
LINE = b'{"endpoint":"kde","url":"https://telemetry.example.org/v1/reports","developer":false,"relay":""}\n'


def test_job_bytes():
    """A job is one line of JSON and the report's bytes."""
    assert encode_job(JOB) == LINE + BODY
    assert parse_job(LINE + BODY) == JOB


def test_job_by_way_of_a_relay():
    """A job says which relay the daemon means."""
    job = JOB._replace(relay="https://relay.example/")
    assert encode_job(job) == LINE.replace(b'"relay":""', b'"relay":"https://relay.example/"') + BODY
    assert parse_job(encode_job(job)) == job


@given(
    st.builds(
        Job, st.text(max_size=64), st.text(max_size=200), st.booleans(), st.binary(min_size=1024, max_size=1024), st.text(max_size=200)
    )
)
def test_jobs_come_back(job):
    """Whatever is written is read as it was."""
    assert parse_job(encode_job(job)) == job


@pytest.mark.parametrize("job", [JOB._replace(body=BODY[:-1]), JOB._replace(url="u" * JOB_LINE_MAX_BYTES)])
def test_job_out_of_bounds(job):
    """A job of another size is not written."""
    with pytest.raises(InvalidMessageError):
        encode_job(job)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        LINE,
        BODY,
        LINE + BODY + b" ",
        LINE + BODY[1:],
        b" " + LINE + BODY,
        LINE.replace(b":false", b": false") + BODY,
        LINE.replace(b"false", b"0") + BODY,
        LINE.replace(b'"kde"', b"null") + BODY,
        LINE.replace(b'"kde"', b'["kde"]') + BODY,
        LINE.replace(b'"developer"', b'"Developer"') + BODY,
        LINE.replace(b',"relay":""', b"") + BODY,
        LINE.replace(b'""', b"null") + BODY,
        LINE.replace(b"}", b',"more":1}') + BODY,
        b"[" * 5000 + b"\n" + BODY,
        b"[]\n" + BODY,
        b"\xff\n" + BODY,
    ],
)
def test_everything_else_is_no_job(data):
    """Bytes that `encode_job` does not give are no job."""
    with pytest.raises(InvalidMessageError):
        parse_job(data)


@given(st.builds(Delivery, st.sampled_from(Result), st.integers(0, 999), st.none() | st.integers(1, 62).map(lambda days: days * DAY_S)))
def test_deliveries_come_back(delivery):
    """Whatever is written is read as it was."""
    assert parse_delivery(encode_delivery(delivery)) == delivery


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"accepted\n",
        b'{"result":"accepted","status":204,"retry_after_s":null}',
        b'{"result":"accepted","status":204,"retry_after_s":null}\n\n',
        b'{"result":"fine","status":204,"retry_after_s":null}\n',
        b'{"result":["accepted"],"status":204,"retry_after_s":null}\n',
        b'{"result":"accepted","status":1000,"retry_after_s":null}\n',
        b'{"result":"accepted","status":-1,"retry_after_s":null}\n',
        b'{"result":"accepted","status":true,"retry_after_s":null}\n',
        b'{"result":"accepted","status":"204","retry_after_s":null}\n',
        b'{"result":"retry","status":503,"retry_after_s":0}\n',
        b'{"result":"retry","status":503,"retry_after_s":60}\n',
        b'{"result":"retry","status":503,"retry_after_s":-86400}\n',
        b'{"result":"retry","status":503,"retry_after_s":true}\n',
        b'{"result":"accepted","status":204}\n',
        b'{"result":"accepted","status":204,"retry_after_s":null,"more":1}\n',
        b"[" * 5000,
    ],
)
def test_everything_else_is_no_delivery(data):
    """Bytes that `encode_delivery` does not give are no outcome, never taken for one."""
    with pytest.raises(InvalidMessageError):
        parse_delivery(data)
