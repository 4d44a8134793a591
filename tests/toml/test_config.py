from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.permission.signoffs import EVERYONE, Review, Stop, StopReason
from telemetryd.core.settings import Endpoint
from telemetryd.errors import InvalidFileError
from telemetryd.toml.config import concerned_applications, parse_configuration, parse_reviews
from telemetryd.toml.tables import Row

DIGEST = "sha256:" + "9f2c" * 16
REVIEW = f"""
[[review]]
application = "org.kde.kate"
question = "startup-by-memory"
definition = "{DIGEST}"
reviewers = ["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"]
record = "https://mail.example.org/review/42#note"
date = 2026-11-20
"""
STOP = """
[[stop]]
application = "org.kde.kate"
question = "startup-by-memory"
reason = "answered"
date = 2027-02-01
"""


def endpoint(url, **more):
    """The text of a configuration with one endpoint."""
    lines = [f'{key} = "{value}"' for key, value in {"name": "KDE", "url": url, **more}.items()]
    return "\n".join(["[endpoint.kde]", *lines])


def refusal(text):
    """The error's text for a configuration."""
    with pytest.raises(InvalidFileError) as caught:
        parse_configuration(text)
    return str(caught.value)


def review_refusal(text):
    """The error's text for a reviews.d file."""
    with pytest.raises(InvalidFileError) as caught:
        parse_reviews(text, "kde.toml")
    return str(caught.value)


