"""The system facts, from trees of real files and from this machine."""

import subprocess
import sys

import pytest

from telemetryd.core.system_facts import SOURCES
from telemetryd.system.facts import LinuxFacts, architecture, cpu_count, kernel


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
    assert all(here.read(name) is not None for name in ("memory", "cpu_count", "architecture", "os", "kernel", "virtual_machine"))
    assert set(SOURCES) == set(here._readers)
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
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from telemetryd.system import facts; print(facts.cpu_count())"
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


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('VERSION_ID="24.04"\n', 24.04),
        ("VERSION_ID=12\n", 12),
        ("VERSION_ID=3.7.13\n", 3.7),
        ("VERSION_ID=20251101\n", None),
        ("ID=arch\n", None),
        ("VERSION_ID=rolling\n", None),
    ],
)
def test_os_version(tmp_path, write, text, version):
    """The first two numbers of the version; dates and rolling distributions have none."""
    write("etc/os-release", text)
    assert facts(tmp_path).read("os_version") == version


@pytest.mark.parametrize(
    ("release", "number"),
    [("6.12.48+deb13-amd64", 612), ("6.1.0-41-amd64", 601), ("5.4", 504), ("7.0.1", 700), ("next", None), ("6.123", None)],
)
def test_kernel(release, number):
    """Major and minor version; nothing of the build."""
    assert kernel(release) == number


@pytest.mark.parametrize(
    ("variable", "name"), [("KDE", "kde"), ("ubuntu:GNOME", "gnome"), ("X-Cinnamon", "cinnamon"), ("sway", "sway"), ("", None)]
)
def test_desktop(tmp_path, variable, name):
    """The general name of the desktop, as declared."""
    assert facts(tmp_path, XDG_CURRENT_DESKTOP=variable).read("desktop") == name


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr"}, "fr"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "pt_BR@euro"}, "pt"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:fr"}, "de"),
        ({"LANG": "C.UTF-8", "LANGUAGE": ":pt_BR"}, "pt"),
        ({"LANG": "C", "LANGUAGE": "de"}, None),
        ({"LANGUAGE": "de"}, None),
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "POSIX"}, None),
        ({}, None),
    ],
)
def test_language(tmp_path, environ, language):
    """The first language of messages, as gettext finds it, without country, script or encoding."""
    assert facts(tmp_path, **environ).read("locale_language") == language


@pytest.mark.parametrize(
    ("files", "is_virtual"),
    [
        ({"proc/cpuinfo": "flags\t\t: fpu hypervisor sse\n"}, True),
        ({"proc/cpuinfo": "flags\t\t: fpu sse\n", "sys/class/dmi/id/sys_vendor": "LENOVO\n"}, False),
        ({"sys/class/dmi/id/sys_vendor": "QEMU\n"}, True),
        ({"sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n", "sys/class/dmi/id/product_name": "Virtual Machine\n"}, True),
        ({"sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n", "sys/class/dmi/id/product_name": "Surface Laptop\n"}, False),
        ({"proc/device-tree/compatible": "linux,dummy-virt\0qemu,virt\0"}, True),
        ({}, None),
    ],
)
def test_virtual_machine(tmp_path, write, files, is_virtual):
    """A hypervisor's mark or maker makes it virtual; a machine that says nothing is unknown."""
    for path, text in files.items():
        write(path, text)
    assert facts(tmp_path).read("virtual_machine") is is_virtual


@pytest.mark.parametrize(
    ("script", "is_virtual"),
    [
        ("[ $* = --vm ] && echo vmware", True),
        ("echo none; exit 1", False),
        ("exit 1", None),
        ("echo 'Failed to check for VM: No such file'; exit 1", None),
        ("printf '\\377\\n'", None),
    ],
)
def test_virtual_machine_by_systemd(tmp_path, write, script, is_virtual):
    """What systemd detects holds, whatever the makers are; where it fails they count. It is asked once."""
    write("usr/bin/systemd-detect-virt", f"#!/bin/sh\necho >> {tmp_path}/asked\n{script}\n")
    (tmp_path / "usr/bin/systemd-detect-virt").chmod(0o755)
    here = facts(tmp_path)
    assert here.read("virtual_machine") is is_virtual
    write("sys/class/dmi/id/sys_vendor", "LENOVO\n" if is_virtual else "QEMU\n")
    assert here.read("virtual_machine") is (True if is_virtual is None else is_virtual)
    assert len((tmp_path / "asked").read_text()) == 1


def test_screens(tmp_path, write):
    """Connected screens are counted from the kernel's connectors, and the tallest preferred mode is known, without any display."""
    assert (facts(tmp_path).read("screen_count"), facts(tmp_path).read("screen_height")) == (None, None)
    for name, status, modes in (
        ("card0-eDP-1", "connected", "1920x1200\n1920x1080\n"),
        ("card0-HDMI-A-1", "disconnected", "3840x2160\n"),
        ("card1-DP-2", "connected", "2560x1440\n"),
        ("card0-Writeback-1", "connected", "9999x9999\n"),
        ("renderD128", "connected", "1x1\n"),
    ):
        write(f"sys/class/drm/{name}/status", status + "\n")
        write(f"sys/class/drm/{name}/modes", modes)
    assert (facts(tmp_path).read("screen_count"), facts(tmp_path).read("screen_height")) == (2, 1440)
