"""The environment of the uploader. The module imports almost nothing, because the uploader runs it before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DROPPED = ("SSL", "OPENSSL", "OSSL", "CTLOG_FILE", "QLOGDIR", "PYTHON", "GCONV_PATH", "HOSTALIASES")
"""Prefixes of dropped variables. With them a session could log keys, change the trusted certificates, load code or redirect a host name.

LD_* is not listed. The dynamic loader reads it before our code runs, and the daemon holds more than the uploader: the units drop it."""


def uploader_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without variables that change whom the uploader trusts, or what it runs. Policy: C7."""
    return {name: value for name, value in environ.items() if not name.startswith(_DROPPED)}
