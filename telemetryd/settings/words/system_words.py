"""What this system sets for telemetry, in sentences, and as a report for those who look after it. Without Qt. Policy: C4, T1."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl.control_client import LIBRARY
from telemetryd.ctl.render.state_sentences import lock_sentence, number_left_out
from telemetryd.settings.words.window_words import day, foreign, switch_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import ServiceSnapshot, ShownLock

_DAY_S = 86_400
_LATE_DAYS = 2
"""Days without due work after which its timer is probably not enabled."""
_TIMER = "telemetryd-tick.timer"


class Server(NamedTuple):
    """Where the reports of a vendor go: URLs, or "" for what the system's configuration does not have."""

    vendor: str
    name: str
    endpoint: str
    relay: str
    results: str


def servers(snapshot: ServiceSnapshot) -> list[Server]:
    """The servers of all vendors whose applications ask."""
    keys = ("vendor", "vendor_name", "endpoint", "relay", "results")
    return sorted({Server(*(str(row.get(key, "")) for key in keys)) for row in snapshot.applications if row["vendor"]})


def switch_lines(snapshot: ServiceSnapshot, language: UserLanguage) -> list[str]:
    """What switches telemetry off."""
    return [foreign(switch_line(what, file, language.words), language) for what, file in snapshot.switches]


def lock_lines(snapshot: ServiceSnapshot, language: UserLanguage) -> list[str]:
    """What is locked."""
    return [_lock_line(lock, language) for lock in snapshot.locks]


def _lock_line(lock: ShownLock, language: UserLanguage) -> str:
    sentence = lock_sentence(lock.setting, lock.file, language.words, is_own=lock.is_own)
    text = "{why}" if number_left_out(lock.setting) else language.words.gettext("Locked: {why}.")
    return foreign(text.format(why=sentence), language)


def work_line(snapshot: ServiceSnapshot, language: UserLanguage) -> str:
    """When due work was last done, and what to look for if that was long ago."""
    words, last = language.words, int(snapshot.properties.get("LastWork", 0))
    if not last:
        return words.gettext("No work is due: no question waits for its week or for its report to be sent.")
    days = int(datetime.now(UTC).timestamp() - last) // _DAY_S
    done = words.gettext("Due work was last done on {date}.").format(date=day(last, language))
    if days < _LATE_DAYS:
        return done
    late = words.ngettext(
        "Due work was last done {number} day ago, on {date}. Is {timer} enabled?",
        "Due work was last done {number} days ago, on {date}. Is {timer} enabled?",
        days,
    )
    return late.format(number=days, date=day(last, language), timer=_TIMER)


def own_version() -> str:
    """The version of the window; "" if it was not installed as a package."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 20 ms that only this page needs

    try:
        return version("telemetryd")
    except PackageNotFoundError:
        return ""


def report(snapshot: ServiceSnapshot, toolkit: str) -> str:
    """What helps to find a fault, in English, for whoever looks after this: no answer, and the user's home as `~`."""
    properties = snapshot.properties
    lines = [
        f"telemetryd {own_version() or 'from its sources'}, Python {platform.python_version()}, {toolkit}, {LIBRARY}",
        f"interface: {properties.get('Version', 0)}; developer mode: {'on' if properties.get('Developer') else 'off'}",
        f"levels: {_levels(properties)}",
        *(f"switched off: {what} {file}".rstrip() for what, file in snapshot.switches),
        *(f"locked: {setting} {file}" for setting, file, _is_own in snapshot.locks),
        *(f"problem: {file}: {text}" for file, text in properties.get("Problems", ())),
        *_server_lines(servers(snapshot)),
        f"due work last done: {_moment(int(properties.get('LastWork', 0)))}",
    ]
    return "\n".join(lines).replace(str(Path.home()), "~") + "\n"


def _server_lines(found: Sequence[Server]) -> Iterator[str]:
    for server in found:
        relay = f", relay {server.relay}" if server.relay else ""
        yield f"server: {server.vendor}: {server.endpoint or 'none'}{relay}"


def _levels(properties: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {properties.get(name, 0)}" for name in ("System", "Usage", "NewQuestions"))


def _moment(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC") if unix else "never, or nothing is due"
