"""telemetryd is replaced while it is running, as by a package manager: no process ever mixes two versions."""

import asyncio
import contextlib

import pytest
from harness import CONTROL, KATE
from installation import Installation
from receiver import Receiver

from telemetryd.core.hindrance import Hindrance, problem
from telemetryd.core.settings import Endpoint

KATE_ID, OTHER_ID = "org.kde.kate", "org.kde.dolphin"
OTHER = KATE.replace(KATE_ID, OTHER_ID)
AT_ONCE = 5


@pytest.fixture
def installation(machine, tmp_path):
    """The machine's own copy of telemetryd."""
    installation = Installation(tmp_path / "installation", is_copy=True)
    machine.python, machine.folder = str(installation.python), installation.root
    return installation


@pytest.fixture
def receiver():
    """A receiver on this machine, as developers have one."""
    with contextlib.closing(Receiver()) as receiver:
        yield receiver


async def pushing(client, pushed):
    """Call after call, each of which is answered."""
    while True:
        await asyncio.gather(*(client.push(OTHER_ID, "startup", "d", 700.0) for _ in range(AT_ONCE)))
        pushed.append(AT_ONCE)


async def test_no_uploader_of_another_version(machine, installation, receiver, tmp_path):
    """A daemon whose files are replaced while calls come serves on, and starts no uploader of the new version; the next daemon does.

    The report that it would have sent is held, and the user is told why.
    """
    loaded = tmp_path / "loaded"

    def newer(folder):
        with (folder / "upload/program.py").open("a") as file:
            file.write(f"\nopen({str(loaded)!r}, 'w').close()\n")

    machine.develop(url=receiver.url("127.0.0.1"))
    pushed = []
    with machine.daemon() as daemon:
        async with machine.client() as client, machine.client() as user:
            await client.register(KATE_ID, KATE)
            await client.register(OTHER_ID, OTHER)
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            calls = asyncio.create_task(pushing(client, pushed))
            await asyncio.to_thread(installation.replace, newer)
            before = sum(pushed)
            await user.call(CONTROL, "Submit")
            assert not loaded.exists()
            assert receiver.requests.empty()
            (row,) = await user.history()
            assert (row["outcome"], row["tries"]) == ("queued", 0)
            assert problem(Hindrance.PACKAGE, Endpoint("kde", "kde", "")) in await user.get("Problems")
            while sum(pushed) < before + 100:
                assert not calls.done()
                await asyncio.sleep(0)
            calls.cancel()
            assert daemon.stop() == 0
    with machine.daemon():
        async with machine.client() as user:
            await user.call(CONTROL, "Submit")
            assert loaded.exists()
            assert {row["outcome"] for row in await user.history()} == {"accepted"}
