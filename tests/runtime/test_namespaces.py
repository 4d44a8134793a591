import subprocess
import sys

import pytest
from support.machine import CONTROL

from telemetryd.runtime.namespaces import CONFINED

SCRIPT = "from telemetryd.runtime.namespaces import is_in_own_user_namespace\nprint(is_in_own_user_namespace())"
UNSHARE = ("unshare", "--user", "--map-current-user")


def found(*prefix):
    """What a process says of itself that is run so."""
    return subprocess.run([*prefix, sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, check=True).stdout


def test_host():
    """A program of the host is in no user namespace of its own."""
    assert found() == "False\n"


def test_own_namespace():
    """A program whose user put it into a user namespace finds that out, whoever that user is."""
    if subprocess.run([*UNSHARE, "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    assert found(*UNSHARE) == "True\n"


def test_container():
    """A program beside others in one container is in its manager's namespace, not in one of its own."""
    if subprocess.run([*UNSHARE, "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    assert found(*UNSHARE, sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)") == "False\n"


def test_daemon_says_so(machine):
    """A daemon in a user namespace of its own says so in one line, because it refuses its callers there; any other says nothing."""
    if subprocess.run([*UNSHARE, "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    with machine.daemon() as daemon:
        machine.busctl("call", *CONTROL, "ListApplications")
    assert daemon.log == ""
    with machine.daemon(prefix=UNSHARE) as daemon:
        answer = machine.run("busctl", f"--address={machine.address}", "call", *CONTROL, "ListApplications", check=False).stderr
    assert "denied" in answer
    assert daemon.log == f"WARNING: {CONFINED}\n"
