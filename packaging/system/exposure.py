"""What the units leave open: each directive that systemd-analyze counts, and some others, tried: kept, or what it breaks."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from accounts import CONTROL, DAEMON, TICK, Account, main_process, uploads
from lifecycle import accept, as_the_unit, install_manifest, prepare
from receiver import Receiver
from table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

DAEMON_MAX, UPLOADER_MAX = 6.0, 2.0
"""Of the daemon's figure 2.5 are capabilities, which no program of a user has. What works without effect would bring it to 5.0."""
UPLOADER = "telemetryd-upload@.service"
ENDINGS = {
    "CapabilityBoundingSet=": "",
    "ProtectSystem=": "strict",
    "ProtectHome=": "read-only",
    "RestrictAddressFamilies=~AF_UNIX": "none",
    "RestrictAddressFamilies=~AF_NETLINK": "AF_UNIX AF_INET AF_INET6",
    "RestrictAddressFamilies=~AF_(INET|INET6)": "AF_UNIX AF_NETLINK",
    "RootDirectory=/RootImage=": "/",
    "User=/DynamicUser=": "%u",
    "IPAddressDeny=": "any",
    "DeviceAllow=": "closed",
    "ProtectProc=": "invisible",
    "ProcSubset=": "pid",
}
"""What systemd-analyze counts, and the value with which it would count it no more. Else that is "yes"."""
MORE = (
    *("InaccessiblePaths=/mnt", "ReadOnlyPaths=/", "NoExecPaths=/srv", "BindPaths=/tmp", "TemporaryFileSystem=/mnt", "PrivateIPC=yes"),
    *("StateDirectory=telemetryd", "SecureBits=noroot-locked", "PrivatePIDs=yes"),
)
"""What it does not count, tried with the daemon."""
PROBES = {
    "ProtectProc=invisible": "test -d /proc/1",
    "ProcSubset=pid": "test -e /proc/cmdline",
    "IPAddressDeny=any": "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", PORT)).close()'",
    "DevicePolicy=closed": "true </dev/net/tun",
    "SocketBindDeny=any": "python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", 0))'",
    "RestrictFileSystems=~proc": "cat /proc/version",
    "RestrictNetworkInterfaces=~lo": "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", PORT)).close()'",
}
"""Directives, and what each of them should forbid: a user's unit has it all the same."""
NOTHING = {"User=%u": "a program of a user's manager is that user's already"}
"""Directives that say what is so without them."""
LEFT_OUT = {"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6": "the C library would not learn which addresses the machine has"}
"""What the uploader would survive in this container, which has one server at one address, and why its unit does not have it."""
KEPT = {
    "NoNewPrivileges=": "grep -q 'NoNewPrivs:.0' /proc/self/status",
    "MemoryDenyWriteExecute=": "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'",
    "LockPersonality=": 'setarch "$(uname -m)" --addr-no-randomize true',
    "RestrictNamespaces=": "unshare --user true",
    "RestrictSUIDSGID=": 'file=$(mktemp) && chmod u+s "$file"',
    "RestrictAddressFamilies=~AF_(INET|INET6)": "python3 -c 'import socket; socket.socket(socket.AF_INET)'",
    "RestrictAddressFamilies=~AF_NETLINK": "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
    "SystemCallFilter=": "chrt --batch 0 true",
    "UMask=": 'test "$(umask)" != 0077',
}
"""What the daemon's unit has, and what it forbids there: it works in a unit without directives, and not in one with the daemon's."""
STATUSES = {
    "213": "the manager may not set secure bits",
    "216": "the manager may not set groups",
    "218": "the manager may not drop capabilities",
}
"""Why systemd could not start a program, by the exit status that it gives it (systemd.exec(5))."""
FOR_UPLOADER = ("ProtectHome=yes", "ProtectControlGroups=strict", "PrivatePIDs=yes", "RestrictAddressFamilies=AF_INET AF_INET6")
"""What it does not count, or counts less, tried with the uploader."""


class Counted(NamedTuple):
    """What systemd-analyze says of a directive: whether the unit has it, or it does not apply, and what it adds to the figure."""

    name: str
    is_open: bool
    applies: bool
    weight: float


def overall(account: Account, unit: str) -> float:
    """The exposure of a unit."""
    lines = account.run("systemd-analyze", "--user", "--no-pager", "security", unit, check=False).stdout.splitlines()
    (line,) = [one for one in lines if "Overall exposure level" in one]
    return float(line.partition(":")[2].split()[0])


