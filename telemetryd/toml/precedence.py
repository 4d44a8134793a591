"""All configuration files in force become the settings; of two that differ the strictest value wins, or the first file.

Reading the files is `system.installed`'s work; checking one file's text is `config`'s. Policy: C4, C6.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.settings import Budgets, Endpoint, KillSwitch, Lock, Problem, Settings
from telemetryd.errors import InvalidFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.toml.models.config_tables import ConfigurationFile, EndpointTable

_NEW_QUESTIONS = {"refuse": 0, "ask": 1, "accept": 2}
_NO_LIMIT = 2
_FORMAT = "report"
"""The one format of reports that the uploader writes."""
_NOT_SET = {"", "0", "false", "no"}
"""Values of DO_NOT_TRACK, in any case, that do not mean it; all others do."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_LOOPBACK = rf"https?://(?:localhost|\[::1\]|127(?:\.{_OCTET}){{3}})(?::\d+)?/.*"
"""Of the URLs as `toml.fields` leaves them, those that stay on this machine; 127.0.0.256 is a name and goes elsewhere. A start without
endpoints need not compile it."""


class Origin(Enum):
    """Who wrote a configuration file."""

    SYSTEM = auto()
    USER = auto()


class ConfigFile(NamedTuple):
    """One configuration file in force: what it says, or (content is None) the problem for which nobody knows; neither says nothing."""

    path: str
    origin: Origin
    content: ConfigurationFile | None
    problem: str = ""


class ForeignFile(NamedTuple):
    """One of KUserFeedback's files: its text, or the problem for which nobody knows it."""

    path: str
    text: str
    problem: str = ""


def merge(files: Sequence[ConfigFile], *, do_not_track: str, kuserfeedback: Sequence[ForeignFile]) -> Settings:
    """What all files in force say together; never fails: what nobody knows is a kill switch.

    `files` are in the order of precedence, the first one wins where files name one thing differently; `enabled`, limits and budgets are the
    strictest of all. `do_not_track` is the variable's value, "" if it is not set.
    """
    said = [(file, file.content) for file in files if file.content is not None]
    judged = [_judge(file) for file in kuserfeedback]
    unreadable = [Problem(file.path, file.problem) for file in files if file.problem]
    unreadable += [Problem(file.path, file.problem) for file in judged if file.problem]
    switches = [KillSwitch("enabled", file.path) for file, content in said if content.enabled is False]
    switches += [KillSwitch("unreadable", problem.file) for problem in unreadable]
    if do_not_track.lower() not in _NOT_SET:
        switches.append(KillSwitch("DO_NOT_TRACK", ""))
    switches += [KillSwitch("kuserfeedback", file.path) for file in judged if file.is_off]
    users = [content for file, content in said if file.origin is Origin.USER]
    is_developer = next((content.developer for content in users if content.developer is not None), False)
    problems = [*unreadable, *_misplaced(said)]
    return Settings(
        kill_switches=tuple(switches),
        locks=tuple(_locks(said)),
        endpoints=_endpoints(said, problems, is_developer=is_developer),
        developer=is_developer,
        idle_exit_minutes=_idle_exit_minutes(said),
        budgets=_budgets(said, problems),
        problems=tuple(problems),
    )


_Said = list[tuple[ConfigFile, "ConfigurationFile"]]


class _Judged(NamedTuple):
    path: str
    problem: str
    is_off: bool


def _judge(file: ForeignFile) -> _Judged:
    if file.problem:
        return _Judged(file.path, file.problem, is_off=False)
    from telemetryd.toml.kconfig import is_switched_off  # noqa: PLC0415 - most starts find no such file

    try:
        return _Judged(file.path, "", is_switched_off(file.text))
    except InvalidFileError as error:
        return _Judged(file.path, str(error), is_off=False)


def _misplaced(said: _Said) -> Iterator[Problem]:
    """What stands in a file that is not for it."""
    for file, content in said:
        if file.origin is Origin.SYSTEM and content.developer is not None:
            yield Problem(file.path, "developer: is for a user's own file; it means nothing here")
        if file.origin is Origin.USER and _limits(content):
            yield Problem(file.path, "[limits]: is for system files; it restricts here too")


