"""What a session leaves in the environment or in the home directory does not reach the uploader: no other code, nobody else's trust."""

import os
import subprocess
import sys

import pytest
from support.installation import USER_SITE, Installation
from support.manifests.handed_report import BODY, TEXT, job

from telemetryd.core.sending.schedule import Delivery, Result
from telemetryd.runtime.uploader import UPLOADER, command_of, environment

ACCEPTED = Delivery(Result.ACCEPTED, 204)
NO_CRYPTOGRAPHY = "openssl_conf = all\n[all]\nproviders = some\n[some]\nnull = none\n[none]\nactivate = 1\n"
"""A configuration of OpenSSL after which it can do nothing: who reads it notices."""
SEND = """
import asyncio
from telemetryd.core.settings import Endpoint
from telemetryd.runtime.uploader import UPLOADER, UploaderCourier
command = [one for one in UPLOADER if one not in {without!r}]
print(asyncio.run(UploaderCourier(command=command).deliver(Endpoint("kde", "KDE", {url!r}), {body!r}, {text!r})).result)
"""


@pytest.fixture
def openssl_conf(tmp_path):
    """That file, which does what it should to whoever reads it."""
    path = tmp_path / "openssl.cnf"
    path.write_text(NO_CRYPTOGRAPHY)
    command = [sys.executable, "-c", "import ssl; ssl.create_default_context()"]
    assert subprocess.run(command, env={"OPENSSL_CONF": str(path)}, check=False, capture_output=True).returncode
    return path


async def test_configuration_of_openssl(machine, start, receiver, openssl_conf):
    """However it is started, the uploader drops OPENSSL_CONF before it loads OpenSSL: it could name engines to load. Policy: C7."""
    program = await start(job(machine.endpoint(receiver.url()).url), OPENSSL_CONF=str(openssl_conf))
    assert await program.outcome() == ACCEPTED
    assert await program.end() == (0, b"")


def test_what_the_courier_passes_on():
    """The uploader's interpreter starts without what would have it load other code; PYTHONPATH stays where telemetryd was found by it."""
    dropped = dict.fromkeys(("PYTHONPATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "OPENSSL_MODULES", "SSL_CERT_FILE"), "/tmp/other")
    assert environment({"HOME": "/home/me"} | dropped, "/usr/lib/python3/dist-packages") == {"HOME": "/home/me"}
    path = f"/opt/libraries{os.pathsep}/opt/telemetryd/"
    assert environment({"PYTHONPATH": path}, "/opt/telemetryd") == {"PYTHONPATH": path}
    assert environment({"PYTHONPATH": path}, "/opt") == {}


class Home:
    """A user's home with an aiohttp of its own in ~/.local, which leaves a mark where it is loaded."""

    def __init__(self, machine, folder):
        self.machine, self.installation = machine, Installation(folder / "python", is_system=True)
        self.site, self.mark = machine.root / USER_SITE, folder / "loaded"
        (self.site / "aiohttp").mkdir(parents=True)
        (self.site / "aiohttp/__init__.py").write_text(f"open({str(self.mark)!r}, 'w')\nraise ImportError\n")

    def send(self, url, *, without=()):
        """Send a report as a daemon of the system does, with the uploader's command but for these words; the result."""
        script = SEND.format(url=url, body=BODY, text=TEXT, without=without)
        command = [self.installation.python, "-P", "-c", script]
        environ = {name: value for name, value in self.machine.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
        self.errors = done.stderr
        return done.stdout.strip()


@pytest.fixture
def home(machine, tmp_path_factory):
    """The home of the machine's user."""
    return Home(machine, tmp_path_factory.mktemp("home"))


async def test_packages_of_the_user(home, machine, receiver):
    """A package in ~/.local does not take the place of the system's in the uploader. Policy: C7."""
    url = machine.endpoint(receiver.url()).url
    assert home.send(url) == "accepted"
    assert not home.mark.exists()
    assert home.send(url, without=("-s",)) == "held"
    assert home.mark.exists(), "without -s it would have been loaded"


OLDER = {
    # Some versions of aiohttp read its type when they are loaded.
    "aiohappyeyeballs": "AddrInfoType = tuple\nasync def start_connection(addr_infos): ...",
    "aiohttp": "class TCPConnector: ...",
}


@pytest.mark.parametrize("package", OLDER)
def test_client_that_is_too_old(home, machine, receivers_at_once, trusted, package):
    """A library that is too old uses up no report, and the journal says which."""
    (home.installation.site / f"{package}.py").write_text(OLDER[package])
    receiver = receivers_at_once(trusted)
    assert home.send(machine.endpoint(receiver.url()).url) == "held"
    assert home.errors == f"telemetryd-upload: [endpoint.kde] aiohttp is missing or too old ({package} is too old); nothing was sent\n"
    assert receiver.requests.empty()


async def test_installed_by_the_user(home, machine, receiver):
    """Where telemetryd itself lies in ~/.local its uploader is found there."""
    (home.site / "aiohttp/__init__.py").unlink()
    (home.site / "aiohttp").rmdir()
    home.installation.package.rename(home.site / "telemetryd")
    (home.installation.site / "dbus").rename(home.site / "dbus")
    assert home.send(machine.endpoint(receiver.url()).url) == "accepted"


def test_command(monkeypatch):
    """The user's own packages are left out, unless telemetryd is one of them."""
    assert UPLOADER[1:3] == ("-P", "-s")
    monkeypatch.setattr("site.USER_SITE", "/home/me/.local/lib")
    assert "-s" not in command_of("/home/me/.local/lib/")
    assert "-s" in command_of("/usr/lib/python3/dist-packages")
