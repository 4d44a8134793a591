"""Finds out who a process is, from the bus's credentials and /proc, never from what the process says.

Flatpak: its sandbox has `/.flatpak-info` in its root. Snap: an AppArmor label, else a control group, `snap.NAME.…`. Container: another user
namespace. Everything else of the same user is a host program. "Could not look" is not "is sandboxed": the root of a program that has
capabilities, or is not dumpable, cannot be opened; what stays readable decides then, and what is in doubt is unknown.
"""

from __future__ import annotations

import errno
import os
import re
import select
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.bus.identity import APP_UNIT, ID, LATE, Caller, Kind, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_FILE_MAX_BYTES = 64 * 1024
"""A .flatpak-info has 1 to 3 KiB, a cgroup file less; what a longer one has not said by then, it does not say."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY
_LOOK = os.O_PATH | os.O_DIRECTORY

_SHORT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
"""What this daemon or the machine is short of at the moment: it says nothing about the caller."""

_SNAP_NAME = r"(?P<name>[a-z0-9-]{1,40})"
_SNAP_LABEL = re.compile(rf"snap\.{_SNAP_NAME}[._+].*")
_SNAP_GROUP = re.compile(rf"snap\.{_SNAP_NAME}(?:[._+-].*)?")
_MODE = re.compile(r".*\((?P<mode>[a-z]+)\)")
_NOT_CONFINING = {"complain", "unconfined"}
"""AppArmor's modes that forbid nothing: classic snaps, and snaps in developer mode."""

_ENDED = unknown("the process that connected to the session bus has ended; connect in the process that calls")
_NO_PROCESS = unknown("the session bus does not say which process it is")
_OTHER_USER = unknown("it runs as another user")
_NOT_SHOWN = unknown("its entry in /proc cannot be read")
_HIDDEN_ROOT = unknown("its root directory cannot be looked at, and it has NoNewPrivs set, as programs in a sandbox have")
_BAD_INFO = unknown("the .flatpak-info in its root directory does not say plainly which application it is")


class DoubtError(Exception):
    """Something that should be readable and plain is not."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self.caller = caller


def named(credentials: Mapping[str, Any]) -> tuple[int, str]:
    """The process that a connection's credentials name, and its security label or "". Raises DoubtError where they name none of ours."""
    if credentials.get("UnixUserID") != os.getuid():
        raise DoubtError(_OTHER_USER)
    if not credentials.get("ProcessID"):
        raise DoubtError(_NO_PROCESS)
    label = bytes(credentials.get("LinuxSecurityLabel", b""))
    return credentials["ProcessID"], label.rstrip(b"\0").decode(errors="replace")


def identify_process(pid: int, pidfd: int, label: str = "") -> Caller:
    """The caller that a process is. `pidfd` holds the process: while that runs, which is asked last, nobody else can have its number.

    `label` is the security label that the bus knows of its connection, or "".
    """
    try:
        with _opened(f"/proc/{pid}", _LOOK) as process:
            caller = look(process, label)
    except DoubtError as doubt:
        caller = doubt.caller
    except OSError as failure:
        caller = failed(failure)
    except UnicodeDecodeError:
        caller = _NOT_SHOWN
    return caller if is_running(pidfd) else _ENDED


def is_running(pidfd: int) -> bool:
    """Whether the process that a pidfd holds has not ended: a pidfd becomes readable then."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return not poll.poll(0)


def failed(failure: OSError) -> Caller:
    """What a caller is whose process could not be looked at."""
    return LATE if failure.errno in _SHORT_OF else _ENDED if failure.errno == errno.ESRCH else _NOT_SHOWN


def look(process: int, label: str = "") -> Caller:
    """What /proc says of the process whose directory is open: it stays that process's, whoever gets the number next.

    Raises OSError where something that every process shows cannot be read, DoubtError where it is not plain.
    """
    labels = [text for text in (label, _own_label(process)) if text]
    if confined := _confined(labels):  # first: some of these may make a root of their own, with any .flatpak-info in it
        return Caller(Kind.SNAP, confined)
    info = _flatpak_info(process)
    if info is not None:
        return _flatpak(info)
    with _opened("cgroup", _READ, process) as file:
        groups = _groups(_text(file))
    is_free = any(_mode(label) in _NOT_CONFINING for label in labels)
    if not is_free and (snap := _snap(groups)):
        return Caller(Kind.SNAP, snap)
    unit = next((group for group in reversed(groups) if APP_UNIT.fullmatch(group)), "")
    return Caller(Kind.HOST if _is_in_our_namespace(process) else Kind.CONTAINER, label=unit)


def _flatpak_info(process: int) -> str | None:
    """The text of the sandbox's `.flatpak-info`, or None if it is in no Flatpak sandbox. Raises DoubtError if nobody knows.

    The kernel opens the root of a process only for whom it would let trace the process. Every Flatpak sandbox sets NoNewPrivs, which never
    goes: without it a process is in none.
    """
    try:
        root = os.open("root", _LOOK, dir_fd=process)
    except PermissionError:
        if not _has_no_new_privileges(process):
            return None
        raise DoubtError(_HIDDEN_ROOT) from None
    try:
        return _info_in(root)
    except PermissionError:
        if _is_root_on_fuse(process):
            return None
        raise DoubtError(_BAD_INFO) from None
    finally:
        os.close(root)


def _info_in(root: int) -> str | None:
    try:
        with _opened(".flatpak-info", _READ, root) as file:
            return _text(file)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError) as failure:
        if isinstance(failure, OSError) and failure.errno in _SHORT_OF:
            raise
        raise DoubtError(_BAD_INFO) from None


def _has_no_new_privileges(process: int) -> bool:
    """What cannot be read counts as set."""
    with _opened("status", _READ, process) as file:
        return "\nNoNewPrivs:\t0\n" not in _text(file)


def _is_root_on_fuse(process: int) -> bool:
    """Containers of an ordinary user may have such a root, which nobody else may look into; a Flatpak's is a tmpfs."""
    with _opened("mountinfo", _READ, process) as file:
        mounts = [line.split(" ") for line in _text(file).splitlines()]
    kinds = [fields[fields.index("-") + 1] for fields in mounts if fields[4:5] == ["/"] and "-" in fields[:-1]]
    return bool(kinds) and kinds[-1].startswith("fuse")


