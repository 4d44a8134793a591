"""Whether the endpoints of the configuration can work on this machine: their files are there, and so is the extra for relays. Policy: C6.

The daemon promises and charges budgets for such endpoints only. What a file holds is the uploader's to judge: the daemon has no TLS.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.limits import CA_FILE_BYTES, OHTTP_KEYS_BYTES
from telemetryd.core.settings import Problem
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read_bytes, read_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.settings import Endpoint, Settings

_CERTIFICATE = b"CERTIFICATE-----"
"""The end of the line before each certificate in PEM, also before those that OpenSSL calls X509 or TRUSTED."""
_EXTRA = ("pyhpke", "cryptography")
"""The modules of the extra `ohttp`."""
_LINKS_MAX = 40
"""Most links that are followed, as on Linux."""
_UNUSED = "the endpoint is not used before that"


def paths(endpoints: Iterable[Endpoint]) -> list[str]:
    """The files that endpoints name."""
    return [path for endpoint in endpoints for path in (endpoint.ca_file, endpoint.ohttp_keys) if path]


def with_usable_endpoints(settings: Settings, root: str = "") -> Settings:
    """The settings with the endpoints that cannot work named. `root` is the directory of another installation that has the files."""
    faults = {endpoint.vendor: fault for endpoint in settings.endpoints if (fault := _fault(endpoint, root))}
    if not faults:
        return settings
    return settings._replace(problems=(*settings.problems, *faults.values()), unusable=frozenset(faults))


def _fault(endpoint: Endpoint, root: str) -> Problem | None:
    return next(_faults(endpoint, root), None)


def _faults(endpoint: Endpoint, root: str) -> Iterator[Problem]:
    table = f"[endpoint.{endpoint.vendor}]"
    if endpoint.ca_file and (why := _certificate_fault(_within(root, endpoint.ca_file))):
        yield Problem(endpoint.ca_file, f"{table} ca_file: {why}; {_UNUSED}")
    if endpoint.ohttp_keys and (why := _keys_fault(_within(root, endpoint.ohttp_keys))):
        yield Problem(endpoint.ohttp_keys, f"{table} ohttp_keys: {why}; {_UNUSED}")
    if endpoint.ohttp_relay and not root and not all(map(find_spec, _EXTRA)):
        yield Problem("", f"{table} ohttp_relay: expected the extra for relays (telemetryd[ohttp]) to be installed; {_UNUSED}")


def _certificate_fault(path: Path) -> str:
    """Why a file cannot be an authority's certificate, or ""."""
    try:
        has_certificate = _CERTIFICATE in read_start(path, CA_FILE_BYTES)
    except (OSError, InvalidFileError) as error:
        return _reason(error)
    return "" if has_certificate else "expected certificates (PEM)"


def _keys_fault(path: Path) -> str:
    """Why a file cannot be a gateway's keys, or ""."""
    try:
        has_keys = bool(read_bytes(path, OHTTP_KEYS_BYTES))
    except (OSError, InvalidFileError) as error:
        return _reason(error)
    return "" if has_keys else "expected the gateway's keys, not an empty file"


def _within(root: str, path: str) -> Path:
    """A path as the programs of another root directory find it: an absolute link leads to a place below that root."""
    if not root:
        return Path(path)
    place, rest, links = root, path.split("/")[::-1], 0
    while rest:
        part = rest.pop()
        following = os.path.join(place, part)  # noqa: PTH118 - as the kernel does it: no part is interpreted
        if part == "..":
            place = os.path.dirname(place) if place != root else root  # noqa: PTH120 - the same
        elif os.path.islink(following) and links < _LINKS_MAX:  # noqa: PTH114 - the same
            links += 1
            target = os.readlink(following)  # noqa: PTH115 - the same
            place = root if target.startswith("/") else place
            rest += target.split("/")[::-1]
        elif part not in {"", "."}:
            place = following
    return Path(place)


def _reason(error: OSError | InvalidFileError) -> str:
    return f"this file cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
