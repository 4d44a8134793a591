"""Programs that make code from `dbus/*.xml`, every one that Debian has: they take both files, and what they make works.

`make test` installs the small ones. The others come with `make generators`, which also compiles what they make.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from support.machine import KATE, ROOT

from telemetryd.bus.interfaces import CONTROL, TELEMETRY, load, source

CLIENTS = Path(__file__).parent / "generated"
TYPES = ROOT / "docs/examples/clients"
NAMES = (TELEMETRY, CONTROL)
LONG = "it comes with `make generators`, or it is Debian 13's"
compiling = pytest.mark.skipif("TELEMETRYD_GENERATORS" not in os.environ, reason="`make generators` compiles what the generators make")


class Generator(NamedTuple):
    """A generator: its program, its arguments, and whether `make test` installs it. `{xml}` is the interface file, `{out}` a file to write.

    With `prints`, what it makes is its output.
    """

    program: str
    arguments: str
    is_small: bool = True
    prints: bool = False


GENERATORS = {
    f"qt{version}-{kind}": Generator(f"/usr/lib/qt{version}/bin/qdbusxml2cpp", f"-i telemetryd_types.h -{kind[0]} {{out}} {{xml}}")
    for version in (5, 6)
    for kind in ("proxy", "adaptor")
} | {
    "gdbus-c": Generator("gdbus-codegen", "--interface-prefix org.telemetryd. --c-namespace Telemetryd --generate-c-code {out} {xml}"),
    "gdbus-docbook": Generator("gdbus-codegen", "--generate-docbook {out} {xml}"),
    "sdbus-c++-proxy": Generator("sdbus-c++-xml2cpp", "{xml} --proxy={out}"),
    "sdbus-c++-adaptor": Generator("sdbus-c++-xml2cpp", "{xml} --adaptor={out}"),
    "dbus-glib-client": Generator("dbus-binding-tool", "--mode=glib-client --prefix=telemetryd --output={out} {xml}"),
    "dbus-glib-server": Generator("dbus-binding-tool", "--mode=glib-server --prefix=telemetryd --output={out} {xml}"),
    "dbus-c++-proxy": Generator("dbusxx-xml2cpp", "{xml} --proxy={out}"),
    "dbus-c++-adaptor": Generator("dbusxx-xml2cpp", "{xml} --adaptor={out}"),
    "obus-interface": Generator("obus-gen-interface", "-o {out} {xml}", is_small=False),
    "obus-idl": Generator("obus-xml2idl", "-o {out} {xml}", is_small=False),
    "dbus-cpp": Generator("dbus-cppc", "--input-file {xml}", is_small=False),
    "dbuskit": Generator("dk_make_protocol", "-i {xml} -o {out}", is_small=False),  # Debian 13
    "python-sdbus": Generator("/usr/bin/python3", "-m sdbus gen-from-file {xml}", is_small=False, prints=True),  # Debian 13
}


def is_missing(generator):
    """Whether the generator is not installed here."""
    if generator.arguments.startswith("-m sdbus"):
        return subprocess.run([generator.program, "-c", "import sdbus"], capture_output=True, check=False).returncode != 0
    return shutil.which(generator.program) is None


def made_by(generator, name, folder):
    """Everything that a generator makes of an interface file, as one text."""
    command = generator.arguments.format(xml=source(name), out="made").split()
    done = subprocess.run([generator.program, *command], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "unknown type" not in done.stderr
    assert "Traceback" not in done.stderr
    files = "".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())
    return files + done.stdout * generator.prints


def folded(text):
    """A text as it is whatever a language does to names: `PushMany`, `push_many` and `pushMany` are one."""
    return text.replace("_", "").lower()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", GENERATORS)
def test_every_generator_takes_it(which, name, tmp_path):
    """It ends well, and every method of the interface is in what it made."""
    generator = GENERATORS[which]
    if is_missing(generator):
        assert not generator.is_small, f"{generator.program} is missing: packaging/bootstrap.sh test installs it"
        pytest.skip(f"{generator.program} is not installed: {LONG}")
    if which == "dbuskit" and any(declared.is_writable for declared in load(name).properties.values()):
        pytest.skip("dk_make_protocol 0.1.1 ends with an exception at every writable property, of whatever interface")
    made = folded(made_by(generator, name, tmp_path))
    assert [method for method in load(name).methods if folded(method) not in made] == []


def test_an_interface_without_annotations_is_refused(tmp_path):
    """qdbusxml2cpp names what it does not know: without the annotations for Qt, the test above would fail."""
    bare = tmp_path / "bare.xml"
    lines = source(TELEMETRY).read_text().splitlines()
    bare.write_text("\n".join(line for line in lines if "QtTypeName" not in line))
    done = subprocess.run([GENERATORS["qt6-proxy"].program, "-p", tmp_path / "made", bare], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unknown type `a{sv}'" in done.stderr


@pytest.fixture
def developing(machine):
    """A daemon in developer mode with an application, and a lock."""
    machine.develop()
    machine.configure("[limits]\nusage = 1\n")
    machine.install(KATE)
    with machine.daemon():
        yield machine


def run(folder, *command):
    """Run a step of building; its output."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def flags_of(*packages):
    """What compiling and linking with these takes."""
    return run(ROOT, "pkg-config", "--cflags", "--libs", *packages).split()