def _is_in_our_namespace(process: int) -> bool:
    """Whether a process is in the daemon's user namespace; where the kernel does not let us compare, the mapping of users tells."""
    try:
        return os.path.samestat(os.stat("ns/user", dir_fd=process), Path("/proc/self/ns/user").stat())
    except PermissionError:
        with _opened("uid_map", _READ, process) as file:
            return _text(file) == Path("/proc/self/uid_map").read_text(encoding="utf-8")


def _flatpak(info: str) -> Caller:
    name = _value(info, "Application", "name")
    if not ID.fullmatch(name):
        raise DoubtError(_BAD_INFO)
    is_known = _is_known_instance(_value(info, "Instance", "instance-id"), name)
    return Caller(Kind.FLATPAK if is_known else Kind.FLATPAK_CLAIMED, name)


def _is_known_instance(instance: str, name: str) -> bool:
    """Whether Flatpak has written down that it started this instance of the application: in `info`, in a directory for each instance."""
    if not ID.fullmatch(instance) or not instance.strip("."):
        return False
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    try:
        with _opened(f"{runtime}/.flatpak/{instance}/info", _READ) as file:
            info = _text(file) if os.fstat(file).st_uid == os.getuid() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return (_value(info, "Application", "name"), _value(info, "Instance", "instance-id")) == (name, instance)


def _value(info: str, wanted: str, name: str) -> str:
    """The value of a key in a group of a key file; "" where there is none, as the application of a bare runtime."""
    group = ""
    for line in info.split("\n"):
        key, separator, value = line.partition("=")
        if line.startswith("["):
            group = line.strip()
        elif separator and group == f"[{wanted}]" and key.strip() == name:
            return value.strip()
    return ""


def _snap(groups: Sequence[str]) -> str:
    """The snap that a control group is of, where no label says more: of any hierarchy; "" for none."""
    found = next((group for group in groups if group.startswith("snap.")), None)
    if found is None:
        return ""
    match = _SNAP_GROUP.fullmatch(found)
    if match is None:
        raise DoubtError(unknown("its control group is a snap's, without the name of one"))
    return match["name"]


def _confined(labels: Sequence[str]) -> str:
    """The snap whose AppArmor profile confines a process, or ""."""
    found = [match["name"] for label in labels if (match := _SNAP_LABEL.fullmatch(label)) and _mode(label) not in _NOT_CONFINING]
    return found[0] if found else ""


def _mode(label: str) -> str:
    """The mode of an AppArmor label, `PROFILE (mode)` or `unconfined`; "" where it says none, as other labels do."""
    match = _MODE.fullmatch(label)
    return match["mode"] if match else "unconfined" if label == "unconfined" else ""


def _own_label(process: int) -> str:
    """The AppArmor label of a process, or that of another security module; "" where the kernel has none."""
    for name in ("attr/apparmor/current", "attr/current"):
        try:
            with _opened(name, _READ, process) as file:
                return _text(file).rstrip("\0\n")
        except (OSError, UnicodeDecodeError):
            continue
    return ""


def _groups(text: str) -> list[str]:
    """The names of all control groups, outermost first, that /proc/PID/cgroup lists in any hierarchy."""
    return [name for line in text.splitlines() for name in line.split(":", 2)[-1].split("/") if name]


def _text(file: int) -> str:
    """The text of an open file, up to the bound; /proc gives it in pieces."""
    pieces: list[bytes] = []
    while (left := _FILE_MAX_BYTES - sum(map(len, pieces))) and (piece := os.read(file, left)):
        pieces.append(piece)
    return b"".join(pieces).decode()


@contextmanager
def _opened(path: str, flags: int, directory: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
