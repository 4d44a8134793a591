"""A client that caches properties by signals alone always has what GetAll says, whatever changes: a real GDBusProxy. Policy: T3."""

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, PROPERTIES, STARTS, WAIT_S, CallError, until
from support.machine_at import accept_last_week, shift_to
from support.manifests.manifest_texts import this_week
from support.shifted_time import shifted_by
from support.timeline import at

from telemetryd.bus.transport.library import bus_call

KATE_ID = "org.kde.kate"
PEER = Path(__file__).parent / "peers/caching_client.py"
PYTHON = "/usr/bin/python3"
"""Debian's, which has python3-gi."""
UNCACHED = {"LastWork"}
BROKEN = "schema = = 1\n"


@pytest.fixture(scope="module", autouse=True)
def bindings():
    """GLib's bindings, which `make test` installs."""
    if subprocess.run([PYTHON, "-c", "import gi"], check=False, capture_output=True).returncode:
        pytest.skip("python3-gi is not installed")


class Cache:
    """What a client on a machine has in its cache."""

    def __init__(self, process):
        self._process = process

    def __call__(self):
        """The properties by name."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def caching(machine):
    """A client with a cache, until the block ends."""
    command = [PYTHON, PEER]
    with subprocess.Popen(command, env=machine.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Cache(process)
        process.stdin.close()


async def said(client):
    """What GetAll says."""
    (values,) = await client.call((CONTROL[0], CONTROL[1], PROPERTIES), "GetAll", "s", CONTROL[2])
    plain = {name: value.value for name, value in values.items() if name not in UNCACHED}
    return json.loads(json.dumps(plain, default=lambda variant: variant.value))


async def holds(client, cache):
    """The cache comes to what GetAll says, which is returned."""
    now = await said(client)
    try:
        until(lambda: {name: value for name, value in cache().items() if name not in UNCACHED} == now, within_s=5)
    except AssertionError:
        assert cache() == now
    return now


async def touched(client, cache, names, change):
    """After the change, GetAll says another thing of exactly these properties, and the cache has all. Problems are in two of them."""
    before = await holds(client, cache)
    done = change()
    if done is not None:
        with contextlib.suppress(CallError):
            await done
    after = await holds(client, cache)
    assert {name for name in after if after[name] != before[name]} == {*names, *({"ProblemDetails"} if "Problems" in names else ())}


def write(path, text):
    """Write a file, or remove it (None)."""

    def change():
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)

    return change


async def test_whatever_changes(any_machine):
    """Levels, consent, kill switches, configuration, locks, developer mode, problems, registrations: the cache is right after each."""
    any_machine.install(this_week(KATE))
    await accept_last_week(any_machine, KATE_ID)
    system, user = any_machine.root / "etc/telemetryd/telemetryd.toml", any_machine.root / "home/telemetryd/telemetryd.toml"
    manifests, reviews = any_machine.root / "share/telemetryd/manifests", any_machine.root / "share/telemetryd/reviews.d"
    consent = any_machine.root / "state/telemetryd/consent.sqlite"
    with any_machine.daemon(), caching(any_machine) as cache:
        async with any_machine.client() as client:
            broken = manifests / "org.kde.broken.toml"
            steps = [
                (["System"], lambda: client.set("System", 1)),
                (["Usage"], lambda: client.set("Usage", 1)),
                (["NewQuestions"], lambda: client.set("NewQuestions", 2)),
                ([], lambda: client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)),
                ([], lambda: client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", True)),
                ([], lambda: client.accept(KATE_ID)),
                ([], lambda: client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 0)),
                ([], lambda: client.call(CONTROL, "Erase", "s", "")),
                ([], lambda: client.register("org.kde.ark", KATE.replace(KATE_ID, "org.kde.ark"))),
                ([], lambda: client.call(CONTROL, "Forget", "s", "org.kde.ark")),
                (["KillSwitches"], write(system, "enabled = false\n")),
                (["KillSwitches", "Locks"], write(system, "[limits]\nusage = 0\nnew_questions = 'refuse'\n")),
                ([], lambda: client.set("Usage", 2)),  # refused
                (["Locks"], write(system, "[limits]\nusage = 1\n")),
                (["Locks", "Problems", "KillSwitches"], write(system, BROKEN)),
                (["Problems", "KillSwitches"], write(system, "")),
                (["KillSwitches"], write(any_machine.root / "etc/KDE/UserFeedback.conf", "[UserFeedback]\nEnabled=false\n")),
                (["KillSwitches"], write(any_machine.root / "etc/KDE/UserFeedback.conf", None)),
                (["Problems"], write(broken, BROKEN)),
                (["Problems"], write(broken, KATE)),
                (["Problems"], write(broken, None)),
                (["Problems"], write(reviews / "broken.toml", BROKEN)),
                (["Problems"], write(reviews / "broken.toml", None)),
                (["Developer", "System", "Usage", "NewQuestions"], write(user, "developer = true\n")),
                (["System"], lambda: client.set("System", 2)),
                (["Developer", "System", "Usage", "NewQuestions"], write(user, None)),
                (["Problems", "KillSwitches"], write(user, "[limits")),
                (["Problems", "KillSwitches"], write(user, None)),
                (["System", "Usage", "NewQuestions"], consent.unlink),
            ]
            for names, change in steps:
                await touched(client, cache, names, change)


async def test_a_period_that_begins(any_machine):
    """At the midnight (UTC) with which a period begins, a program that makes no call hears of it, and the question is in its period."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            await client.consent(KATE_ID)
    heard = asyncio.Queue()
    with any_machine.daemon(**shifted_by(shift_to(at(f"{STARTS} 00:00") - 3))), caching(any_machine) as cache:
        async with any_machine.client(heard.put_nowait) as listener:
            await listener.bus.ask(bus_call("AddMatch", "s", [f"type='signal',path='{CONTROL[1]}'"]))
            async with asyncio.timeout(WAIT_S):
                names = [(await heard.get()).member for _ in range(3)]
            assert names == ["NameAcquired", "PropertiesChanged", "QuestionsChanged"]
            await holds(listener, cache)
            assert (await listener.questions())["startup-time"]["state"] == "active"
