"""Programs in every confinement that a caller may come from, as far as this machine allows each: real ones, of an ordinary user.

ways(folder)["file capability"].command("wait")     # what runs tests/caller.c there; `is_missing` says why it cannot be had
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
USER = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if IS_ROOT else ()
"""What runs a command as the ordinary user: `nobody` where the tests run as root."""
OWN, OTHER = "org.example.Boxed", "org.kde.kate"
"""What the sandboxes say that they are, and another application."""
SNAP = "boxed"
STRICT, CLASSIC = f"snap.{SNAP}.app (enforce)", f"snap.{SNAP}.app (complain)"
"""The AppArmor labels of a confined snap, and of one that confines nothing."""
_GROUP = f"snap.{SNAP}.app-{os.getpid()}.scope"
_CAPABILITY = "cap_sys_nice"
"""What KWin and gamescope have."""
_ONLY_ROOT = "" if IS_ROOT else "only root can give a program that"


class Way(NamedTuple):
    """How a program is run: what runs it, itself, and what it does first. `is_missing` says why this machine has no such thing, or ""."""

    prefix: tuple[str, ...]
    program: str
    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    is_missing: str = ""

    def command(self, *arguments, bus=""):
        """The command that does these things there; with a bus, once it is connected to the socket there."""
        connected = ("connect", bus, *self.then) if bus else ()
        return [*self.prefix, self.program, *self.first, *connected, *arguments]


def ways(folder):
    """Name → Way, over a folder that everybody may enter."""
    caller = _built(folder)
    root = _own_root(folder)
    bwrap = _missing("bwrap", "bwrap", "--ro-bind", "/", "/", "true")
    plain = Way(USER, caller)
    known, unknown = (("--ro-bind", _info(folder, instance), "/.flatpak-info") for instance in ("4242", "17"))
    return {
        "plain": plain,
        "plain, NoNewPrivs": plain._replace(first=("nnp",)),
        "file capability": Way(USER, *_capable(folder, caller)),
        "ambient capability": Way(
            (*USER, f"--inh-caps=+{_CAPABILITY[4:]}", f"--ambient-caps=+{_CAPABILITY[4:]}"), caller, is_missing=_ONLY_ROOT
        ),
        "not dumpable": plain._replace(first=("hide",)),
        "not dumpable, NoNewPrivs": plain._replace(first=("nnp", "hide")),
        "Flatpak": Way((*root, *known), caller, is_missing=bwrap),
        "Flatpak, instance not known": Way((*root, *unknown), caller, is_missing=bwrap),
        "Flatpak, not dumpable": Way((*root, *known), caller, ("hide",), is_missing=bwrap),
        "Snap, by control group": _in_group(caller, _GROUP),
        "user namespace (podman, toolbox)": Way((*USER, *_UNSHARE), caller, is_missing=_missing("unshare", *_UNSHARE, "true")),
        "user namespace, not dumpable": Way((*USER, *_UNSHARE), caller, ("hide",), is_missing=_missing("unshare", *_UNSHARE, "true")),
        "bwrap over /": Way((*USER, "bwrap", "--bind", "/", "/"), caller, is_missing=bwrap),
        "bwrap with its own root": Way(root, caller, is_missing=bwrap),
        "vanished": plain._replace(then=("orphan",)),
    }


_UNSHARE = ("unshare", "--user", "--map-current-user")


@contextmanager
def open_folder():
    """A directory that every user may enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="telemetryd-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)
        for group in _groups():
            group.rmdir()


def runtime(folder):
    """The user's runtime directory there, where Flatpak has written down its instance 4242."""
    return folder / "run"


def _built(folder):
    """tests/caller.c as a program."""
    program = folder / "caller"
    subprocess.run(
        ["cc", "-O1", "-Wall", "-Werror", "-o", str(program), str(Path(__file__).with_name("caller.c")), "-lsystemd"], check=True
    )
    return str(program)


def _capable(folder, caller):
    """A copy of the program with a file capability, nothing to do first, nothing then, and why there is none."""
    program = folder / "capable"
    shutil.copy2(caller, program)
    is_missing = _ONLY_ROOT or ("its file system is mounted nosuid" if os.statvfs(folder).f_flag & os.ST_NOSUID else "")
    if not is_missing:
        done = subprocess.run(["/sbin/setcap", f"{_CAPABILITY}+ep", str(program)], capture_output=True, text=True, check=False)
        is_missing = done.stderr.strip()
    return str(program), (), (), is_missing


def _own_root(folder):
    """Bwrap with a root of its own, as Flatpak makes one."""
    links = [part for name in ("lib", "lib64", "bin") if Path("/", name).is_symlink() for part in ("--symlink", f"usr/{name}", f"/{name}")]
    return (*USER, "bwrap", "--ro-bind", "/usr", "/usr", *links, "--ro-bind", str(folder), str(folder))


def _info(folder, instance):
    """A .flatpak-info as Flatpak writes it; of the instance 4242 also where Flatpak keeps it for others."""
    text = f"[Application]\nname={OWN}\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\ninstance-id={instance}\n"
    known = runtime(folder) / ".flatpak/4242"
    known.mkdir(parents=True, exist_ok=True)
    path = known / "info" if instance == "4242" else folder / f"info-{instance}"
    path.write_text(text)
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY)
    return str(path)


def _in_group(caller, name):
    """In a control group of this name, real but made by hand: the kernel here has no AppArmor, and no snapd runs in tests."""
    top = top_group()
    is_missing = _ONLY_ROOT or ("" if top and os.access(top, os.W_OK) else "no control groups of version 2 that can be written here")
    group = top / name if top else Path(name)
    if not is_missing:
        try:
            group.mkdir(exist_ok=True)
        except OSError as error:
            is_missing = str(error)
    return Way(("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), *USER), caller, is_missing=is_missing)


def top_group():
    """Where the control groups of version 2 are, or None."""
    return next((path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None)


def _groups():
    """The control groups that were made here."""
    top = top_group()
    return top.glob(_GROUP) if top else ()


def _missing(what, *command):
    """Why a command that an ordinary user gives does not work on this machine, or ""."""
    if shutil.which(what) is None:
        return f"{what} is not installed"
    done = subprocess.run([*USER, *command], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@contextmanager
def running(way):
    """A program that runs this way and waits; the number of its process."""
    with subprocess.Popen(way.command("wait"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            yield _innermost(program.pid)
        finally:
            program.stdin.close()


def _innermost(pid):
    """The process in a sandbox: its launchers wait outside."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _innermost(int(children[0])) if children else pid


_LOOKER = """
import asyncio, json, os, sys
from telemetryd.bus.process_checks import ProcessChecks
label, runtime, nobody = sys.argv[1:]
os.environ["XDG_RUNTIME_DIR"] = runtime
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(int(nobody)), os.setuid(int(nobody))
for line in sys.stdin:
    credentials = {"UnixUserID": os.getuid(), "ProcessID": int(line), "LinuxSecurityLabel": label.encode() + b"\\0"}
    caller = asyncio.run(ProcessChecks().identify(credentials, None))
    print(json.dumps([caller.kind.value, caller.name, caller.why]))
"""
"""The daemon's look at a process, by an ordinary user: root would see everything. It imports before it gives up its rights."""


def look_as_user(folder, pid, label=""):
    """What an ordinary user's daemon takes a process for, with the label that the bus would say: kind, name, why."""
    command = [sys.executable, "-c", _LOOKER, label, str(runtime(folder)), str(NOBODY)]
    return json.loads(subprocess.run(command, input=f"{pid}\n", capture_output=True, text=True, check=True).stdout)
