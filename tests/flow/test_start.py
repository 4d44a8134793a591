"""What a start and an idle daemon leave out: pydantic, OpenSSL, the manifests of applications that do not run, and every trace."""

import os
import re
import signal
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, CallError

from telemetryd.toml import manifest

HEAVY = re.compile(r"pydantic_core|libssl|libcrypto|_hashlib|aiohttp")
KDE = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n'
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
MEASURED = any(name.startswith("COVERAGE_") for name in os.environ)
"""Whether coverage is measured in the daemon too: that imports Python's hashes, OpenSSL's among them, before our first line."""
PLACES = ("state", "home", "cache", "etc", "share")


def kate_as(application):
    """Kate's manifest as another application's."""
    return KATE.replace("org.kde.kate", application)


def loaded(daemon):
    """Which heavy libraries the daemon's process has mapped."""
    mapped = set(HEAVY.findall(Path(f"/proc/{daemon.process.pid}/maps").read_text()))
    return sorted(mapped - {"_hashlib", "libcrypto"} if MEASURED else mapped)


def files(machine):
    """Every file and folder that a program of the user or of the system could leave, files with bytes and time of the last change."""
    found = [path for place in PLACES for path in (machine.root / place).rglob("*")]
    return {path: path.is_file() and (path.read_bytes(), path.lstat().st_ctime_ns) for path in found}


async def use(machine, client):
    """An installed application and one that registers push, and the user accepts and looks at everything."""
    for application in ("org.kde.kate", "org.kde.okular"):
        await client.consent(application)
        await client.push(application, "startup", "d", 700.0)
    assert len((await client.call(CONTROL, "ListQuestions", "s", ""))[0]) == 2
    await client.preview()


async def test_nothing_heavy(any_machine):
    """With configuration, reviews, a manifest, a registered text and consents, at a start and in use: no pydantic, no OpenSSL."""
    any_machine.configure(KDE)
    any_machine.install(KATE)
    any_machine.review(kate_as("org.kde.okular"))
    with any_machine.daemon() as daemon:
        async with any_machine.client() as client:
            await client.register("org.kde.okular", kate_as("org.kde.okular"))
            await use(any_machine, client)
        assert loaded(daemon) == []
        assert daemon.stop() == 0
    with any_machine.daemon() as daemon:
        async with any_machine.client() as client:
            await use(any_machine, client)
        assert loaded(daemon) == []


async def test_nothing_heavy_after_an_upload(machine):
    """Nor does handing a report to the uploader load any of it: that is a process of its own."""
    machine.develop()
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.register("org.kde.kate", KATE)
            await client.consent("org.kde.kate")
            await client.push("org.kde.kate", "startup", "d", 700.0)
            await client.call(CONTROL, "Submit")
            assert [row["error"] for row in await client.history()] == ["refused"]
        assert loaded(daemon) == []


async def test_a_broken_pydantic_costs_nothing(machine):
    """Faulty files and texts are refused in the same words where pydantic cannot be imported, and all else goes on."""
    machine.configure("enabled = 1\nenable = true")
    (machine.root / "share/telemetryd/reviews.d/a.toml").write_text('[[review]]\napplication = "org.kde.kate"\ndate = "2026-01-01"\n')
    broken = machine.root / "broken"
    for name in ("pydantic", "pydantic_core"):
        (broken / name).mkdir(parents=True)
        (broken / name / "__init__.py").write_text("raise SystemError('broken')")
    told = [await refusals(machine, environ) for environ in ({}, {"PYTHONPATH": str(broken)})]
    assert told[0] == told[1]
    assert told[0] == {
        "etc/telemetryd/telemetryd.toml": (
            "enable: unknown key; known keys: enabled, developer, idle_exit_minutes, budget_source, budget_year, budget_epsilon, limits, "
            "endpoint; enabled: expected true or false"
        ),
        "share/telemetryd/reviews.d/a.toml": (
            "[[review]] number 1: question: is missing; [[review]] number 1: definition: is missing; [[review]] number 1: reviewers: "
            "is missing; [[review]] number 1: record: is missing; "
            "[[review]] number 1: date: expected a date without quotes, such as 2026-11-24"
        ),
        "registered": (
            "[[question]] \"startup-time\": category: expected 'system' or 'usage'; "
            '[[question]] "startup-time": ends: expected a date without quotes, such as 2026-11-24'
        ),
    }


async def refusals(machine, environ):
    """What a daemon tells of the faulty files and of a faulty text; it reads a right text afterwards."""
    with machine.daemon(**environ) as daemon:
        async with machine.client() as client:
            told = {os.path.relpath(file, machine.root): text for file, text in await client.get("Problems") if file}
            with pytest.raises(CallError) as refused:
                await client.register("org.kde.kate", re.sub(r"ends = (\S+)", r'ends = "\1"', KATE.replace('"usage"', '"use"')))
            await client.register("org.kde.kate", KATE)
        assert daemon.stop() == 0
    return told | {"registered": refused.value.text}


async def test_nothing_is_kept_on_disk(machine):
    """While everything is off an installed application's pushes leave no file anywhere: what was read of its manifest is nowhere."""
    machine.configure(KDE)
    machine.install(KATE)
    with machine.daemon() as daemon:
        assert daemon.stop() == 0
    before = files(machine)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.push("org.kde.kate", "startup", "d", 700.0)
            await client.questions()
        assert daemon.stop() == 0
    assert files(machine) == before


async def test_a_thousand_applications(machine, strace):
    """Of a thousand installed manifests a start opens none, and a push the one that it is about."""
    folder = machine.root / "share/telemetryd/manifests"
    for number in range(1000):
        name = f"org.example.App{number}"
        (folder / f"{name}.toml").write_text(kate_as(name))
    trace = machine.root / "trace"
    prefix = (strace, "-f", "--seccomp-bpf", "-e", "trace=open,openat", "-s", "300", "-o", str(trace))
    with machine.daemon(prefix=prefix):
        process = machine.ask(BUS, "GetConnectionUnixProcessID", "s", CONTROL[0])[0]
        async with machine.client() as client:
            await client.call(CONTROL, "History", "tu", 0, 1)
            assert opened(trace, folder) == set()
            await client.push("org.example.App7", "startup", "d", 700.0)
            assert opened(trace, folder) == {"org.example.App7.toml"}
        os.kill(process, signal.SIGTERM)  # strace itself does not listen to it


def opened(trace, folder):
    """The names of the files in a folder that were opened."""
    return set(re.findall(rf'"{re.escape(os.fspath(folder))}/([^"]+)"', trace.read_text()))


def test_the_manifest_is_right():
    """What these tests install is what they mean it to be."""
    assert manifest.parse(kate_as("org.kde.okular")).application.id == "org.kde.okular"
