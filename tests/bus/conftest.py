from functools import partial

import pytest
from support.bus.broker import is_installed
from support.bus.driven_edge import edge_process
from support.bus.pidfd_bus import PidfdBus
from support.bus.private_bus import BUSES, LIBRARIES, start_bus
from support.bus.served_object import serving
from support.campaign import IS_CAMPAIGN

from telemetryd.bus.identity import admit_host_only, admit_own_application
from telemetryd.bus.interfaces import CONTROL, TELEMETRY


def is_left_out(chosen):
    """Whether a combination is of the half without which each library still meets each kind of bus, and both meet descriptors or none."""
    bus = chosen.get("shared_bus") or chosen.get("own_bus")
    if bus is None or "library" not in chosen:
        return False
    return (LIBRARIES.index(chosen["library"]) + BUSES.index(bus) + bool(chosen.get("frail_service"))) % 2 == 0


def pytest_collection_modifyitems(items):
    """Library, kind of bus and descriptors: all combinations in a campaign or where one bus is missing, else half of them."""
    if not IS_CAMPAIGN and is_installed():
        items[:] = [item for item in items if not is_left_out(item.callspec.params if hasattr(item, "callspec") else {})]


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
