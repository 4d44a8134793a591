"""The system facts, from trees of real files and from this machine."""

import subprocess
import sys

import pytest

from telemetryd.core.system import SOURCES
from telemetryd.facts.linux import LinuxFacts, architecture, cpu_count


@pytest.fixture
def write(tmp_path):
    """Writes a file of the tree."""

    def write_file(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return write_file


def facts(root, **environ):
    """The facts of a tree and an environment."""
    return LinuxFacts(environ, root)


def test_this_machine():
    """Every declared fact but the session's type is known on this machine; what is not declared never is."""
    here = LinuxFacts({})
    assert set(SOURCES) == {"memory", "cpu_count", "architecture", "os", "session_type"}
    assert all(here.read(name) is not None for name in SOURCES if name != "session_type")
    assert here.read("hostname") is None


@pytest.mark.parametrize(("kib", "gib"), [("16284616", 16), ("2014000", 2), ("1048577", 2)])
def test_memory(tmp_path, write, kib, gib):
    """The memory is the installed size in GiB, of which the kernel reports a little less."""
    write("proc/meminfo", f"MemTotal:       {kib} kB\nMemFree:         1 kB\n")
    assert facts(tmp_path).read("memory") == gib


@pytest.mark.parametrize("text", ["", "MemFree: 1 kB\n", "MemTotal: many kB\n", "XMemTotal: 1 kB\n"])
def test_memory_unknown(tmp_path, write, text):
    """A kernel that does not say it leaves the memory unknown, as a missing file does."""
    assert facts(tmp_path).read("memory") is None
    write("proc/meminfo", text)
    assert facts(tmp_path).read("memory") is None


def test_cpu_count():
    """The machine's processors that are online, as getconf counts them, even where this process may use fewer."""
    online = int(subprocess.run(["getconf", "_NPROCESSORS_ONLN"], capture_output=True, check=True).stdout)
    assert LinuxFacts({}).read("cpu_count") == cpu_count() == online
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from telemetryd.facts import linux; print(linux.cpu_count())"
    )
    assert int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) == online


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("x86_64", "x86_64"),
        ("aarch64", "aarch64"),
        ("i586", "i686"),
        ("armv8l", "armv7l"),
        ("arm64", "aarch64"),
        ("loongarch64", "loongarch64"),
    ],
)
def test_architecture_names(machine, name):
    """Other names of a declared architecture become the declared one; all else stays and is `other` later."""
    assert architecture(machine) == name


def test_architecture_of_this_machine():
    """The architecture is what uname says."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    assert LinuxFacts({}).read("architecture") == architecture(machine)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n', "debian"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="suse"\n', "opensuse-tumbleweed"),
        ("ID='arch'\n", "arch"),
        ("# ID=debian\nID_LIKE=debian\n", "linux"),
        ("ID=debian\nID=ubuntu", "ubuntu"),
        ("", "linux"),
    ],
)
def test_os(tmp_path, write, text, name):
    """The system is os-release's ID without quotes; the last one counts, and where there is none its default."""
    write("etc/os-release", text)
    assert facts(tmp_path).read("os") == name


def test_os_of_the_second_file(tmp_path, write):
    """/usr/lib/os-release counts only where /etc/os-release is absent; without both the system is unknown."""
    assert facts(tmp_path).read("os") is None
    write("usr/lib/os-release", "ID=fedora\n")
    assert facts(tmp_path).read("os") == "fedora"
    write("etc/os-release", "ID=bazzite\n")
    assert facts(tmp_path).read("os") == "bazzite"


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}, "wayland"),
        ({"XDG_SESSION_TYPE": "x11", "WAYLAND_DISPLAY": "nested"}, "x11"),
        ({"XDG_SESSION_TYPE": "tty"}, "tty"),
        ({"XDG_SESSION_TYPE": "tty", "WAYLAND_DISPLAY": "wayland-1", "DISPLAY": ":0"}, "wayland"),
        ({"XDG_SESSION_TYPE": "tty", "DISPLAY": ":0"}, "x11"),
        ({"XDG_SESSION_TYPE": "tty", "DISPLAY": "localhost:10.0"}, "tty"),
        ({"XDG_SESSION_TYPE": "unspecified", "DISPLAY": ":1"}, "x11"),
        ({"XDG_SESSION_TYPE": "mir"}, "mir"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
        ({"XDG_SESSION_TYPE": "unspecified"}, None),
        ({}, None),
    ],
)
def test_session_type(tmp_path, environ, name):
    """The login manager's word holds, unless it knows of no desktop and a display is there."""
    assert facts(tmp_path, **environ).read("session_type") == name
