"""The toolkit as it is installed here."""

import sys

import pytest
from support.driven_window import qt

CALLS = 1000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None has no count of references here")
def test_calls_lose_no_reference_to_none():
    """A call that returns nothing leaves the references to None as they were. PySide6 6.12.0 takes one each time, until Python aborts."""
    application = qt()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        application.setObjectName("telemetryd-settings")
    assert abs(sys.getrefcount(None) - before) < CALLS / 10