def plainly(value):
    """A row and its contents as plain data."""
    if isinstance(value, Row):
        return {key: plainly(item) for key, item in vars(value).items() if key != "texts"}
    return {key: plainly(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_empty_configuration():
    """An empty file sets nothing."""
    empty = parse_configuration("")
    assert empty.enabled is empty.limits.system is None
    assert empty.endpoint == {}


def test_whole_configuration():
    """Every key that a configuration can have is read."""
    text = """
        enabled = true
        developer = false
        idle_exit_minutes = 5
        budget_source = 4.0
        budget_year = 16
        budget_epsilon = 64.0
        [limits]
        system = 1
        usage = 0
        new_questions = "ask"
        [endpoint.kde]
        name = "KDE"
        url = "https://telemetry.example.org/v1/reports"
        format = "otlp"
        ca_file = "/etc/ssl/certs/kde.pem"
        results = "https://example.org/results"
        ohttp_relay = "https://Relay.example.net"
        ohttp_keys = "/etc/telemetryd/kde.keys"
        share = 0.46
        proxy = "http://Proxy.example.net:3128/"
    """
    assert plainly(parse_configuration(text)) == {
        "enabled": True,
        "developer": False,
        "idle_exit_minutes": 5.0,
        "budget_source": 4.0,
        "budget_year": 16.0,
        "budget_epsilon": 64.0,
        "limits": {"system": 1, "usage": 0, "new_questions": "ask"},
        "endpoint": {
            "kde": {
                "name": "KDE",
                "url": "https://telemetry.example.org/v1/reports",
                "format": "otlp",
                "ca_file": "/etc/ssl/certs/kde.pem",
                "results": "https://example.org/results",
                "ohttp_relay": "https://relay.example.net/",
                "ohttp_keys": "/etc/telemetryd/kde.keys",
                "share": 0.46,
                "proxy": "http://proxy.example.net:3128",
            }
        },
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("enabled = false\nenable = false", "enable: unknown key; known keys: enabled, developer, "),
        ('enabled = "false"', "enabled: expected true or false"),
        ("enabled = 0", "enabled: expected true or false"),
        ("idle_exit_minutes = -1", "idle_exit_minutes: expected a finite number of at least 0"),
        ("idle_exit_minutes = inf", "idle_exit_minutes: expected a finite number"),
        ("budget_year = nan", "budget_year: expected"),
        ("budget_year = 1" + 400 * "0", "budget_year: expected a finite number of at least 0"),
        ("limits = 3", "limits: expected a table"),
        ("[limits]\nsystem = 3", "[limits]: system: expected a whole number from 0 to 2"),
        ("[limits]\nsystem = true", "[limits]: system: expected a whole number from 0 to 2"),
        ('[limits]\nnew_questions = "never"', "[limits]: new_questions: expected 'refuse', 'ask' or 'accept'"),
        ("[limits]\nlevel = 1", "[limits]: level: unknown key; known keys: system, usage, new_questions"),
        ("endpoint = 3", "endpoint: expected a table"),
        ("endpoint.kde = 3", "[endpoint]: kde: expected a table"),
        ('[endpoint.kde]\nname = "KDE"', "[endpoint.kde]: url: is missing"),
        ('[endpoint."K D"]\nname = "K"\nurl = "https://a.org"', "[endpoint.(a key with other characters)]: expected an id"),
        (endpoint("https://a.org", user="x"), "[endpoint.kde]: user: unknown key; known keys: name, url, format, ca_file, results"),
        (endpoint("https://a.org", format="xml"), "[endpoint.kde]: format: expected 'report', 'otlp' or 'kuserfeedback'"),
        (endpoint("https://a.org", ca_file="kde.pem"), "[endpoint.kde]: ca_file: expected an absolute path"),
        (endpoint("https://a.org", ohttp_keys="kde.keys"), "[endpoint.kde]: ohttp_keys: expected an absolute path"),
        (endpoint("https://a.org", ohttp_relay="http://localhost/"), "[endpoint.kde]: ohttp_relay: expected an https: URL with a host"),
        (endpoint("https://a.org", ohttp_relay="https://me@b.org/"), "[endpoint.kde]: ohttp_relay: expected an https: URL with a host"),
        (endpoint("https://a.org", results="http://a.org"), "[endpoint.kde]: results: expected an https: URL"),
        (endpoint("https://a.org", share="1"), "[endpoint.kde]: share: expected a number, without quotes"),
        (endpoint("https://a.org", name=""), "[endpoint.kde]: name: expected one line of text"),
        ("enabled = tru", "not valid TOML: line 1, column 11: Invalid value"),
        ("enabled = ", "not valid TOML: "),
    ],
)
def test_wrong_configuration(text, error):
    """An invalid configuration gives an error with the place and what was expected."""
    assert refusal(text).startswith(error)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://telemetry.example.org/v1/reports", None),
        ("https://Telemetry.EXAMPLE.org:443/V1", "https://telemetry.example.org/V1"),
        ("HTTPS://a.org:8443", "https://a.org:8443/"),
        ("http://127.0.0.1:8080/x?y=z", None),
        ("http://localhost:80/", "http://localhost/"),
        ("http://[::1]:9/", None),
        ("https://a.org:80/", None),
        ("https://a.org:65535/", None),
    ],
)
def test_endpoint_url(url, kept):
    """An endpoint's URL is normalised, because budgets belong to the host."""
    written = parse_configuration(endpoint(url)).endpoint["kde"]
    assert written.url == (kept or url)
    assert "/" not in Endpoint("kde", "KDE", written.url).host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.org/",
        "https:///x",
        "https://",
        "https:a.org",
        "https://user@a.org/",
        "https://user:word@a.org/",
        "https://a.org@evil.example/",
        "https://a.org/#x",
        "https://a.org#x",
        "https://a.org?x",
        "https://a.org/a b",
        "https://a.org/ä",
        "https://ä_b.org/",
        "https://ä.org/ö",
        "https://ä@b.org/",
        "https://a..org/",
        "https://a.org./",
        "https://.a.org/",
        "https://a.org:0/",
        "https://a.org:65536/",
        "https://a.org:x/",
        "https://a.org:/",
        "https://a.org\\\\@b.org/",
        "https://a.org/\\n",
        "https://a_b.org/",
        " https://a.org/",
        "https://a.org/\\u0000",
    ],
)
def test_no_endpoint_url(url):
    """A URL without a host, with a user name, a fragment or invalid characters is refused."""
    assert "[endpoint.kde]: url: expected an https: URL with a host" in refusal(endpoint(url))


