"""Merges all configuration files in force into the settings. The strictest value wins, or the first file.

`system.installed` reads the files, and `config` parses each. Policy: C4, C6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.settings import Budgets, Endpoint, KillSwitch, Lock, Origin, Problem, Settings
from telemetryd.errors import InvalidFileError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.toml.tables import Row

_NEW_QUESTIONS = {"refuse": 0, "ask": 1, "accept": 2}
_NO_LIMIT = 2
_FORMAT = "report"
"""The only format of the uploader's reports."""
_NOT_SET = {"", "0", "false", "no"}
"""Values of DO_NOT_TRACK, in lower case, that do not switch telemetry off; all others do."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_LOOPBACK = rf"https?://(?:localhost|\[::1\]|127(?:\.{_OCTET}){{3}})(?::\d+)?/.*"
"""Normal URLs of this machine. 127.0.0.256 is a host name and may lead elsewhere. It is not compiled here, because many starts have no
endpoint."""


class ConfigFile(NamedTuple):
    """One configuration file in force. `content` is None if the file has a `problem`; without both it has no effect."""

    path: str
    origin: Origin
    content: Row | None
    problem: str = ""


class ForeignFile(NamedTuple):
    """One of KUserFeedback's files: its text, or the problem in reading it."""

    path: str
    text: str
    problem: str = ""


def merge(files: Sequence[ConfigFile], *, do_not_track: str, kuserfeedback: Sequence[ForeignFile]) -> Settings:
    """The settings of all files. It never fails: an unreadable file becomes a kill switch.

    `files` are in the order of precedence. The first file wins; for `enabled`, limits and budgets the strictest value wins. `do_not_track`
    is the value of the variable, or "".
    """
    contents = [(file, file.content) for file in files if file.content is not None]
    verdicts = [_judge(file) for file in kuserfeedback]
    unreadable = [Problem(file.path, file.problem) for file in files if file.problem]
    unreadable += [Problem(file.path, file.problem) for file in verdicts if file.problem]
    switches = [KillSwitch("enabled", file.path) for file, content in contents if content.enabled is False]
    switches += [KillSwitch("unreadable", problem.file) for problem in unreadable]
    if do_not_track.lower() not in _NOT_SET:
        switches.append(KillSwitch("DO_NOT_TRACK", ""))
    switches += [KillSwitch("kuserfeedback", file.path) for file in verdicts if file.is_off]
    users = [content for file, content in contents if file.origin is Origin.USER]
    is_developer = next((content.developer for content in users if content.developer is not None), False)
    problems = [*unreadable, *_misplaced_keys(contents)]
    return Settings(
        kill_switches=tuple(switches),
        locks=tuple(_locks(contents)),
        endpoints=_endpoints(contents, problems, is_developer=is_developer),
        developer=is_developer,
        idle_exit_minutes=_idle_exit_minutes(contents),
        budgets=_budgets(contents, problems),
        problems=tuple(problems),
    )


_Contents = list[tuple[ConfigFile, "Row"]]


class _Verdict(NamedTuple):
    path: str
    problem: str
    is_off: bool


def _judge(file: ForeignFile) -> _Verdict:
    if file.problem:
        return _Verdict(file.path, file.problem, is_off=False)
    from telemetryd.toml.kconfig import is_switched_off  # noqa: PLC0415 - most starts find no such file

    try:
        return _Verdict(file.path, "", is_switched_off(file.text))
    except InvalidFileError as error:
        return _Verdict(file.path, str(error), is_off=False)


def _misplaced_keys(contents: _Contents) -> Iterator[Problem]:
    """Keys that do not belong to this kind of file."""
    for file, content in contents:
        if file.origin is Origin.SYSTEM and content.developer is not None:
            yield problem_of(file.path, ProblemCause.DEVELOPER_IN_SYSTEM)
        if file.origin is Origin.USER and _limits(content):
            yield problem_of(file.path, ProblemCause.USERS_LIMITS)


def _limits(content: Row) -> dict[str, int]:
    limits = content.limits
    new_questions = None if limits.new_questions is None else _NEW_QUESTIONS[limits.new_questions]
    levels = {"system": limits.system, "usage": limits.usage, "new_questions": new_questions}
    return {setting: level for setting, level in levels.items() if level is not None}


def _locks(contents: _Contents) -> Iterator[Lock]:
    for file, content in contents:
        for setting, limit in _limits(content).items():
            if limit < _NO_LIMIT:
                yield Lock(setting, limit, file.path, file.origin)


