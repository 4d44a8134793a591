"""What the uploader inherits of an environment. It imports next to nothing, because the uploader asks before it loads anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DROPPED = ("SSL", "OPENSSL", "OSSL", "CTLOG_FILE", "QLOGDIR", "PYTHON", "GCONV_PATH", "HOSTALIASES")
"""Beginnings of the names of variables by which a session could read along (logs of keys, trusted certificates, engines of OpenSSL), have
other code run (modules of Python, converters of glibc) or have another host asked.

What the dynamic loader reads (LD_*) works on the daemon, which holds more, before anything of ours runs: the units drop it."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could change whom the uploader trusts, or what it runs. Policy: C7."""
    return {name: value for name, value in environ.items() if not name.startswith(_DROPPED)}
