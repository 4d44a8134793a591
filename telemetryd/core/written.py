"""Configuration files, and reviews and stops, as they are written in TOML.

Annotations are read at run time here, hence no `from __future__ import annotations`. Policy: C4, C6, C7, R1, R2.
"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from telemetryd.core.reviews import Review, Stop, StopReason
from telemetryd.core.strict import HOST, ApplicationId, Id, Line, PageUrl, Strict, matching, read, refused
from telemetryd.errors import InvalidFileError

_URL = re.compile(rf"(https?)://({HOST})(:[0-9]{{1,5}})?(/[^#\\\"<>^`{{|}}]*)?", re.ASCII | re.IGNORECASE)
_MAIL = re.compile(r"[^\s<>()\"]+@[^\s<>()\"]+")


def _endpoint_url(url: str) -> str:
    """The scheme and host in lower case, without the default port: a budget is kept for the host, and one host has one text."""
    found = _URL.fullmatch(url)
    if not found or not re.fullmatch(r"[!-~]+", url) or int((found[3] or ":443")[1:]) not in range(1, 65536):
        raise refused("a https: URL with a host, without a user name and without a fragment")
    scheme, host, port = found[1].lower(), found[2].lower(), found[3] or ""
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host}{'' if port == default else port}{found[4] or '/'}"


def _relay_url(url: str) -> str:
    """Never http, not even in developer mode: the relay's certificate is all that says who sees the user's address. Policy: C7."""
    if not (kept := _endpoint_url(url)).startswith("https:"):
        raise refused("a https: URL with a host, without a user name and without a fragment")
    return kept


def _person(reviewer: str) -> tuple[str, str]:
    """A reviewer's name and mail address, for comparing; one of them may be empty."""
    mail = _MAIL.search(reviewer)
    name = " ".join(re.findall(r"\w+", _MAIL.sub("", reviewer).casefold()))
    return name, mail[0].casefold() if mail else ""


def _two_people(reviewers: list[str]) -> list[str]:
    """Who shares a name or an address with somebody is the same person, also by way of a third. Policy: R1."""
    others = {_person(reviewer) for reviewer in reviewers} - {("", "")}
    found = {others.pop()} if others else set()
    while same := {one for one in others for known in found if any(a and a == b for a, b in zip(one, known, strict=True))}:
        found |= same
        others -= same
    if not others:
        raise refused("two or more different people")
    return reviewers


EndpointUrl = Annotated[str, Field(max_length=1000), AfterValidator(_endpoint_url)]
RelayUrl = Annotated[str, Field(max_length=1000), AfterValidator(_relay_url)]
FilePath = Annotated[str, Field(max_length=4096), matching(r"/[^\0]+", "an absolute path")]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Level = Annotated[int, Field(ge=0, le=2)]


class Limits(Strict):
    """`[limits]`: an administrator's ceilings."""

    system: Level | None = None
    usage: Level | None = None
    new_questions: Literal["refuse", "ask", "accept"] | None = None


class EndpointTable(Strict):
    """`[endpoint.VENDOR]`: whether its format and plain http are supported, and its keys go together, is for the caller to say."""

    name: Line
    url: EndpointUrl
    format: Literal["report", "otlp", "kuserfeedback"] = "report"
    ca_file: FilePath = ""
    results: PageUrl = ""
    ohttp_relay: RelayUrl = ""
    ohttp_keys: FilePath = ""


class ConfigurationFile(Strict):
    """One configuration file; what is None was not said."""

    enabled: bool | None = None
    developer: bool | None = None
    idle_exit_minutes: NotNegative | None = None
    budget_source: NotNegative | None = None
    budget_year: NotNegative | None = None
    budget_epsilon: NotNegative | None = None
    limits: Limits = Limits()
    endpoint: dict[Id, EndpointTable] = Field(default_factory=dict)


class _ReviewTable(Strict):
    application: ApplicationId
    question: Id
    definition: Annotated[str, matching(r"sha256:[0-9a-f]{64}", "sha256: and 64 hex digits, as `telemetryctl show` prints them")]
    reviewers: Annotated[list[Line], AfterValidator(_two_people)]
    record: PageUrl
    date: date


class _StopTable(Strict):
    application: ApplicationId
    question: Id
    reason: Annotated[StopReason, Field(strict=False)]
    date: date


class _ReviewsFile(Strict):
    review: list[_ReviewTable] = Field(default_factory=list)
    stop: list[_StopTable] = Field(default_factory=list)


def parse_configuration(text: str) -> ConfigurationFile:
    """One configuration file's text; raises InvalidFileError, upon which the caller fails closed."""
    return read(ConfigurationFile, text, InvalidFileError)


def parse_reviews(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of one file's text, marked with the file's name; one that is wrong makes the whole file an InvalidFileError."""
    written = read(_ReviewsFile, text, InvalidFileError)
    reviews = [
        Review(one.application, one.question, one.definition, tuple(one.reviewers), one.record, one.date, file) for one in written.review
    ]
    return reviews, [Stop(one.application, one.question, one.reason, one.date, file) for one in written.stop]
