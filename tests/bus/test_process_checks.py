import asyncio
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.confinements import IS_ROOT
from support.disk.silent_fs import DEVICE, silent_root

from telemetryd.bus.identity import Caller, Confinement
from telemetryd.bus.process_checks import ProcessChecks
from telemetryd.core.limits import LOOK_TIMEOUT_S, LOOKS_MAX

DESCRIPTORS = Path("/proc/self/fd")
ENDED = "the process that connected to the session bus has ended; connect in the process that calls"


@pytest.mark.parametrize(
    ("credentials", "why"),
    [
        ({"UnixUserID": os.getuid() + 1, "ProcessID": os.getpid()}, "it runs as another user"),
        ({"ProcessID": os.getpid()}, "it runs as another user"),
        ({"UnixUserID": os.getuid()}, "the session bus does not say which process it is"),
        ({"UnixUserID": os.getuid(), "ProcessID": 0}, "the session bus does not say which process it is"),
        ({"UnixUserID": os.getuid(), "ProcessID": 2**22 + 1}, ENDED),
    ],
)
async def test_credentials_that_name_nobody_are_unknown(credentials, why):
    """A caller of another user, without a process or of one that is gone is unknown, and is told which it is."""
    assert await ProcessChecks().identify(credentials, None) == Caller(Confinement.UNKNOWN, why=why)


def test_a_daemon_short_of_descriptors_is_no_proof_against_the_caller():
    """Where the daemon has no descriptor left to look with, the caller may call again: it is not taken for a sandbox."""
    program = (
        "import asyncio, os, resource\nfrom telemetryd.bus.process_checks import ProcessChecks\n"
        "who = {'UnixUserID': os.getuid(), 'ProcessID': os.getpid()}\n"
        "pidfd = os.pidfd_open(os.getpid())\n"
        "async def main():\n"
        "    first = await ProcessChecks().identify(who, pidfd)\n"
        "    limit = max(map(int, os.listdir('/proc/self/fd')))\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
        "    print(first.kind, (await ProcessChecks().identify(who, pidfd)).kind, (await ProcessChecks().identify(who, None)).kind)\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Confinement.HOST", "Confinement.LATE", "Confinement.LATE"]


needs_device = pytest.mark.skipif(not DEVICE.exists(), reason="no file system can be served by a test here")


@pytest.mark.root
@needs_device
async def test_a_root_that_never_answers_keeps_nobody_waiting(tmp_path):
    """A program whose root directory is a file system of its own that never answers is told to try again; others are known meanwhile.

    However often it calls, it takes one thread, and as long as that is stuck it gets its answer at once.
    """
    (tmp_path / "root").mkdir()
    looks = ProcessChecks()
    with silent_root(tmp_path / "root"), hung(tmp_path / "root") as stuck, hung("/") as other:
        began = asyncio.get_running_loop().time()
        late = [asyncio.ensure_future(looks.identify(who(stuck), None)) for _ in range(LOOKS_MAX + 4)]
        assert (await looks.identify(who(os.getpid()), None)).kind is Confinement.HOST
        assert (await looks.identify(who(other), None)).kind is Confinement.HOST
        assert asyncio.get_running_loop().time() - began < LOOK_TIMEOUT_S
        assert {caller.kind for caller in await asyncio.gather(*late)} == {Confinement.LATE}
        assert number_of_looks() == 1
        before = set(DESCRIPTORS.iterdir())
        async with asyncio.timeout(LOOK_TIMEOUT_S / 2):
            assert [(await looks.identify(who(stuck), None)).kind for _ in range(50)] == 50 * [Confinement.LATE]
        assert (number_of_looks(), set(DESCRIPTORS.iterdir())) == (1, before)


@pytest.mark.root
@needs_device
async def test_many_roots_that_never_answer(tmp_path):
    """Programs with such a root in as many mount namespaces as there are threads lock out other namespaces, but not the daemon's own.

    When they have gone, all are known again.
    """
    (tmp_path / "root").mkdir()
    looks = ProcessChecks()
    with silent_root(tmp_path / "root"), ExitStack() as stack:
        stuck = [stack.enter_context(hung(tmp_path / "root")) for _ in range(LOOKS_MAX)]
        late = await asyncio.gather(*(looks.identify(who(one), None) for one in stuck))
        assert ({caller.kind for caller in late}, number_of_looks()) == ({Confinement.LATE}, LOOKS_MAX)
        assert (await looks.identify(who(os.getpid()), None)).kind is Confinement.HOST
        with hung("/") as other:
            async with asyncio.timeout(LOOK_TIMEOUT_S / 2):  # at once: its calls do not wait meanwhile
                assert (await looks.identify(who(other), None)).kind is Confinement.LATE
    with hung("/") as other:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            # its namespace may have the number of one that is gone
            while (await looks.identify(who(other), None)).kind is Confinement.LATE:
                await asyncio.sleep(0.01)
        assert (await looks.identify(who(other), None)).kind is Confinement.HOST


async def test_many_looks_at_once_all_come_back(tmp_path):
    """A login that starts more sandboxes at once than there are places has all of them identified."""
    looks = ProcessChecks()
    before = set(DESCRIPTORS.iterdir())
    with hung("/") as hanging:
        callers = await asyncio.gather(*(looks.identify(who(hanging), None) for _ in range(10 * LOOKS_MAX)))
        assert {caller.kind for caller in callers} == {Confinement.HOST if IS_ROOT else Confinement.CONTAINER}
    assert set(DESCRIPTORS.iterdir()) == before


def number_of_looks():
    """The threads that inspect a process."""
    return sum(thread.name == "look" for thread in threading.enumerate())


def who(pid):
    """What the bus says of a process of ours."""
    return {"UnixUserID": os.getuid(), "ProcessID": pid}


@contextmanager
def hung(root):
    """The number of a process with a mount namespace, and a root, of its own."""
    unshare = ["unshare", "--mount", "--propagation=unchanged"] if IS_ROOT else ["unshare", "--user", "--map-root-user", "--mount"]
    program = f"import os, sys; os.chroot({str(root)!r}); print('ready', flush=True); sys.stdin.read()"
    command = [*unshare, sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.stdin.close()
