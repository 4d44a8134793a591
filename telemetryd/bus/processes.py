"""Identifies a process by the bus's credentials and /proc, never by what the process says.

A Flatpak sandbox has `/.flatpak-info` in its root. A snap has the AppArmor label or control group `snap.NAME.…`. A container has another
user namespace. Any other process of the same user is a host program. An unreadable root does not mean a sandbox: that of a program with
capabilities, or of one that is not dumpable, cannot be opened. Then other entries decide, and a doubtful caller is unknown.
"""

from __future__ import annotations

import errno
import os
import re
import select
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.bus.identity import APP_UNIT, ID, LATE, Caller, Confinement, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_FILE_MAX_BYTES = 64 * 1024
"""A .flatpak-info has 1 to 3 KiB, a cgroup file less. The rest of a longer one is ignored."""
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY
_DIRECTORY = os.O_PATH | os.O_DIRECTORY

_SHORT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
"""Errors of a shortage in the daemon or the machine: they say nothing about the caller."""

_SNAP_NAME = r"(?P<name>[a-z0-9-]{1,40})"
_SNAP_LABEL = re.compile(rf"snap\.{_SNAP_NAME}[._+].*")
_SNAP_GROUP = re.compile(rf"snap\.{_SNAP_NAME}(?:[._+-].*)?")
_MODE = re.compile(r".*\((?P<mode>[a-z]+)\)")
_NOT_CONFINING = {"complain", "unconfined"}
"""AppArmor's modes that forbid nothing, as of classic snaps and snaps in developer mode."""

_ENDED = unknown("the process that connected to the session bus has ended; connect in the process that calls")
_NO_PROCESS = unknown("the session bus does not say which process it is")
_OTHER_USER = unknown("it runs as another user")
_NOT_SHOWN = unknown("its entry in /proc cannot be read")
_HIDDEN_ROOT = unknown("its root directory cannot be inspected, and it has NoNewPrivs set, as programs in a sandbox do")
_BAD_INFO = unknown("the .flatpak-info in its root directory does not name its application clearly")


class UnclearProcessError(Exception):
    """Something that should be readable and unambiguous is not."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self.caller = caller


def process_named(credentials: Mapping[str, Any]) -> tuple[int, str]:
    """The pid in a connection's credentials, and its security label or "".

    Raises UnclearProcessError if they name no process of this user.
    """
    if credentials.get("UnixUserID") != os.getuid():
        raise UnclearProcessError(_OTHER_USER)
    if not credentials.get("ProcessID"):
        raise UnclearProcessError(_NO_PROCESS)
    label = bytes(credentials.get("LinuxSecurityLabel", b""))
    return credentials["ProcessID"], label.rstrip(b"\0").decode(errors="replace")


def identify_process(pid: int, pidfd: int, label: str = "") -> Caller:
    """The caller of a process. `label` is the security label that the bus knows of its connection, or "".

    `pidfd` refers to the process. It is checked last: if the process still runs, no other process had its number meanwhile.
    """
    try:
        with _open(f"/proc/{pid}", _DIRECTORY) as process:
            caller = inspect(process, label)
    except UnclearProcessError as unclear:
        caller = unclear.caller
    except OSError as failure:
        caller = caller_for(failure)
    except UnicodeDecodeError:
        caller = _NOT_SHOWN
    return caller if is_running(pidfd) else _ENDED


def is_running(pidfd: int) -> bool:
    """Whether the process of a pidfd runs: the pidfd becomes readable when it ends."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return not poll.poll(0)


def caller_for(failure: OSError) -> Caller:
    """The caller of a process whose check failed with this error."""
    return LATE if failure.errno in _SHORT_OF else _ENDED if failure.errno == errno.ESRCH else _NOT_SHOWN


def inspect(process: int, label: str = "") -> Caller:
    """The caller by an open directory of /proc, which stays that of its process even if the number is reused.

    Raises OSError if an entry that every process has cannot be read, and UnclearProcessError if an entry is ambiguous.
    """
    labels = [text for text in (label, _own_label(process)) if text]
    if confined := _confining_snap(labels):  # first: some snaps may make a root of their own, with any .flatpak-info in it
        return Caller(Confinement.SNAP, confined)
    info = _flatpak_info(process)
    if info is not None:
        return _flatpak(info)
    with _open("cgroup", _FILE, process) as file:
        groups = _groups(_read_text(file))
    is_free = any(_mode(label) in _NOT_CONFINING for label in labels)
    if not is_free and (snap := _snap(groups)):
        return Caller(Confinement.SNAP, snap)
    unit = next((group for group in reversed(groups) if APP_UNIT.fullmatch(group)), "")
    return Caller(Confinement.HOST if _is_in_our_namespace(process) else Confinement.CONTAINER, label=unit)


