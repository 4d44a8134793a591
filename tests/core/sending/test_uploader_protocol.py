import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.answers.report import REPORT_BYTES
from telemetryd.core.causes import WORDS
from telemetryd.core.limits import DAY_S, DEFINITION_MAX_BYTES, JOB_LINE_MAX_BYTES
from telemetryd.core.sending.hindrance import Hindrance, error_of_last_try, error_word, is_problem, problem, with_try
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.core.sending.uploader_environment import uploader_environment
from telemetryd.core.sending.uploader_protocol import (
    SENDING,
    InvalidMessageError,
    Job,
    encode_delivery,
    encode_job,
    job_bytes,
    outcome_of,
    package_of,
    parse_delivery,
    parse_job,
)
from telemetryd.core.settings import Endpoint

BODY = b"{}".ljust(REPORT_BYTES)
JOB = Job("kde", "https://telemetry.example.org/v1/reports", developer=False, body=BODY, definition='{"purpose":"Größe"}', package="4c1a")
LINE = (
    b'{"endpoint":"kde","url":"https://telemetry.example.org/v1/reports","developer":false,"relay":"","definition":21,"package":"4c1a"}\n'
)
TEXT = '{"purpose":"Größe"}'.encode()


def test_job_bytes():
    """A job is one line of JSON, the definition's text and the report's bytes; the line says how long it is."""
    assert encode_job(JOB) == LINE + TEXT + BODY
    assert parse_job(LINE + TEXT + BODY) == JOB
    assert job_bytes(LINE) == len(encode_job(JOB))


def test_job_by_way_of_a_relay():
    """A job names the relay of the daemon's view."""
    job = JOB._replace(relay="https://relay.example/")
    assert encode_job(job) == LINE.replace(b'"relay":""', b'"relay":"https://relay.example/"') + TEXT + BODY
    assert parse_job(encode_job(job)) == job


@given(
    st.builds(
        Job,
        *(st.text(max_size=64), st.text(max_size=200), st.booleans(), st.binary(min_size=1024, max_size=1024)),
        *(st.text(max_size=200), st.text(max_size=200), st.text(max_size=64)),
    )
)
def test_jobs_come_back(job):
    """A written job is read unchanged."""
    assert parse_job(encode_job(job)) == job


@pytest.mark.parametrize(
    "job",
    [
        JOB._replace(body=BODY[:-1]),
        JOB._replace(body=BODY + b" "),
        JOB._replace(url="u" * JOB_LINE_MAX_BYTES),
        JOB._replace(definition="x" * (DEFINITION_MAX_BYTES + 1)),
    ],
)
def test_job_out_of_bounds(job):
    """A job of another size is not written."""
    with pytest.raises(InvalidMessageError):
        encode_job(job)


def test_jobs_at_their_bounds():
    """A line and a definition of exactly their bounds are written and read, and so is no definition; one byte more is not."""
    (short, *_) = encode_job(JOB).splitlines(keepends=True)
    longest = JOB._replace(url=JOB.url + "u" * (JOB_LINE_MAX_BYTES - len(short)))
    assert encode_job(longest).index(b"\n") + 1 == JOB_LINE_MAX_BYTES
    with pytest.raises(InvalidMessageError):
        encode_job(longest._replace(url=longest.url + "u"))
    for job in (longest, JOB._replace(definition="x" * DEFINITION_MAX_BYTES), JOB._replace(definition="")):
        data = encode_job(job)
        assert parse_job(data) == job
        assert job_bytes(data[: data.index(b"\n") + 1]) == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        LINE,
        BODY,
        LINE + TEXT + BODY + b" ",
        LINE + TEXT + BODY[1:],
        LINE + BODY,
        LINE.replace(b":21", b":20") + TEXT + BODY,
        LINE.replace(b":21", b":-21") + TEXT + BODY,
        LINE.replace(b":21", b":true") + TEXT + BODY,
        LINE + b"\xff" * 21 + BODY,
        b" " + LINE + TEXT + BODY,
        LINE.replace(b":false", b": false") + TEXT + BODY,
        LINE.replace(b"false", b"0") + TEXT + BODY,
        LINE.replace(b'"kde"', b"null") + TEXT + BODY,
        LINE.replace(b'"kde"', b'["kde"]') + TEXT + BODY,
        LINE.replace(b'"developer"', b'"Developer"') + TEXT + BODY,
        LINE.replace(b',"relay":""', b"") + TEXT + BODY,
        LINE.replace(b'""', b"null") + TEXT + BODY,
        LINE.replace(b',"package":"4c1a"', b"") + TEXT + BODY,
        LINE.replace(b'"4c1a"', b"7") + TEXT + BODY,
        LINE.replace(b"}", b',"more":1}') + TEXT + BODY,
        b"[" * 5000 + b"\n" + TEXT + BODY,
        b"[]\n" + TEXT + BODY,
        b"\xff\n" + TEXT + BODY,
    ],
)
def test_everything_else_is_no_job(data):
    """Bytes that `encode_job` does not give are not a job."""
    with pytest.raises(InvalidMessageError):
        parse_job(data)