def test_long_url():
    """An endpoint's URL has at most 1,000 characters."""
    assert refusal(endpoint("https://a.org/" + "x" * 1000)) == "[endpoint.kde]: url: expected at most 1000 characters"


def test_reviews_and_stops():
    """A reviews.d file gives its reviews and stops, each with the name of the file."""
    key = ("org.kde.kate", "startup-by-memory")
    reviewers = ("Ada Example <ada@example.org>", "Bo Example <bo@example.org>")
    review = Review(*key, DIGEST, reviewers, "https://mail.example.org/review/42#note", date(2026, 11, 20), "kde.toml")
    stop = Stop(*key, StopReason.ANSWERED, date(2027, 2, 1), "kde.toml")
    assert parse_reviews(REVIEW + STOP + STOP.replace("answered", "suspended"), "kde.toml") == (
        [review],
        [stop, stop._replace(reason=StopReason.SUSPENDED)],
    )
    assert parse_reviews(STOP + 'text = "It told rare machines apart."\n', "kde.toml")[1] == [
        stop._replace(text="It told rare machines apart.")
    ]
    assert parse_reviews("", "kde.toml") == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"org.kde.kate"', '"kate"', "[[review]] number 1: application: expected an application id"),
        ('"startup-by-memory"', '"Startup"', "[[review]] number 1: question: expected an id"),
        (DIGEST, DIGEST[:-1], "[[review]] number 1: definition: expected sha256: and 64 hex digits"),
        (DIGEST, DIGEST.upper(), "[[review]] number 1: definition: expected sha256: and 64 hex digits"),
        ("https://mail", "http://mail", "[[review]] number 1: record: expected an https: URL"),
        ("2026-11-20", '"2026-11-20"', "[[review]] number 1: date: expected a date without quotes, such as 2026-11-24"),
        ("2026-11-20", "2026-11-20T10:00:00", "[[review]] number 1: date: expected a date without a time"),
        ("2026-11-20", "2026-11-20T10:00:00Z", "[[review]] number 1: date: expected a date without a time"),
        ("2026-11-20", "2026-11-31", "not valid TOML: line 8, column 8: Invalid date or datetime"),
        ("date = 2026-11-20", "", "[[review]] number 1: date: is missing"),
        ("record", "records", "[[review]] number 1: records: unknown key; known keys: application, question, definition, "),
        ("[[review]]", "[review]", "[review]: expected a list"),
        ("[[review]]", "[[reviews]]", "reviews: unknown key; known keys: review, stop"),
    ],
)
def test_wrong_reviews(old, new, error):
    """One invalid review makes the whole file invalid; the error names the place and what was expected."""
    assert old in REVIEW
    assert review_refusal(STOP + REVIEW.replace(old, new, 1)).replace("line 14", "line 8").startswith(error)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"answered"', '"over"', "[[stop]] number 2: reason: expected 'answered' or 'suspended'"),
        ("2027-02-01", "2027-02-01T00:00:00", "[[stop]] number 2: date: expected a date"),
        ("question =", "questions =", "[[stop]] number 2: questions: unknown key"),
        ("date =", 'text = ""\ndate =', "[[stop]] number 2: text: expected one line of text"),
    ],
)
def test_wrong_stops(old, new, error):
    """One invalid stop makes the whole file invalid too."""
    assert review_refusal(REVIEW + STOP + STOP.replace(old, new)).startswith(error)