def _flatpak_info(process: int) -> str | None:
    """The text of the sandbox's `.flatpak-info`, or None if the process is in no Flatpak sandbox. Raises UnclearProcessError if in doubt.

    The kernel opens the root of a process only for callers that may trace it. Every Flatpak sandbox sets NoNewPrivs, which cannot be
    cleared: a process without it is in no such sandbox.
    """
    try:
        root = os.open("root", _DIRECTORY, dir_fd=process)
    except PermissionError:
        if not _has_no_new_privileges(process):
            return None
        raise UnclearProcessError(_HIDDEN_ROOT) from None
    try:
        return _info_in(root)
    except PermissionError:
        if _is_root_on_fuse(process):
            return None
        raise UnclearProcessError(_BAD_INFO) from None
    finally:
        os.close(root)


def _info_in(root: int) -> str | None:
    try:
        with _open(".flatpak-info", _FILE, root) as file:
            return _read_text(file)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError) as failure:
        if isinstance(failure, OSError) and failure.errno in _SHORT_OF:
            raise
        raise UnclearProcessError(_BAD_INFO) from None


def _has_no_new_privileges(process: int) -> bool:
    """Whether NoNewPrivs is set, or not shown."""
    with _open("status", _FILE, process) as file:
        return "\nNoNewPrivs:\t0\n" not in _read_text(file)


def _is_root_on_fuse(process: int) -> bool:
    """Whether the root is on FUSE, as in containers of an ordinary user. No one else may read it. A Flatpak's root is a tmpfs."""
    with _open("mountinfo", _FILE, process) as file:
        mounts = [line.split(" ") for line in _read_text(file).splitlines()]
    kinds = [fields[fields.index("-") + 1] for fields in mounts if fields[4:5] == ["/"] and "-" in fields[:-1]]
    return bool(kinds) and kinds[-1].startswith("fuse")


def _is_in_our_namespace(process: int) -> bool:
    """Whether a process is in the daemon's user namespace. If the kernel does not let us compare them, the uid mappings are compared."""
    try:
        return os.path.samestat(os.stat("ns/user", dir_fd=process), Path("/proc/self/ns/user").stat())
    except PermissionError:
        with _open("uid_map", _FILE, process) as file:
            return _read_text(file) == Path("/proc/self/uid_map").read_text(encoding="utf-8")


def _flatpak(info: str) -> Caller:
    name = _value(info, "Application", "name")
    if not ID.fullmatch(name):
        raise UnclearProcessError(_BAD_INFO)
    is_known = _is_known_instance(_value(info, "Instance", "instance-id"), name)
    return Caller(Confinement.FLATPAK if is_known else Confinement.FLATPAK_CLAIMED, name)


def _is_known_instance(instance: str, name: str) -> bool:
    """Whether Flatpak recorded that it started this instance of the application: in `info`, in a directory for each instance."""
    if not ID.fullmatch(instance) or not instance.strip("."):
        return False
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    try:
        with _open(f"{runtime}/.flatpak/{instance}/info", _FILE) as file:
            info = _read_text(file) if os.fstat(file).st_uid == os.getuid() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return (_value(info, "Application", "name"), _value(info, "Instance", "instance-id")) == (name, instance)


def _value(info: str, section: str, name: str) -> str:
    """The value of a key in a group of a key file, or "". A bare runtime has no application."""
    group = ""
    for line in info.split("\n"):
        key, separator, value = line.partition("=")
        if line.startswith("["):
            group = line.strip()
        elif separator and group == f"[{section}]" and key.strip() == name:
            return value.strip()
    return ""


def _snap(groups: Sequence[str]) -> str:
    """The snap of a control group in any hierarchy, or "". It is used if no label says more."""
    name = next((group for group in groups if group.startswith("snap.")), None)
    if name is None:
        return ""
    match = _SNAP_GROUP.fullmatch(name)
    if match is None:
        raise UnclearProcessError(unknown("its control group is that of a snap, but names none"))
    return match["name"]


def _confining_snap(labels: Sequence[str]) -> str:
    """The snap whose AppArmor profile confines a process, or ""."""
    names = [match["name"] for label in labels if (match := _SNAP_LABEL.fullmatch(label)) and _mode(label) not in _NOT_CONFINING]
    return names[0] if names else ""


def _mode(label: str) -> str:
    """The mode of an AppArmor label, `PROFILE (mode)` or `unconfined`. "" for other labels."""
    match = _MODE.fullmatch(label)
    return match["mode"] if match else "unconfined" if label == "unconfined" else ""


def _own_label(process: int) -> str:
    """The label of a process in AppArmor or another security module, or ""."""
    for name in ("attr/apparmor/current", "attr/current"):
        try:
            with _open(name, _FILE, process) as file:
                return _read_text(file).rstrip("\0\n")
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def _groups(text: str) -> list[str]:
    """The names of all control groups in /proc/PID/cgroup, in any hierarchy, outermost first."""
    return [name for line in text.splitlines() for name in line.split(":", 2)[-1].split("/") if name]


def _read_text(file: int) -> str:
    """The text of an open file, up to the bound. /proc gives it in pieces."""
    pieces: list[bytes] = []
    while (left := _FILE_MAX_BYTES - sum(map(len, pieces))) and (piece := os.read(file, left)):
        pieces.append(piece)
    return b"".join(pieces).decode()


@contextmanager
def _open(path: str, flags: int, directory: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
