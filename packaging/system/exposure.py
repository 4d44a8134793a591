"""What the units leave open (systemd-analyze security), and each directive that is not in them: tried, and what it breaks."""

from __future__ import annotations

import shutil
import sys
import time

from accounts import CONTROL, DAEMON, Account, uploads
from lifecycle import accept, install_manifest, prepare
from receiver import Receiver
from table import Table

DAEMON_MAX, UPLOADER_MAX = 6.0, 2.0
"""Of the daemon's figure 2.6 are capabilities, which no program of a user has, and 2.9 are what only a user namespace gives."""
UPLOADER = "telemetryd-upload@.service"
CANDIDATES = (
    *("PrivateUsers=yes", "PrivateTmp=yes", "PrivateDevices=yes", "PrivateNetwork=yes", "PrivateIPC=yes", "PrivateMounts=yes"),
    *(
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        "ProtectClock=yes",
        "ProtectHostname=yes",
    ),
    *("ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes", "ProtectControlGroups=yes", "RemoveIPC=yes"),
    *("CapabilityBoundingSet=", "DevicePolicy=closed"),
    *("InaccessiblePaths=/mnt", "ReadOnlyPaths=/", "NoExecPaths=/srv", "BindPaths=/tmp", "TemporaryFileSystem=/mnt", "RootDirectory=/"),
    *(
        "SupplementaryGroups=",
        "AmbientCapabilities=",
        "StateDirectory=telemetryd",
        "Delegate=no",
        "SystemCallFilter=~@chown",
        "NotifyAccess=none",
    ),
)
"""What systemd offers beyond what the daemon's unit has."""
PROBES = {
    "ProtectProc=invisible": "test -d /proc/1",
    "ProcSubset=pid": "test -e /proc/cmdline",
    "IPAddressDeny=any": "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", PORT)).close()'",
    "SocketBindDeny=any": "python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", 0))'",
    "RestrictFileSystems=~proc": "cat /proc/version",
    "RestrictNetworkInterfaces=~lo": "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", PORT)).close()'",
}
"""Directives, and what each of them should forbid."""
FOR_UPLOADER = (
    "ProtectProc=invisible",
    "ProtectControlGroups=strict",
    "ProtectHome=yes",
    "PrivateNetwork=yes",
    "PrivatePIDs=yes",
    "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_INET AF_INET6",
)


def overall(account: Account, unit: str) -> float:
    """The exposure of a unit."""
    lines = account.run("systemd-analyze", "--user", "--no-pager", "security", unit, check=False).stdout.splitlines()
    (line,) = [one for one in lines if "Overall exposure level" in one]
    return float(line.partition(":")[2].split()[0])


def open_points(account: Account, unit: str) -> list[str]:
    """What systemd-analyze counts against a unit, the heaviest first."""
    lines = account.run("systemd-analyze", "--user", "--no-pager", "security", unit, check=False).stdout.splitlines()
    weighed = [(float(line.split()[-1]), line) for line in lines if line.startswith("✗")]
    return [line.split()[1] + f" ({weight})" for weight, line in sorted(weighed, reverse=True)]


def verdict_of_probe(account: Account, receiver: Receiver, directive: str) -> tuple[str, str]:
    """Whether a directive does anything in a user's unit: what it forbids is tried."""
    command = PROBES[directive].replace("PORT", str(receiver.port))
    is_done = account.run("sh", "-c", command, check=False, properties=(directive,)).returncode == 0
    return ("no effect", "what it forbids still works") if is_done else ("effect", "")


def verdict_for_daemon(account: Account, directive: str) -> tuple[str, str]:
    """Whether the daemon works with one directive more: it starts, knows a host program and a sandboxed one, and has its state."""
    account.override(DAEMON, f"[Service]\n{directive}\n")
    began = time.time()
    try:
        account.systemctl("stop", DAEMON)
        account.systemctl("reset-failed", DAEMON, check=False)
        state = account.home / ".local/state/telemetryd"
        shutil.rmtree(state, ignore_errors=True)
        started = account.run("systemctl", "--user", "start", DAEMON, check=False)
        if started.returncode:
            return "breaks", "it does not start: " + (account.state(DAEMON, "Result") or started.stderr.strip())
        answer = account.call(CONTROL, "ListApplications", check=False)
        if not answer.startswith("aa{sv}"):
            return "breaks", " ".join(account.journal(DAEMON, since=began))[:140]
        if state.is_symlink():
            target = state.readlink()
            state.unlink()
            return "breaks", f"the state directory became a link to {target}"
        return "works", ""
    finally:
        account.override(DAEMON, "")


def verdict_for_uploader(account: Account, receiver: Receiver, directive: str) -> tuple[str, str]:
    """Whether a report is sent with one directive more: it knows who connects, reads its files, finds the server and speaks TLS."""
    account.override(UPLOADER, f"[Service]\n{directive}\n" if directive else "")
    began = time.time()
    try:
        account.push()
        account.control("submit", check=False)
        said = [
            line for line in account.journal(DAEMON, since=began) + uploads(began) if "nothing was sent" not in line or "endpoint" in line
        ]
        is_sent = not receiver.reports.empty()
    finally:
        account.override(UPLOADER, "")
    account.control("submit")  # what waits is out of the way of the next one
    while not receiver.reports.empty():
        receiver.reports.get()
    return ("works", "") if is_sent else ("breaks", (said or ["?"])[-1][:120])


def main() -> None:
    """The tables."""
    table, account, receiver = Table("Exposure (0 is best)"), Account("ada"), Receiver()
    install_manifest()
    prepare(account, "dbus-daemon", receiver)
    with account.session():
        for unit, most in ((DAEMON, DAEMON_MAX), ("telemetryd-tick.service", DAEMON_MAX), (UPLOADER, UPLOADER_MAX)):
            found = overall(account, unit)
            table.failures += found >= most
            table.row(unit, "ok" if found < most else "HIGH", f"{found} (below {most})   " + ", ".join(open_points(account, unit)[:30]))
        more = Table("The daemon with one directive more")
        for directive in CANDIDATES:
            more.row(directive, *verdict_for_daemon(account, directive))
        more = Table("What a user's manager cannot do")
        for directive in PROBES:
            more.row(directive, *verdict_of_probe(account, receiver, directive))
        more = Table("The uploader as it is, and with one directive more")
        accept(account)
        for directive in ("", *FOR_UPLOADER):
            more.row(directive.replace("\n", " ") or "as it is", *verdict_for_uploader(account, receiver, directive))
    sys.exit(1 if table.failures else 0)


if __name__ == "__main__":
    main()
