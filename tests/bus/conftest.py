from functools import partial

import pytest
from support.bus.driven_edge import edge_process
from support.bus.pidfd_bus import PidfdBus
from support.bus.private_bus import BUSES, start_bus
from support.bus.served_object import serving

from telemetryd.bus.identity import admit_host_only, admit_own_application
from telemetryd.bus.interfaces import CONTROL, TELEMETRY

LIBRARIES = ("dbus-fast", "dbus-next")


@pytest.fixture(scope="session", params=BUSES)
def shared_bus(tmp_path_factory, request):
    """One bus of each kind for all tests that do it no harm."""
    with start_bus(tmp_path_factory.mktemp("bus"), kind=request.param) as bus:
        yield bus


@pytest.fixture
def pidfd_bus(shared_bus, tmp_path):
    """A shared bus that hands out ProcessFD, of itself or by our help."""
    with PidfdBus(shared_bus.address, tmp_path / "pidfd") as bus:
        yield bus


@pytest.fixture
async def control(shared_bus):
    """Control1 on a private bus."""
    async with serving(shared_bus.address, CONTROL, admit_host_only) as served:
        yield served


@pytest.fixture
async def telemetry(shared_bus):
    """Telemetry1 on a private bus."""
    async with serving(shared_bus.address, TELEMETRY, partial(admit_own_application, lambda _application: "")) as served:
        yield served


@pytest.fixture(params=BUSES)
def own_bus(tmp_path, request):
    """A bus of each kind that the test may stop or kill."""
    with start_bus(tmp_path, kind=request.param) as bus:
        yield bus


@pytest.fixture(params=LIBRARIES)
def library(request):
    """Each of the two libraries."""
    return request.param


@pytest.fixture
def launch(library, tmp_path):
    """Starts a process with a Connection on the bus of an address."""
    return partial(edge_process, library, tmp_path)


@pytest.fixture
def service(shared_bus, launch):
    """A process with a Connection on the shared bus."""
    with launch(shared_bus.address) as process:
        yield process


@pytest.fixture(params=[pytest.param((), id="plain"), pytest.param(("descriptors",), id="descriptors")])
def frail_service(own_bus, launch, request):
    """A process with a Connection on the test's own bus, with and without descriptors."""
    with launch(own_bus.address, *request.param) as process:
        process.has_descriptors = bool(request.param)
        yield process
