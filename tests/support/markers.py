"""What each test needs, as markers: given by where the test is, by its fixtures and by the helpers that its module uses.

python -m pytest -m build                    # what a distribution's build can run (docs/packaging.md)
python -m pytest -m 'not (strace or root)'
"""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]


class Sign(NamedTuple):
    """What tells that a test needs something.

    `places` begin a path below tests/. `fixtures` are names. `helpers` begin the full name of what the test's module imports.
    `package` is what has to be installed, or the test is skipped. With `is_fit` the need can be met where a distribution builds.
    """

    places: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    package: str = ""
    is_fit: bool = False


SIGNS = {
    # A session bus of its own: dbus-daemon.
    "bus": Sign(
        fixtures=("machine", "any_machine", "every_machine", "ordinary", "shared_bus", "own_bus", "busy"),
        helpers=("support.bus.", "support.machine.Machine", "support.caller_table.", "support.ordinary_user.", "support.window_user."),
        is_fit=True,
    ),
    # The loopback interface: a server of its own on 127.0.0.1.
    "loopback": Sign(
        fixtures=("receiver", "receivers", "receivers_at_once", "watch"),
        helpers=("support.net.", "http.server", "http.client", "aiohttp"),
        is_fit=True,
    ),
    # A compiler, and that LD_PRELOAD works: another time, or a disk that fails.
    "faketime": Sign(
        fixtures=("timeline", "lacking"),
        helpers=("support.shifted_time.", "support.machine_at.", "support.timeline.Timeline", "support.disk.lossy_disk."),
        is_fit=True,
    ),
    # telemetryd as pip installs it, or what builds a wheel.
    "installed": Sign(fixtures=("programs",), helpers=("support.built_wheel",)),
    # A user namespace of an ordinary user, which none in a chroot can make; caller.c, which needs libsystemd's headers.
    "namespace": Sign(
        places=("bus/test_process_checks.py", "bus/test_processes.py", "bus/test_sandbox.py"),
        helpers=("support.confinements.",),
    ),
    # Every generator of D-Bus code that Debian has.
    "generators": Sign(places=("bus/test_generators.py", "bus/test_settings_page.py")),
    "strace": Sign(fixtures=("strace",)),
    # Root's rights. A row of a table has the marker by hand.
    "root": Sign(),
    # The repository: its documents, commands, recipes and habits.
    "house": Sign(places=("test_", "policy/", "toml/test_schema.py")),
    # Its claim is a duration, or waits for one: a busy machine may break it.
    "timing": Sign(
        places=(
            "benchmarks/",
            "bus/test_crowd.py",
            "engine/test_slices.py",
            "flow/test_blindness.py",
            "flow/test_floods.py",
            "flow/test_idle.py",
            "flow/test_replies.py",
            "flow/test_many_callers.py",
        )
    ),
    # Over five seconds of a processor: random walks, crashes, power cuts, months.
    "long": Sign(
        places=(
            "bus/test_libraries.py",
            "core/privacy/test_share_plan.py",
            "ctl/commands/authoring/test_plan.py",
            "ctl/commands/test_check.py",
            "engine/choices/test_foreseen_walks.py",
            "engine/declarations/test_reload_faults.py",
            "engine/test_room_walks.py",
            "engine/test_walks.py",
            "flow/test_bus_faults.py",
            "flow/test_clock.py",
            "flow/test_crash.py",
            "flow/test_crash_ticks.py",
            "flow/test_developer_entered.py",
            "flow/test_every_cause.py",
            "flow/test_fuzz.py",
            "flow/test_lifecycle.py",
            "flow/test_many_questions.py",
            "flow/test_power_cut.py",
            "flow/test_storage_faults.py",
            "flow/test_timer_killed.py",
            "flow/test_uploader_dies.py",
            "flow/test_weeks.py",
            "flow/test_what_can_i_do.py",
            "store/test_model.py",
            "store/test_size.py",
            "toml/test_recorded_readings.py",
            "upload/test_observer.py",
        )
    ),
    "opendp": Sign(fixtures=("opendp",), package="opendp"),
    "pyhpke": Sign(places=("upload/test_ohttp.py",), helpers=("support.net.oblivious_servers.",), package="pyhpke", is_fit=True),
    "pyside6": Sign(places=("settings/",), fixtures=("qsettings",), helpers=("support.driven_window.",), package="PySide6"),
    "dbus_fast": Sign(package="dbus_fast", is_fit=True),
    "dbus_next": Sign(
        places=("bus/test_libraries.py", "bus/transport/test_library.py", "bus/transport/test_private_parts.py"),
        package="dbus_next",
        is_fit=True,
    ),
}
"""Marker → what tells that a test has it. What a marker means stands in pyproject.toml."""
LIBRARIES = {"dbus-fast": "dbus_fast", "dbus-next": "dbus_next"}
BUILD = "build"
"""The marker of tests whose needs can all be met where a distribution builds: without root, network, installation and patience."""


def mark(items):
    """Give every test its markers; skip those for which something is missing."""
    for item in items:
        found = _of_module(item.path, item.module) | _of_fixtures(tuple(item.fixturenames)) | _libraries(item)
        for name in found:
            item.add_marker(name)
        found |= {one.name for one in item.iter_markers()} & SIGNS.keys()
        if all(SIGNS[name].is_fit for name in found):
            item.add_marker(BUILD)
        for reason in filter(None, map(_missing, sorted(found))):
            item.add_marker(pytest.mark.skip(reason=reason))


@cache
def _of_module(path, module):
    place = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    names = _names(module)
    return {
        marker for marker, sign in SIGNS.items() if place.startswith(sign.places) or any(name.startswith(sign.helpers) for name in names)
    }


@cache
def _of_fixtures(names):
    return {marker for marker, sign in SIGNS.items() if not set(sign.fixtures).isdisjoint(names)}


def _names(module):
    """The full names of modules, functions and classes that a module imported."""
    found = vars(module).values()
    named = {f"{one.__module__}.{one.__name__}" for one in found if hasattr(one, "__module__") and hasattr(one, "__name__")}
    return named | {one.__name__ for one in found if isinstance(one, type(os))}


def _libraries(item):
    """The markers of the D-Bus libraries that a row of a table is for."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    words = {word for value in params for word in (value if isinstance(value, tuple) else (value,)) if isinstance(word, str)}
    return {marker for name, marker in LIBRARIES.items() if name in words}


@cache
def _missing(name):
    """Why a test with this marker cannot run here, or nothing."""
    package = SIGNS[name].package
    if package and find_spec(package) is None:
        return f"{package} is not installed"
    return "only root can do that" if name == "root" and os.geteuid() else ""
