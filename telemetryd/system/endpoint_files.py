"""Whether the endpoints of the configuration can work on this machine: their files are there, and so is the extra for relays. Policy: C6.

The daemon promises and charges budgets for such endpoints only. What a file holds is the uploader's to judge: the daemon has no TLS.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.limits import CA_FILE_BYTES, OHTTP_KEYS_BYTES
from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.settings import Unusable
from telemetryd.core.translation import mark
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read_bytes, read_start, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.settings import Endpoint, Problem, Settings

_CERTIFICATE = b"CERTIFICATE-----"
"""The end of the line before each certificate in PEM, also before those that OpenSSL calls X509 or TRUSTED."""
_EXTRA = ("pyhpke", "cryptography")
"""The modules of the extra `ohttp`."""


def paths(endpoints: Iterable[Endpoint]) -> list[str]:
    """The files that endpoints name."""
    return [path for endpoint in endpoints for path in (endpoint.ca_file, endpoint.ohttp_keys) if path]


def with_usable_endpoints(settings: Settings, root: str = "") -> Settings:
    """The settings with the endpoints that cannot work named. `root` is the directory of another installation that has the files."""
    faults = {endpoint.vendor: fault for endpoint in settings.endpoints if (fault := _fault(endpoint, root))}
    if not faults:
        return settings
    problems = (problem for problem, _ in faults.values())
    unusable = {vendor: unusable for vendor, (_, unusable) in faults.items()}
    return settings._replace(problems=(*settings.problems, *problems), unusable=unusable)


def _fault(endpoint: Endpoint, root: str) -> tuple[Problem, Unusable] | None:
    return next(_faults(endpoint, root), None)


def _faults(endpoint: Endpoint, root: str) -> Iterator[tuple[Problem, Unusable]]:
    if endpoint.ca_file and (why := _certificate_fault(Path(within(root, endpoint.ca_file)))):
        problem = problem_of(endpoint.ca_file, ProblemCause.CA_FILE, vendor=endpoint.vendor, why=why)
        yield problem, Unusable("ca_file", endpoint.ca_file)
    if endpoint.ohttp_keys and (why := _keys_fault(Path(within(root, endpoint.ohttp_keys)))):
        problem = problem_of(endpoint.ohttp_keys, ProblemCause.OHTTP_KEYS, vendor=endpoint.vendor, why=why)
        yield problem, Unusable("ohttp_keys", endpoint.ohttp_keys)
    if endpoint.ohttp_relay and not root and not all(map(find_spec, _EXTRA)):
        yield problem_of("", ProblemCause.NO_EXTRA, vendor=endpoint.vendor), Unusable("extra")


def _certificate_fault(path: Path) -> str:
    """Why a file cannot be an authority's certificate, or ""."""
    try:
        has_certificate = _CERTIFICATE in read_start(path, CA_FILE_BYTES)
    except (OSError, InvalidFileError) as error:
        return _reason(error)
    return "" if has_certificate else mark("expected certificates (PEM)")


def _keys_fault(path: Path) -> str:
    """Why a file cannot be a gateway's keys, or ""."""
    try:
        has_keys = bool(read_bytes(path, OHTTP_KEYS_BYTES))
    except (OSError, InvalidFileError) as error:
        return _reason(error)
    return "" if has_keys else mark("expected the gateway's keys, not an empty file")


def _reason(error: OSError | InvalidFileError) -> str:
    return f"this file cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