def _endpoints(contents: _Contents, problems: list[Problem], *, is_developer: bool) -> tuple[Endpoint, ...]:
    """The endpoint of each vendor. The first system file that names a vendor decides, even if its endpoint is refused.

    In developer mode only loopback endpoints count, and a user's file may name some. Policy: C6, C7.
    """
    endpoints: dict[str, Endpoint] = {}
    decided: set[tuple[Origin, str]] = set()
    for file, content in contents:
        for vendor, table in content.endpoint.items():
            if vendor in endpoints or (file.origin, vendor) in decided:
                continue
            decided.add((file.origin, vendor))
            is_loopback = all(re.fullmatch(_LOOPBACK, url, re.ASCII) for url in (table.url, table.ohttp_relay) if url)
            may_stay_here = is_developer and is_loopback
            objection = _objection(table, file.origin, may_stay_here=may_stay_here)
            if objection:
                problems.append(problem_of(file.path, objection, vendor=vendor, **_arguments(objection, table)))
            elif is_loopback or not is_developer:
                endpoints[vendor] = _endpoint(vendor, table)
    return tuple(endpoints.values())


def _endpoint(vendor: str, table: Row) -> Endpoint:
    return Endpoint(
        *(vendor, table.name, table.url, table.format, table.ca_file, table.results),
        ohttp_relay=table.ohttp_relay,
        ohttp_keys=table.ohttp_keys,
        share=float(table.share),
        proxy=table.proxy,
    )


def _non_ascii_hosts(table: Row) -> list[str]:
    """The keys of hosts in non-ASCII letters. They reject only the endpoint, so that an umlaut does not switch telemetry off."""
    return [key for key in ("url", "ohttp_relay", "results") if not getattr(table, key).isascii()]


def _objection(table: Row, origin: Origin, *, may_stay_here: bool) -> ProblemCause | None:
    """Why an endpoint is refused, if it is."""
    if _non_ascii_hosts(table):
        return ProblemCause.HOST_LETTERS
    if origin is Origin.USER and not may_stay_here:
        return ProblemCause.USERS_ENDPOINT
    return _url_objection(table, may_stay_here=may_stay_here) or _proxy_objection(table, origin, may_stay_here=may_stay_here)


def _url_objection(table: Row, *, may_stay_here: bool) -> ProblemCause | None:
    if table.format != _FORMAT:
        return ProblemCause.FORMAT
    if table.url.startswith("http:") and not may_stay_here:
        return ProblemCause.PLAIN_HTTP
    if bool(table.ohttp_relay) is not bool(table.ohttp_keys):
        return ProblemCause.HALF_RELAY
    if table.ohttp_relay and not may_stay_here and _host_name(table.ohttp_relay) == _host_name(table.url):
        return ProblemCause.RELAY_HOST
    return None


def _proxy_objection(table: Row, origin: Origin, *, may_stay_here: bool) -> ProblemCause | None:
    if table.proxy and origin is Origin.USER:
        return ProblemCause.USERS_PROXY
    return ProblemCause.PROXY_IN_DEVELOPER if table.proxy and may_stay_here else None


def _arguments(objection: ProblemCause, table: Row) -> dict[str, str]:
    """What the sentence about a refused endpoint says besides its vendor."""
    match objection:
        case ProblemCause.HOST_LETTERS:
            return {"keys": ", ".join(_non_ascii_hosts(table))}
        case ProblemCause.FORMAT:
            return {"format": _FORMAT}
        case _:
            return {}


def _host_name(url: str) -> str:
    """The host of a normal URL, without its port."""
    return re.sub(r":\d+$", "", url.split("/")[2])


def _idle_exit_minutes(contents: _Contents) -> float | None:
    """The idle time of the first file that has one; the user's file comes first."""
    users_first = sorted(contents, key=lambda entry: entry[0].origin is not Origin.USER)
    return next((content.idle_exit_minutes for _, content in users_first if content.idle_exit_minutes is not None), None)


def _budgets(contents: _Contents, problems: list[Problem]) -> Budgets:
    """The lowest caps of all files. A value above our own cap has no effect."""
    lowest = dict(zip(("budget_source", "budget_year", "budget_epsilon"), Budgets(), strict=True))
    highest = dict(lowest)
    for file, content in contents:
        for key, cap in highest.items():
            value = getattr(content, key)
            if value is None:
                continue
            if value > cap:
                problems.append(problem_of(file.path, ProblemCause.CAP, key=key, cap=str(cap)))
            lowest[key] = min(lowest[key], value)
    return Budgets(*lowest.values())