@pytest.mark.parametrize(
    ("reviewers", "people"),
    [
        ([], 0),
        (["Ada <ada@example.org>"], 1),
        (["Ada <ada@example.org>", "ada <ADA@example.org>"], 1),
        (["Ada <ada@example.org>", "A. Example <ada@example.org>"], 1),
        (["Ada <ada@example.org>", "Ada <ada@example.com>"], 1),
        (["Ada <ada@example.org>", "ada@example.org"], 1),
        (["Ada <ada@a.org>", "Bo <ada@a.org>", "Ada <bo@a.org>"], 1),
        (["Bo <b@a.org>", "Bo <c@a.org>", "Cy <c@a.org>", "Cy <d@a.org>"], 1),
        (["STRASSE", "Straße"], 1),
        (["...", "!"], 0),
        (["Ada <ada@example.org>", "?"], 1),
        (["Ada <ada@example.org>", "Bo <bo@example.org>"], 2),
        (["Ada", "Bo"], 2),
        (["ada@example.org", "bo@example.org"], 2),
        (["Ada <a@a.org>", "ada <a@b.org>", "Bo"], 2),
    ],
)
def test_two_people(reviewers, people):
    """A review needs two people; two spellings of a name or address are one person (R1)."""
    text = REVIEW.replace('["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"]', str(reviewers).replace("'", '"'))
    if people == 2:
        assert len(parse_reviews(text, "")[0]) == 1
    else:
        assert review_refusal(text) == "[[review]] number 1: reviewers: expected two or more different people"


@given(st.text(max_size=200) | st.integers(0, len(REVIEW)).map(lambda cut: REVIEW[:cut] + "= [\n" + REVIEW[cut:]))
def test_no_text_is_another_error(text):
    """Any text is either read or refused with InvalidFileError."""
    for parse in (parse_configuration, lambda text: parse_reviews(text, "")):
        with suppress(InvalidFileError):
            parse(text)


def entry(kind, application):
    """An invalid entry of a file of reviews and stops."""
    return f'[[{kind}]]\napplication = "{application}"\n'


@pytest.mark.parametrize(
    ("text", "applications"),
    [
        (entry("review", "org.kde.kate"), {"org.kde.kate"}),
        (entry("review", "org.kde.kate") + entry("stop", "org.kde.ark") + entry("stop", "org.kde.kate"), {"org.kde.kate", "org.kde.ark"}),
        (entry("review", "org.kde.kate").replace("[[", "[").replace("]]", "]"), {"org.kde.kate"}),
        ("".join(entry("review", f"org.example.app{number}") for number in range(300)), {f"org.example.app{n}" for n in range(300)}),
        (entry("review", "org.kde.kate") + "[[stop]]", {EVERYONE}),
        (entry("review", "org.kde.kate") + entry("stop", "kate"), {EVERYONE}),
        (entry("review", "org.kde.kate") + "[[stop]]\napplication = 3", {EVERYONE}),
        ("schema = 1\n" + entry("review", "org.kde.kate"), {EVERYONE}),
        ("review = [1]", {EVERYONE}),
        (entry("review", "org.kde.kate") + "[[", {EVERYONE}),
        ("", {EVERYONE}),
    ],
)
def test_concerned_applications(text, applications):
    """An invalid file concerns the applications that it names; if any entry names none, or the end may be lost, it concerns everyone."""
    assert concerned_applications(text) == applications


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example:3128",
        "socks5://proxy.example:1080",
        "proxy.example:3128",
        "http://",
        "http://proxy.example:0",
        "http://proxy.example:65536",
        "http://proxy.example/proxy.pac",
        "http://proxy.example:3128?x",
        "http://ada:hidden-word@proxy.example:3128",
        "http://ada@proxy.example:3128",
        "http://proxy example:3128",
        "",
    ],
)
def test_proxies_that_cannot_be(url):
    """A proxy is an http: URL of a host and a port. A password is refused, because any program reads the file; the text repeats none."""
    text = refusal(endpoint("https://telemetry.kde.example/", proxy=url))
    assert "expected an http: URL of a host and a port, without a user name, a password and a path" in text
    assert "hidden-word" not in text
