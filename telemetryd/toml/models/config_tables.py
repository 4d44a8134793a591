"""Configuration files, and reviews and stops, as they are written in TOML.

Annotations are read at run time here, hence no `from __future__ import annotations`. Policy: C4, C6, C7, R1, R2.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from telemetryd.core.signoffs import StopReason
from telemetryd.toml import fields
from telemetryd.toml.fields import LINE, PATH, URL
from telemetryd.toml.models.base import ApplicationId, Id, Line, PageUrl, Strict

EndpointUrl = Annotated[str, Field(max_length=URL), AfterValidator(fields.endpoint_url)]
RelayUrl = Annotated[str, Field(max_length=URL), AfterValidator(fields.relay_url)]
ResultsUrl = Annotated[str, Field(max_length=LINE), AfterValidator(fields.results_url)]
FilePath = Annotated[str, Field(max_length=PATH), AfterValidator(fields.file_path)]
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
    results: ResultsUrl = ""
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


class ReviewTable(Strict):
    """`[[review]]`."""

    application: ApplicationId
    question: Id
    definition: Annotated[str, AfterValidator(fields.digest)]
    reviewers: Annotated[list[Line], AfterValidator(fields.two_people)]
    record: PageUrl
    date: date


class StopTable(Strict):
    """`[[stop]]`."""

    application: ApplicationId
    question: Id
    reason: Annotated[StopReason, Field(strict=False)]
    date: date
    text: Line = ""


class ReviewsFile(Strict):
    """One file of reviews and stops."""

    review: list[ReviewTable] = Field(default_factory=list)
    stop: list[StopTable] = Field(default_factory=list)