@pytest.mark.parametrize("line", [b"", b"[]\n", LINE.replace(b'"definition":21', b'"definition":1e9'), LINE.replace(b"21", b"262145")])
def test_a_line_that_says_no_length(line):
    """A line cannot make the reader expect more than the bound."""
    with pytest.raises(InvalidMessageError):
        job_bytes(line)


UNEXPLAINED = (Result.HELD, Result.UNKNOWN)
"""Results that come with a cause."""


@given(
    st.builds(Delivery, st.sampled_from([result for result in Result if result not in UNEXPLAINED]), st.integers(0, 999), st.just(""))
    | st.builds(held_delivery, st.sampled_from(Hindrance))
    | st.builds(unknown_delivery, st.sampled_from(Hindrance))
)
def test_deliveries_come_back(delivery):
    """A written delivery is read unchanged."""
    assert parse_delivery(encode_delivery(delivery)) == delivery


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"accepted\n",
        b'{"result":"accepted","status":204,"hindrance":""}',
        b'{"result":"accepted","status":204,"hindrance":""}\n\n',
        b'{"result":"fine","status":204,"hindrance":""}\n',
        b'{"result":["accepted"],"status":204,"hindrance":""}\n',
        b'{"result":"accepted","status":1000,"hindrance":""}\n',
        b'{"result":"accepted","status":-1,"hindrance":""}\n',
        b'{"result":"accepted","status":true,"hindrance":""}\n',
        b'{"result":"accepted","status":"204","hindrance":""}\n',
        b'{"result":"retry","status":503,"hindrance":""}\n',
        b'{"result":"rejected","status":503,"retry_after_s":60,"hindrance":""}\n',
        b'{"result":"accepted"}\n',
        b'{"result":"accepted","status":204,"hindrance":"","more":1}\n',
        b'{"result":"accepted","status":204,"retry_after_s":null}\n',
        b'{"result":"accepted","status":204,"hindrance":"keys"}\n',
        b'{"result":"held","status":0,"hindrance":""}\n',
        b'{"result":"unknown","status":0,"hindrance":""}\n',
        b'{"result":"unknown","status":0,"hindrance":"/etc/kde.pem"}\n',
        b'{"result":"held","status":0,"hindrance":"/etc/kde.pem"}\n',
        b'{"result":"held","status":0,"hindrance":["keys"]}\n',
        b"[" * 5000,
    ],
)
def test_everything_else_is_no_delivery(data):
    """Bytes that `encode_delivery` does not give are not an outcome."""
    with pytest.raises(InvalidMessageError):
        parse_delivery(data)


