"""The keys of configuration files and of files of reviews and stops, with their types and defaults.

Policy: C4, C6, C7, R1, R2.
"""

from __future__ import annotations

from telemetryd.core.permission.signoffs import StopReason
from telemetryd.toml import fields
from telemetryd.toml.fields import LINE, PATH, URL
from telemetryd.toml.tables import Table, TableKey, Tables
from telemetryd.toml.value_kinds import Day, Flag, Integer, List, Map, Number, Text, Word

_HIGHEST_LEVEL = 2

_id = Text(fields.identifier)
_application_id = Text(fields.application_id)
_path = Text(fields.file_path, PATH)
_number = Number(fields.not_negative)
_level = Integer(0, _HIGHEST_LEVEL)
line = Text(fields.line, LINE)
page_url = Text(fields.page_url, LINE)
reviewers = List(line, fields.two_people)

LIMITS = Table(
    "Limits",
    {
        "system": TableKey(_level, default=None),
        "usage": TableKey(_level, default=None),
        "new_questions": TableKey(Word("refuse", "ask", "accept"), default=None),
    },
    about="`[limits]`: an administrator's ceilings.",
)
ENDPOINT = Table(
    "EndpointTable",
    {
        "name": TableKey(line),
        "url": TableKey(Text(fields.endpoint_url, URL)),
        "format": TableKey(Word("report", "otlp", "kuserfeedback"), default="report"),
        "ca_file": TableKey(_path, default=""),
        "results": TableKey(Text(fields.results_url, LINE), default=""),
        "ohttp_relay": TableKey(Text(fields.relay_url, URL), default=""),
        "ohttp_keys": TableKey(_path, default=""),
        "share": TableKey(Number(fields.sampling_share), default=1.0),
        "proxy": TableKey(Text(fields.proxy_url, URL), default=""),
    },
    about="`[endpoint.VENDOR]`: the caller checks the format, plain http, the combination of keys and whose file has a proxy.",
)
CONFIGURATION = Table(
    "ConfigurationFile",
    {
        "enabled": TableKey(Flag(), default=None),
        "developer": TableKey(Flag(), default=None),
        "idle_exit_minutes": TableKey(_number, default=None),
        "budget_source": TableKey(_number, default=None),
        "budget_year": TableKey(_number, default=None),
        "budget_epsilon": TableKey(_number, default=None),
        "limits": TableKey(LIMITS, default=LIMITS.read({})),
        "endpoint": TableKey(Map(_id, ENDPOINT), default={}),
    },
    about="One configuration file; None stands for an absent key.",
)

REVIEW = Table(
    "ReviewTable",
    {
        "application": TableKey(_application_id),
        "question": TableKey(_id),
        "definition": TableKey(Text(fields.digest)),
        "reviewers": TableKey(reviewers),
        "record": TableKey(page_url),
        "date": TableKey(Day()),
    },
    about="`[[review]]`.",
)
STOP = Table(
    "StopTable",
    {
        "application": TableKey(_application_id),
        "question": TableKey(_id),
        "reason": TableKey(Word(enum=StopReason)),
        "date": TableKey(Day()),
        "text": TableKey(line, default=""),
    },
    about="`[[stop]]`.",
)
REVIEWS = Table(
    "ReviewsFile",
    {"review": TableKey(Tables(REVIEW), default=()), "stop": TableKey(Tables(STOP), default=())},
    about="One file of reviews and stops.",
)
