"""Fixtures for every test: a machine of its own, under one or both D-Bus libraries, and nothing left behind."""

import signal

import pytest
from harness import Machine
from hypothesis import settings

settings.register_profile("telemetryd", deadline=None)
settings.register_profile("campaign", deadline=None, max_examples=5000)  # make campaign
settings.load_profile("telemetryd")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a script: the programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_real_home(monkeypatch, tmp_path):
    """No test touches the real home or a real session bus."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)


@pytest.fixture
def machine(tmp_path):
    """Private files and a private bus; the daemon uses dbus-fast."""
    with Machine(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture(params=["dbus-fast", "dbus-next"])
def any_machine(tmp_path, request):
    """The same, once with each D-Bus library."""
    with Machine(tmp_path / "machine", library=request.param) as machine:
        yield machine


@pytest.fixture
def certificate(tmp_path):
    """A certificate authority and a server's certificate for localhost: (ca file, key and certificate file)."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return str(tmp_path / "ca.pem"), str(tmp_path / "server.pem")
