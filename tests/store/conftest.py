"""Fixtures of the store's tests: a directory as the state directory, and what lies in it."""

import contextlib

import pytest

from telemetryd.engine.ports import StoredReport
from telemetryd.store import open_store

DAY_S = 86400
KEY = ("org.kde.kate", "startup")


@pytest.fixture
def folder(tmp_path):
    """A state directory, empty."""
    path = tmp_path / "telemetryd"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def opened(folder):
    """Opens the store (again); every one is closed in the end."""
    with contextlib.ExitStack() as stack:

        def open_it(*, is_developer=False):
            return stack.enter_context(contextlib.closing(open_store(folder, is_developer=is_developer)))

        yield open_it


@pytest.fixture
def store(opened):
    """The store, open."""
    return opened()


@pytest.fixture
def report():
    """Makes a report of a question, not stored yet."""

    def make(key=KEY, created=100 * DAY_S + 5, period="2026-W42", body=b'{"answer":["500..2000"]}'):
        slot = created + 3600
        times = {"created": created, "slot": slot, "opens": created, "closes": created + 7 * DAY_S}
        text = {"revision": "0123456789ab", "period": period, "vendor": "kde", "url": "https://localhost/"}
        return StoredReport(0, *key, **text, headers=(("Host", "localhost"), ("Content-Length", "1024")), body=body, **times)

    return make