def counted(account: Account, unit: str) -> list[Counted]:
    """Each directive that systemd-analyze counts. What is the same for many capabilities, namespaces or system calls is one."""
    command = ("systemd-analyze", "--user", "--no-pager", "--json=short", "security", unit)
    found: dict[str, Counted] = {}
    for row in json.loads(account.run(*command, check=False).stdout):
        together = row["name"].startswith(("CapabilityBoundingSet=", "RestrictNamespaces=", "SystemCallFilter="))
        name = row["name"].partition("~")[0] if together else row["name"]
        is_open, weight = row["set"] is False, float(row["exposure"] or 0)
        before = found.get(name, Counted(name, is_open=False, applies=False, weight=0))
        found[name] = Counted(
            name, is_open=before.is_open or is_open, applies=before.applies or row["set"] is not None, weight=before.weight + weight
        )
    return sorted(found.values(), key=lambda one: (-one.weight, one.name))


def directive_for(name: str) -> str:
    """The directive with which systemd-analyze would count this no more."""
    key = {"DeviceAllow=": "DevicePolicy="}.get(name, name.partition("=")[0] + "=")
    return key + ENDINGS.get(name, "yes")


def print_counted(account: Account, unit: str, verdict: Callable[[str], tuple[str, str]]) -> int:
    """The table of a unit; how many directives work with effect and are not in it, or are in it without effect."""
    table, tried = Table(f"{unit}: each directive that systemd-analyze counts, and what it adds to the figure"), dict[str, list[str]]()
    for one in counted(account, unit):
        if one.is_open:
            word, text = verdict(directive_for(one.name))
            word = "MISSING" if word == "works" else word
            text = f"{one.weight:.1f}   {directive_for(one.name)}" + (f"   {text}" if text else "")
        else:
            word, text = ("kept", "") if one.applies else ("kept", "systemd-analyze: does not apply")
            if unit == DAEMON and one.name in KEPT:
                word, text = verdict_of_kept(account, one.name)
        table.failures += word in {"MISSING", "NO EFFECT"}
        tried.setdefault(word, []).append(directive_for(one.name))
        table.row(one.name, word, text)
    for name, directives in (
        ("with those without effect", tried.get("no effect", [])),
        ("and without capabilities", [*tried.get("no effect", []), "CapabilityBoundingSet="]),
    ):
        table.row("the figure " + name, "", f"{figure_with(account, unit, directives)}")
    return table.failures


def figure_with(account: Account, unit: str, directives: list[str]) -> float:
    """What systemd-analyze would say of a unit with more directives, whether or not it would work."""
    account.override(unit, "[Service]\n" + "\n".join(directives) + "\n")
    try:
        return overall(account, unit)
    finally:
        account.override(unit, "")


def verdict_of_kept(account: Account, name: str) -> tuple[str, str]:
    """Whether what a directive of the daemon's unit forbids works without it, and not with it."""
    command = ("sh", "-c", KEPT[name])
    free = account.run(*command, check=False).returncode == 0
    held = account.run(*as_the_unit(DAEMON, *command), check=False).returncode != 0
    return ("kept", "tried: what it forbids fails") if free and held else ("NO EFFECT", f"without it: {free}, with it: {not held}")


def verdict_of_probe(account: Account, receiver: Receiver, directive: str) -> tuple[str, str]:
    """Whether a directive does anything in a user's unit: what it forbids is tried."""
    command = ("sh", "-c", PROBES[directive].replace("PORT", str(receiver.port)))
    if account.run(*command, check=False).returncode:
        return "UNTRIED", "what it forbids does not work here without it either"
    is_done = account.run(*command, check=False, properties=(directive,)).returncode == 0
    return ("no effect", "what it forbids still works") if is_done else ("works", "")


