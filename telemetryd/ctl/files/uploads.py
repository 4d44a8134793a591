"""Runs the uploader on a user's command: for a connection alone, or for one test report. It is the daemon's own way. Policy: C1, C6."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core.answers.report import BLANK_NONCE, encode, report_for_test
from telemetryd.runtime.uploader import UPLOADER, UploaderCourier

if TYPE_CHECKING:
    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Endpoint

_NONCE_BYTES = len(BLANK_NONCE) // 2
_HANDSHAKE = (*UPLOADER, "--handshake")


def new_test_report() -> bytes:
    """The bytes of a new test report, of today (UTC)."""
    return encode(report_for_test(datetime.now(UTC).date().isoformat(), secrets.token_hex(_NONCE_BYTES)))


def send(endpoint: Endpoint, body: bytes, *, is_developer: bool) -> Delivery:
    """Send a test report; returns the outcome."""
    return asyncio.run(UploaderCourier(lambda: is_developer).deliver(endpoint, body))


def connect(endpoint: Endpoint, *, is_developer: bool) -> Delivery:
    """Connect as for a report, and send nothing. It is held: by `Hindrance.HANDSHAKE` if the connection stood."""
    return asyncio.run(UploaderCourier(lambda: is_developer, command=_HANDSHAKE).deliver(endpoint, new_test_report()))
