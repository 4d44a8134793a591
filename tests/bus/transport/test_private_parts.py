import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.installation import PACKAGES, Installation

from telemetryd.bus.transport import library as bus_library
from telemetryd.bus.transport import private_parts
from telemetryd.bus.transport.private_parts import LOOP, MARSHALL, SIGNATURES, SOCKET, UNMARSHALLER, first_moved

TRANSPORT = Path(private_parts.__file__).parent
UNIX = r"socket\.socket\(socket\.AF_UNIX, socket\.SOCK_STREAM\)"
IMPORT = r"import socket\n|\bsocket\.(?=[a-zA-Z])"


class Change(NamedTuple):
    """A change of a library's code that moves a private part."""

    library: str
    part: str
    pattern: str
    replacement: str | Callable[[re.Match], str]


def name(change):
    """What a test of a change is called."""
    return f"{change.library}: {change.part}"


def renamed_import(hit):
    """The module `socket` under another name."""
    return "import socket as s\n" if hit[0].endswith("\n") else "s."


AT_IMPORT = [
    Change("dbus-fast", MARSHALL, r"\b_marshall\b", "_marshal"),
    Change("dbus-next", MARSHALL, r"\b_marshall\b", "_marshal"),
    Change("dbus-fast", SOCKET, IMPORT, renamed_import),
    Change("dbus-next", SOCKET, IMPORT, renamed_import),
    Change("dbus-next", UNMARSHALLER, r"\b_create_unmarshaller\b", "_new_unmarshaller"),
    Change("dbus-next", UNMARSHALLER, r"\breaders\b", "_readers"),
    Change("dbus-fast", SIGNATURES, r"\bget_signature_tree\b", "tree_of_signature"),
    Change("dbus-next", SIGNATURES, r"\b_cache\b", "_trees"),
]
"""Changes that show when the library is imported."""
ON_CONNECTION = [
    Change("dbus-fast", LOOP, r"\b_loop\b", "loop"),
    Change("dbus-next", LOOP, r"\b_loop\b", "loop"),
    Change("dbus-fast", LOOP, r"self\._loop\.add_reader", "asyncio.get_running_loop().add_reader"),
    Change("dbus-fast", SOCKET, UNIX, "__import__('socket').socket(1, 1)"),
    Change("dbus-next", SOCKET, UNIX, "__import__('socket').socket(1, 1)"),
]
"""Changes that show when the daemon connects."""


@pytest.fixture
def altered(tmp_path):
    """Makes an installation in which a library's code is changed; gives its Python."""

    def alter(library, _part, pattern, replacement):
        installation = Installation(tmp_path / "installation")
        module = library.replace("-", "_")
        folder = installation.site / module
        shutil.copytree(PACKAGES / module, folder, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        changes = 0
        for path in folder.rglob("*.py"):
            text, count = re.subn(pattern, replacement, path.read_text())
            path.write_text(text)
            changes += count
        assert changes, "the library has no such code"
        return str(installation.python)

    return alter


def version(library):
    """The version of a library as it is told."""
    return bus_library._version_text(bus_library._version(library.replace("-", "_")))


def run(python, machine, library, *arguments):
    """A program of telemetryd's under one library, to its end: status and standard error."""
    environ = machine.environ | {bus_library.CHOICE: library}
    done = subprocess.run([python, "-m", *arguments], env=environ, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stderr


@pytest.mark.parametrize("change", AT_IMPORT, ids=name)
def test_moved_part_is_told_at_the_start(altered, machine, change):
    """Where a part has moved, and there is no other library, the daemon ends with 3 and a line with part, library and version."""
    status, output = run(altered(*change), machine, change.library, "telemetryd")
    assert output.startswith(f"ERROR: telemetryd needs {change.library} ")
    assert output.endswith(f"; installed: {change.library} {version(change.library)} ({change.part} has moved)\n")
    assert (status, output.count("\n")) == (3, 1)


@pytest.mark.parametrize("change", [change for change in AT_IMPORT if change.library == "dbus-fast"], ids=name)
def test_another_library_takes_the_place(altered, change):
    """dbus-next is used where a part of dbus-fast has moved."""
    program = "from telemetryd.bus.transport.library import NAME, choose; print(NAME, choose(None))"
    done = subprocess.run([altered(*change), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "dbus-next dbus-next\n"


@pytest.mark.parametrize("change", ON_CONNECTION, ids=name)
def test_moved_part_is_told_on_a_connection(altered, machine, change):
    """A part that shows as moved only on a connection is told in the same way: one line with part, library and version, status 3."""
    python = altered(*change)
    expected = f"ERROR: {change.library} {version(change.library)} cannot be used: {change.part} has moved\n"
    assert run(python, machine, change.library, "telemetryd") == (3, expected)
    assert run(python, machine, change.library, "telemetryd", "--record", "/dev/null") == (3, expected)


def test_library_that_cannot_be_imported_is_told(altered, machine):
    """A library that raises while it is imported is told by the kind of its exception, with its version, not by a traceback."""
    status, output = run(altered("dbus-next", "", r"\A", "import typing\ntyping.no_such_name\n"), machine, "dbus-next", "telemetryd")
    assert output.endswith("; installed: dbus-next 0.2.3 (it cannot be imported: AttributeError)\n")
    assert (status, output.count("\n")) == (3, 1)


@pytest.mark.parametrize("arguments", [["telemetryd", "--tick"], ["telemetryd", "--record", "/dev/null"], ["telemetryd.ctl", "status"]])
def test_every_program_tells_it(altered, machine, arguments):
    """The timer's run, a recording and a command that needs the bus end with 3 and one line; a command that needs none works."""
    python = altered(*AT_IMPORT[1])
    status, output = run(python, machine, "dbus-next", *arguments)
    assert re.fullmatch(rf"[a-zA-Z]+: telemetryd needs dbus-next .*\({MARSHALL} has moved\)\n", output)
    assert status == 3
    assert run(python, machine, "dbus-next", "telemetryd.ctl", "lint", "docs/examples/number.toml") == (0, "")


def test_installed_libraries_have_every_part(library):
    """Nothing has moved in the libraries that are installed here."""
    module = library.replace("-", "_")
    __import__(f"{module}.aio")
    assert first_moved(sys.modules[module], sys.modules[f"{module}.aio"].MessageBus) == ""


def test_every_private_part_has_a_test_that_names_it():
    """Each private name of a library in the transport is one that the self-check knows and that a test in test_library.py is about."""
    touched = {attribute for path in TRANSPORT.glob("*.py") for attribute in private_names(ast.parse(path.read_text()))}
    assert touched == {"_marshall", "_loop", "_create_unmarshaller", "_unmarshaller", "_cache"}
    text = Path(__file__).with_name("test_library.py").read_text()
    checks = [part for part in re.split(r"(?m)^(?=def |async def |@)", text) if re.match(r"(async )?def test_private_", part)]
    for part in ("MARSHALL", "SOCKET", "LOOP", "UNMARSHALLER", "SIGNATURES"):
        assert any(f"private_parts.{part}" in check for check in checks), part
    assert all(any(name in check for check in checks) for name in touched)


def private_names(tree):
    """What a module touches that begins with an underscore and is not its own: of anything but self, or by getattr."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self")):
                continue
            case ast.Attribute(attr=name) | ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]):
                if name.startswith("_") and not name.startswith("__"):
                    yield name