ACCEPTED, REJECTED = Delivery(Result.ACCEPTED, 204), Delivery(Result.REJECTED, 503)
UNKNOWN, HELD = unknown_delivery(Hindrance.UPLOADER), held_delivery(Hindrance.CA_FILE)


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        (b"", held_delivery(Hindrance.UPLOADER)),
        (SENDING, UNKNOWN),
        (SENDING[:-1], UNKNOWN),
        (encode_delivery(Delivery(Result.REJECTED, 1)), UNKNOWN),
        (b"what no uploader says", UNKNOWN),
        (SENDING + encode_delivery(ACCEPTED), ACCEPTED),
        (SENDING + encode_delivery(REJECTED), REJECTED),
        (SENDING + encode_delivery(UNKNOWN), UNKNOWN),
        (SENDING + encode_delivery(ACCEPTED)[:-1], UNKNOWN),
        (SENDING + encode_delivery(ACCEPTED) * 2, UNKNOWN),
        (SENDING * 2 + encode_delivery(ACCEPTED), UNKNOWN),
        (SENDING + encode_delivery(HELD), UNKNOWN),
        (encode_delivery(HELD), HELD),
        (encode_delivery(REJECTED), UNKNOWN),
        (encode_delivery(Delivery(Result.REJECTED)), UNKNOWN),
        (encode_delivery(ACCEPTED), UNKNOWN),
        (encode_delivery(UNKNOWN), UNKNOWN),
    ],
)
def test_what_an_uploader_said(output, outcome):
    """Nothing is guessed: held only without a connection, the server's result only after `sending`, otherwise unknown."""
    assert outcome_of(output) == outcome


ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.example.org/", ca_file="/ca.pem", ohttp_keys="/kde.keys")


@pytest.mark.parametrize("word", Hindrance)
def test_what_the_user_is_told(word):
    """The problem of each hindrance names the vendor, and the file at fault, if any."""
    shown = problem(word.value, ENDPOINT)
    assert shown.file == {"keys": "/kde.keys", "ca-file": "/ca.pem"}.get(word, "")
    assert shown.text.startswith("[endpoint.kde] reports wait: ")
    assert len(shown.text.split()) <= 25


def test_a_word_of_a_later_version():
    """An unknown word of a later version refers to the journal, and is our own fault."""
    assert problem("unheard-of", ENDPOINT) == problem("uploader", ENDPOINT)
    assert is_problem("unheard-of")
    assert error_word("unheard-of", "queued") == "own"


def test_errors_of_the_history():
    """Each hindrance is one of the documented errors, and only the network's are no problem that somebody has to repair."""
    errors = {word: error_word(word, "queued") for word in Hindrance}
    assert set(errors.values()) == {"dns", "refused", "timeout", "tls-expired", "tls-authority", "tls-name", "keys", "own", "status"}
    assert set(errors.values()) == WORDS["error"].keys()
    assert errors[Hindrance.STRICT] == "tls-authority"
    assert {word for word in Hindrance if not is_problem(word)} == {"dns", "refused", "timeout", "answer", "interrupted", "proxy"}
    assert (error_word("", "accepted"), error_word("", "rejected"), error_word("dns", "dropped")) == ("", "status", "dns")
    assert [error_word("", outcome) for outcome in ("suspended", "unknown", "answered")] == ["", "", ""]
    assert error_word("of a later version", "queued") == "own"


def test_tries():
    """One try is kept for each day (UTC), the day's last, in order; days that a clock brings back take no more room."""
    tries = ()
    for moment, word in ((2 * DAY_S + 5, "dns"), (2 * DAY_S + 9, "refused"), (DAY_S, "timeout"), (3 * DAY_S - 1, "keys")):
        tries = with_try(tries, moment, word)
    assert tries == ((DAY_S, "timeout"), (2 * DAY_S, "keys"))
    assert (error_of_last_try(tries), error_of_last_try(())) == ((2 * DAY_S, "keys"), None)


def test_what_the_uploader_does_not_inherit():
    """Variables that can spy on the uploader or run code in it are dropped; those that it needs stay."""
    kept = {"HOME": "/home/me", "XDG_CONFIG_HOME": "/home/me/.config", "DO_NOT_TRACK": "1", "TELEMETRYD_CONFIG_DIRS": "/etc", "LANG": "de"}
    dropped = ["SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "QLOGDIR"]
    dropped += ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE", "HOSTALIASES"]
    assert uploader_environment(kept | dict.fromkeys(dropped, "/tmp/x")) == kept


@pytest.mark.parametrize(
    ("data", "package"),
    [
        (LINE, "4c1a"),
        (LINE + TEXT + BODY, "4c1a"),
        (b'{"package":"b","a job of 2040":[1,2]}\nand anything', "b"),
        (b'{"package":""}\n', ""),
        (b'{"package":7}\n', None),
        (b'{"endpoint":"kde"}\n', None),
        (b"[]\n", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_package_of_any_version(data, package):
    """Whose job it is can be read in a job of any version, so that an uploader of another one knows why it cannot read the rest."""
    assert package_of(data) == package
