"""What must hold between the bounds, whatever their values, and the values that documents state."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from telemetryd.core import limits

KIB, MIB = 1024, 1024 * 1024
SIZES = {name: value for name, value in vars(limits).items() if name.endswith("_BYTES")}
ROOT = Path(__file__).parents[2]
TIMER = ROOT / "systemd/telemetryd-tick.timer"


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    """A size has room for a line, and no caller makes the daemon hold more than 8 MiB. From 1 KiB on, sizes are whole KiB."""
    assert type(SIZES[name]) is int
    assert 256 <= SIZES[name] <= 8 * MIB
    assert SIZES[name] < KIB or SIZES[name] % KIB == 0


ASCENDING_SIZES = [
    "DELIVERY_MAX_BYTES JOB_LINE_MAX_BYTES DEFINITION_MAX_BYTES",
    "OHTTP_KEYS_BYTES RESPONSE_MAX_BYTES RECEIVED_MAX_BYTES",
    "JOB_LINE_MAX_BYTES KCONFIG_BYTES CONFIG_BYTES",
    "JOB_LINE_MAX_BYTES FACT_BYTES CONFIG_BYTES",
    "SHORT_BYTES MESSAGE_WEIGHED_BYTES MANIFEST_BYTES MESSAGE_MAX_BYTES QUEUED_CALLER_BYTES QUEUED_MAX_BYTES",
    "RECEIVE_BUDGET_BYTES STREAM_BYTES RECEIVE_CROWDED_BYTES QUEUED_CALLER_BYTES",
    "UNSENT_LOW_BYTES UNSENT_HIGH_BYTES REPLY_MAX_BYTES",
]
ASCENDING_SPANS = [
    "RUN_STEP_MAX_S RUN_GAP_S HOUR_S DAY_OF_USE_GAP_S DAY_S WINDOW_MIN_S",
    "RESPONSE_TIMEOUT_S JOB_TIMEOUT_S ANSWER_TIMEOUT_S UPLOAD_TIMEOUT_S COURIER_TIMEOUT_S JOB_MAX_S RUN_STEP_MAX_S",
    "STREAM_PAUSE_S REST_S TURN_S LOCK_POLL_S CLOSING_PAUSE_S ROW_POLL_S BUSY_AFTER_S SETTLE_S REOPEN_S",
    "STREAM_PAUSE_S CROWDED_S SETTLE_S",
    "LONG_CALL_S TURN_S HELD_STEP_S HELD_MAX_S BUS_TIMEOUT_S",
    "FACT_S LOOK_TIMEOUT_S BUS_TIMEOUT_S",
]


@pytest.mark.parametrize("names", ASCENDING_SIZES + ASCENDING_SPANS)
def test_order(names):
    """Each bound is smaller than the next, because the next one's work contains it; equal bounds would alternate or never apply."""
    values = [getattr(limits, name) for name in names.split()]
    assert all(low < high for low, high in pairwise(values)), values


def test_sizes_that_contain_others():
    """A size has room for all that its reason counts."""
    assert limits.RECEIVED_MAX_BYTES == 4 * limits.RESPONSE_MAX_BYTES
    assert limits.DEFINITION_MAX_BYTES >= 2 * limits.MANIFEST_BYTES
    assert limits.MESSAGE_MAX_BYTES > 8 * limits.SAMPLES_MAX
    assert limits.MESSAGE_MAX_VALUES > 2 * limits.SAMPLES_MAX
    assert limits.UNSENT_LOW_BYTES <= limits.UNSENT_HIGH_BYTES // 2
    assert max(limits.SOURCES_MAX, limits.QUESTIONS_MAX) < limits.TABLES_MAX


def test_spans_that_contain_others():
    """A timeout is longer than all that may happen within it, and a gap between runs is what the timer and a delivery take."""
    assert limits.UPLOAD_TIMEOUT_S >= limits.CONNECT_TIMEOUT_S + limits.ANSWER_TIMEOUT_S
    assert limits.COURIER_TIMEOUT_S > limits.JOB_TIMEOUT_S + limits.UPLOAD_TIMEOUT_S + limits.RESPONSE_TIMEOUT_S
    assert limits.JOB_MAX_S > 3 * limits.COURIER_TIMEOUT_S
    minutes = dict(re.findall(r"^(\w+)=(\d+)min$", TIMER.read_text(), re.MULTILINE))
    interval_s, accuracy_s = (int(minutes[key]) * 60 for key in ("OnUnitInactiveSec", "AccuracySec"))
    assert interval_s == limits.RUN_STEP_MAX_S
    assert interval_s + accuracy_s + limits.COURIER_TIMEOUT_S <= limits.RUN_GAP_S
    assert limits.HELD_MAX_S < 25  # the timeout of a caller
    assert [span for span in (limits.RUN_STEP_MAX_S, limits.RUN_GAP_S, limits.HOUR_S, limits.DAY_S) if span % 60] == []


def test_a_year_of_history():
    """A report is in the history for a year, as documents say: for the longest that there is, and not for a day more."""
    assert "Reports leave the history after a year" in " ".join((ROOT / "docs/telemetryctl.md").read_text().split())
    longest = max((date(year + 1, 1, 1) - date(year, 1, 1)).days for year in range(2026, 2030))
    assert longest * 24 * 60 * 60 == limits.HISTORY_S


@pytest.mark.parametrize(
    ("document", "said", "limit"),
    [
        ("dbus/org.telemetryd.Telemetry1.xml", "the message is longer than {} MiB", limits.MESSAGE_MAX_BYTES / 2**20),
        ("dbus/org.telemetryd.Telemetry1.xml", "holds more than {:,} values", limits.MESSAGE_MAX_VALUES),
        ("dbus/org.telemetryd.Telemetry1.xml", "or {} MiB of long calls", limits.QUEUED_CALLER_BYTES / 2**20),
        ("dbus/org.telemetryd.Telemetry1.xml", "one call has more than {:,} samples", limits.SAMPLES_MAX),
        ("dbus/org.telemetryd.Telemetry1.xml", "For {} seconds after a call that opened the window", limits.SETTINGS_PAUSE_S),
        ("dbus/org.telemetryd.Control1.xml", "the reply would be longer than {} MiB", limits.REPLY_MAX_BYTES / 2**20),
        ("dbus/org.telemetryd.Control1.xml", "or would be longer than {} KiB", limits.PAGE_MAX_BYTES / 2**10),
        ("docs/manifest.md", "A manifest has at most {} KiB", limits.MANIFEST_BYTES / 2**10),
        ("docs/administration.md", "in the last {} seconds of the idle time", limits.IDLE_MARGIN_S),
        ("docs/administration.md", "The rule ends with the first window ({} days", limits.WINDOW_MIN_S / limits.DAY_S),
        ("docs/privacy.md", "window of at least {} days", limits.WINDOW_MIN_S / limits.DAY_S),
        ("docs/privacy.md", "up to {} days", limits.SECOND_WINDOW_S / limits.DAY_S),
    ],
)
def test_what_documents_say(document, said, limit):
    """A limit that a document states is what it states."""
    assert limit == int(limit)
    assert said.format(int(limit)) in " ".join((ROOT / document).read_text().split())
