"""Fixtures for every test: a machine of its own, under one or both D-Bus libraries, and nothing left behind."""

import asyncio
import shutil
import signal
import sys
from importlib.metadata import version
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from support import markers
from support.bus.private_bus import LIBRARIES, PAIRS
from support.machine import Machine

PATIENCE_S = 10
"""For a task that was told to end, and for what it waits for: a loaded machine is slow."""
_numbers = count()

settings.register_profile("telemetryd", deadline=None, max_examples=25)
settings.register_profile("campaign", deadline=None, max_examples=5000)  # make campaign
settings.load_profile("telemetryd")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a script: the programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    """pytest-asyncio before 1.0 leaves a loop behind, with its pair of sockets, which are collected in any later test: no fault of that."""
    if version("pytest-asyncio").startswith("0."):
        for what in ("socket.socket fd=-1, family=1", "function BaseEventLoop.__del__"):
            config.addinivalue_line("filterwarnings", f"ignore:Exception ignored in. <{what}:pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Each test has the markers of what it needs."""
    markers.mark(items)


@pytest.fixture(autouse=True)
def _no_real_home(monkeypatch, tmp_path_factory):
    """No test touches the real home or a real session bus. Its home is a name at which nothing is: most tests need no folder."""
    nobody = tmp_path_factory.getbasetemp() / f"nobody-{next(_numbers)}"
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(nobody))
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _nothing_left_behind(request):
    """A test that is a coroutine leaves no task in its loop: what is forgotten is not awaited, and its failure is told to nobody."""
    if iscoroutinefunction(request.function):
        request.getfixturevalue("_loop_of_the_test")


@pytest.fixture
async def _loop_of_the_test():
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    told_to_end = {task for task in left if task.cancelling()}
    if told_to_end:
        await asyncio.wait(told_to_end, timeout=PATIENCE_S)
    left = {task for task in left if not task.done()}
    assert not left, f"left behind: {[task.get_coro().__qualname__ for task in left]}"


@pytest.fixture
def machine(tmp_path):
    """Private files and a private bus; the daemon uses dbus-fast."""
    with Machine(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture(params=LIBRARIES)
def any_machine(tmp_path, request):
    """The same, once with each D-Bus library."""
    with Machine(tmp_path / "machine", library=request.param) as machine:
        yield machine


@pytest.fixture(params=PAIRS, ids="-on-".join)
def every_machine(tmp_path, request):
    """The same with each D-Bus library and on each kind of bus: in a campaign each library on each, else each on another."""
    library, bus = request.param
    with Machine(tmp_path / "machine", library=library, bus=bus) as machine:
        yield machine


@pytest.fixture
def strace():
    """The program strace."""
    return shutil.which("strace") or pytest.skip("strace is not installed")


@pytest.fixture
def programs():
    """The folder of the installed programs."""
    folder = Path(sys.executable).parent
    return folder if (folder / "telemetryctl").exists() else pytest.skip("telemetryd is not installed here")


@pytest.fixture
def certificate(tmp_path):
    """A certificate authority and a server's certificate for localhost: (ca file, key and certificate file)."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return str(tmp_path / "ca.pem"), str(tmp_path / "server.pem")
