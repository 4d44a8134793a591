"""Who is remembered as a caller: everyone who registered or pushed, within bounds."""

import pytest
from support.engine_flow import APP, Running

from telemetryd.bus.identity import Caller, Confinement
from telemetryd.bus.telemetry1 import Applications
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.errors import UnknownApplicationError


@pytest.fixture
def running(tmp_path):
    """The flow, with Kate installed."""
    with Running(tmp_path) as running:
        running.install()
        yield running


def call(member, sender, *body):
    """A call as it comes from the bus."""
    message = Message(destination="org.telemetryd.Telemetry1", path="/org/telemetryd/Telemetry1", member=member, body=list(body))
    message.sender = sender
    return message


def unit(number):
    """A host program in a unit of its own."""
    return Caller(Confinement.HOST, label=f"app-org.example.A{number}-1.scope")


def test_pushes_count_as_calls(running):
    """A program that never registers is shown as a caller once it has pushed, whatever was accepted."""
    applications = Applications(lambda: running.sampling, None, running.catalogue.snap)
    push = applications.handlers().methods["Push"]
    for number in range(2):
        push(unit(number), call("Push", f":1.{number}", APP, "startup", Variant("d", 1.0)))
    assert applications.callers == {APP: {"host:org.example.A0", "host:org.example.A1"}}


def test_a_refused_push_is_no_call(running):
    """Who pushes for an application that does not exist is not remembered."""
    applications = Applications(lambda: running.sampling, None, running.catalogue.snap)
    with pytest.raises(UnknownApplicationError):
        applications.handlers().methods["Push"](unit(0), call("Push", ":1.1", "org.example.None", "startup", Variant("d", 1.0)))
    assert applications.callers == {}


def test_callers_are_bounded(running):
    """A program that makes up units, or connects without end, does not make the daemon grow."""
    applications = Applications(lambda: running.sampling, None, running.catalogue.snap)
    push = applications.handlers().methods["Push"]
    for number in range(5000):
        push(unit(number), call("Push", f":1.{number}", APP, "startup", Variant("d", 1.0)))
    assert len(applications.callers[APP]) == 16
    assert len(applications._noted) <= 4096
