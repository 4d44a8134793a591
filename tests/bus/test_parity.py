"""What the interface files declare is what the daemon answers, member for member."""

import pytest
from support.bus.interface_gaps import undeclared_or_missing

from telemetryd.bus.control1 import _SIGNATURES, Control
from telemetryd.bus.interfaces import CONTROL, TELEMETRY, load, source
from telemetryd.bus.telemetry1 import Applications
from telemetryd.engine.slices import Slices

HANDLERS = {
    TELEMETRY: Applications(lambda: None, None, str).handlers(),
    CONTROL: Control(lambda: None, lambda: None, dict, announce=lambda: None, slices=Slices()).handlers(),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_xml_and_export_are_one(name):
    """Every declared method, property and writable property has what answers it, and nothing answers that is not declared."""
    assert undeclared_or_missing(load(name), HANDLERS[name]) == []


@pytest.mark.parametrize("name", HANDLERS)
def test_a_difference_would_be_seen(name):
    """The comparison names a member that only one side has."""
    methods = dict(HANDLERS[name].methods)
    methods["Invented"] = methods.pop(next(iter(methods)))
    assert len(undeclared_or_missing(load(name), HANDLERS[name]._replace(methods=methods))) == 2


def test_keys_are_documented():
    """Every key whose type is not text is described in the interface file, with that type."""
    text = source(CONTROL).read_text()
    assert [key for key, code in _SIGNATURES.items() if f"`{key}` ({code})" not in text] == []