def _limits(content: ConfigurationFile) -> dict[str, int]:
    limits = content.limits
    new_questions = None if limits.new_questions is None else _NEW_QUESTIONS[limits.new_questions]
    levels = {"system": limits.system, "usage": limits.usage, "new_questions": new_questions}
    return {what: level for what, level in levels.items() if level is not None}


def _locks(said: _Said) -> Iterator[Lock]:
    for file, content in said:
        for what, limit in _limits(content).items():
            if limit < _NO_LIMIT:
                yield Lock(what, limit, file.path)


def _endpoints(said: _Said, problems: list[Problem], *, is_developer: bool) -> tuple[Endpoint, ...]:
    """Each vendor's endpoint; the first system file that names a vendor decides, even if what it says is refused.

    In developer mode reports go to loopback only: the others are no endpoints then, and a user's file may name some. Policy: C6, C7.
    """
    found: dict[str, Endpoint] = {}
    seen: set[tuple[Origin, str]] = set()
    for file, content in said:
        for vendor, table in content.endpoint.items():
            if vendor in found or (file.origin, vendor) in seen:
                continue
            seen.add((file.origin, vendor))
            is_loopback = all(re.fullmatch(_LOOPBACK, url, re.ASCII) for url in (table.url, table.ohttp_relay) if url)
            objection = _foreign(table) or _objection(table, file.origin, may_stay_here=is_developer and is_loopback)
            if objection:
                problems.append(Problem(file.path, f"[endpoint.{vendor}] {objection}"))
            elif is_loopback or not is_developer:
                found[vendor] = _endpoint(vendor, table)
    return tuple(found.values())


def _endpoint(vendor: str, table: EndpointTable) -> Endpoint:
    return Endpoint(
        *(vendor, table.name, table.url, table.format, table.ca_file, table.results),
        ohttp_relay=table.ohttp_relay,
        ohttp_keys=table.ohttp_keys,
    )


def _foreign(table: EndpointTable) -> str:
    """Only this endpoint is wrong, not the file: a name with an umlaut is no reason to switch everything off."""
    keys = [key for key in ("url", "ohttp_relay", "results") if not getattr(table, key).isascii()]
    return f"{', '.join(keys)}: expected the host's name in punycode (xn--…); the endpoint is not used" if keys else ""


def _objection(table: EndpointTable, origin: Origin, *, may_stay_here: bool) -> str:
    if origin is Origin.USER and not may_stay_here:
        return "is for system files; a user's file may name loopback ones in developer mode"
    if table.format != _FORMAT:
        return f'format: expected "{_FORMAT}", the only one that is supported; the endpoint is not used'
    if table.url.startswith("http:") and not may_stay_here:
        return "url: expected https; http is for loopback in developer mode; the endpoint is not used"
    if bool(table.ohttp_relay) is not bool(table.ohttp_keys):
        return "ohttp_relay, ohttp_keys: expected both or neither; the endpoint is not used"
    if table.ohttp_relay and not may_stay_here and _host_name(table.ohttp_relay) == _host_name(table.url):
        return "ohttp_relay: expected another host than the url's, which would see address and answer; the endpoint is not used"
    return ""


def _host_name(url: str) -> str:
    """The host of a URL as `toml.fields` leaves it, without a port."""
    return re.sub(r":\d+$", "", url.split("/")[2])


def _idle_exit_minutes(said: _Said) -> float | None:
    """The user's own file comes before the system's."""
    users_first = sorted(said, key=lambda one: one[0].origin is not Origin.USER)
    return next((content.idle_exit_minutes for _, content in users_first if content.idle_exit_minutes is not None), None)


def _budgets(said: _Said, problems: list[Problem]) -> Budgets:
    """The lowest caps of all; one above ours is no cap."""
    lowest = dict(zip(("budget_source", "budget_year", "budget_epsilon"), Budgets(), strict=True))
    highest = dict(lowest)
    for file, content in said:
        for key, cap in highest.items():
            value = getattr(content, key)
            if value is None:
                continue
            if value > cap:
                problems.append(Problem(file.path, f"{key}: expected at most {cap}, which stays the cap"))
            lowest[key] = min(lowest[key], value)
    return Budgets(*lowest.values())