def verdict_for_daemon(account: Account, directive: str) -> tuple[str, str]:
    """Whether the daemon works with one directive more: it starts, knows a host program and a sandboxed one, and has its state."""
    reset = "RestrictAddressFamilies=\n" if directive.startswith("RestrictAddressFamilies=") else ""
    account.override(DAEMON, f"[Service]\n{reset}{directive}\n")
    began = time.time()
    try:
        account.systemctl("stop", DAEMON)
        account.systemctl("reset-failed", DAEMON, check=False)
        state = account.home / ".local/state/telemetryd"
        shutil.rmtree(state, ignore_errors=True)
        started = account.run("systemctl", "--user", "start", DAEMON, check=False)
        if started.returncode:
            status = account.state(DAEMON, "ExecMainStatus")
            return "breaks", f"it does not start: status {status}, {STATUSES.get(status, 'of its own')}"
        answer = account.call(CONTROL, "ListApplications", check=False)
        if not answer.startswith("aa{sv}"):
            return "breaks", _because(account.journal(DAEMON, since=began))
        if state.is_symlink():
            target = state.readlink()
            state.unlink()
            return "breaks", f"the state directory became a link to {target}"
        return "works", ""
    finally:
        account.override(DAEMON, "")
        account.systemctl("stop", DAEMON)


def verdict_for_uploader(account: Account, receiver: Receiver, directive: str) -> tuple[str, str]:
    """Whether a report is sent with one directive more: it knows who connects, reads its files, finds the server and speaks TLS."""
    reset = "RestrictAddressFamilies=\n" if directive.startswith("RestrictAddressFamilies=") else ""
    account.override(UPLOADER, f"[Service]\n{reset}{directive}\n" if directive else "")
    began = time.time()
    try:
        account.push()
        submitted = account.control("submit", check=False)
        said = (submitted.stdout + submitted.stderr).splitlines()[-1:] + [
            line for line in account.journal(DAEMON, since=began) + uploads(began) if "nothing was sent" not in line or "endpoint" in line
        ]
        is_sent = not receiver.reports.empty()
    finally:
        account.override(UPLOADER, "")
    account.control("submit")  # what waits is out of the way of the next one
    receiver.drain()
    return ("works", "") if is_sent else ("breaks", (said or ["?"])[-1][:120])


def _because(said: list[str]) -> str:
    """What the daemon said, in short where it is what it says of each directive that makes a user namespace."""
    text = " ".join(said)
    return "makes a user namespace, from where the daemon cannot see callers" if "is in a user namespace of its own" in text else text[:140]


def in_the_process(account: Account) -> str:
    """What the kernel says of the running daemon."""
    account.call(CONTROL, "ListApplications")
    status = dict(line.split(":", 1) for line in Path(f"/proc/{main_process(account)}/status").read_text().splitlines())
    return ", ".join(f"{name} {status[name].strip()}" for name in ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd"))


def main() -> None:
    """The tables."""
    table, account, receiver = Table("Exposure (0 is best)"), Account("ada"), Receiver()
    install_manifest()
    prepare(account, "dbus-daemon", receiver)
    failures = 0

    def for_daemon(directive: str) -> tuple[str, str]:
        if directive in NOTHING:
            return "no effect", NOTHING[directive]
        return verdict_of_probe(account, receiver, directive) if directive in PROBES else verdict_for_daemon(account, directive)

    def for_uploader(directive: str) -> tuple[str, str]:
        if directive in LEFT_OUT:
            return "left out", LEFT_OUT[directive]
        if directive == "ProtectHome=read-only":  # it has more than that
            directive = "ProtectHome=yes"
        if directive in NOTHING:
            return "no effect", NOTHING[directive]
        return verdict_of_probe(account, receiver, directive) if directive in PROBES else verdict_for_uploader(account, receiver, directive)

    with account.session():
        for unit, most in ((DAEMON, DAEMON_MAX), (TICK, DAEMON_MAX), (UPLOADER, UPLOADER_MAX)):
            found = overall(account, unit)
            failures += found >= most
            table.row(unit, "ok" if found < most else "HIGH", f"{found} (below {most})")
        table.row("the daemon's process", "", in_the_process(account))
        failures += print_counted(account, DAEMON, for_daemon)
        more = Table("What systemd-analyze does not count: the daemon with one directive more, and what a user's manager cannot do")
        for directive in (*MORE, *(one for one in PROBES if one.startswith(("Socket", "Restrict")))):
            more.row(directive, *for_daemon(directive))
        accept(account)
        failures += print_counted(account, UPLOADER, for_uploader)
        more = Table("The uploader as it is, and with one directive more")
        for directive in ("", *FOR_UPLOADER):
            word, text = verdict_for_uploader(account, receiver, directive)
            failures += not directive and word != "works"
            more.row(directive or "as it is", word, text)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