@compiling
@pytest.mark.parametrize(("version", "moc"), [(5, "/usr/lib/qt5/bin/moc"), (6, "/usr/lib/qt6/libexec/moc")])
def test_what_qt_makes_calls_everything(developing, tmp_path, version, moc):
    """A Qt program over the made proxies and the header of types: pushes, lists, accepts, previews, watches, reads a lock.

    A float in a QVariantMap aborts it, as docs/pushing.md says.
    """
    flags = flags_of(f"Qt{version}DBus")
    build = tmp_path / "build"
    build.mkdir()
    for name, stem, more in ((TELEMETRY, "telemetry1", ()), (CONTROL, "control1", ("-i", "telemetryd_types.h"))):
        run(build, GENERATORS[f"qt{version}-proxy"].program, "-m", *more, "-p", stem, source(name))
        run(build, moc, f"-I{TYPES}", f"{stem}.h", "-o", f"{stem}.moc")
    sources = (CLIENTS / "qt_client.cpp", "control1.cpp", "telemetry1.cpp")
    run(build, "c++", "-std=c++17", "-fPIC", "-Wall", "-Werror", "-I.", f"-I{TYPES}", *sources, "-o", "client", *flags)
    printed = developing.run(str(build / "client"), "org.kde.kate").stdout.splitlines()
    assert printed == ["pushed", "pushed many", "org.kde.kate", "accepted 1", "org.kde.kate/startup-time", "500..2000", "usage=1"]
    assert developing.run(str(build / "client"), "org.kde.kate", "float", check=False).returncode == -signal.SIGABRT


@compiling
def test_what_gdbus_codegen_makes_calls(developing, tmp_path):
    """A C program over the made proxies: pushes, reads a property, lists."""
    flags = flags_of("gio-2.0", "gio-unix-2.0")
    build = tmp_path / "build"
    build.mkdir()
    for name, stem in ((TELEMETRY, "telemetry1"), (CONTROL, "control1")):
        run(build, "gdbus-codegen", *GENERATORS["gdbus-c"].arguments.format(out=stem, xml=source(name)).split())
    run(build, "cc", "-Wall", "-Werror", "-I.", CLIENTS / "glib_client.c", "control1.c", "telemetry1.c", "-o", "client", *flags)
    assert developing.run(str(build / "client"), "org.kde.kate").stdout == "0 rows, level 0\n"


@compiling
def test_what_sdbus_cpp_makes_compiles(tmp_path):
    """The C++ that sdbus-c++-xml2cpp makes of both files is what its own library takes."""
    flags = flags_of("sdbus-c++")
    for name in NAMES:
        for kind in ("proxy", "adaptor"):
            run(tmp_path, "sdbus-c++-xml2cpp", source(name), f"--{kind}={kind}.h")
            (tmp_path / "all.cpp").write_text(f'#include "{kind}.h"\n')
            run(tmp_path, "c++", "-std=c++20", "-fsyntax-only", "all.cpp", *flags)
