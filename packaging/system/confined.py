"""The uploader under an AppArmor profile, where the kernel enforces AppArmor. As root in a virtual machine (machine.sh)."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from accounts import Account, uploads
from lifecycle import __file__ as lifecycle_file
from lifecycle import accept, install_manifest, prepare
from receiver import Receiver
from table import Table

PROFILE = Path(__file__).with_name("telemetryd-upload.apparmor")


def enforced() -> str:
    """The kernel enforces AppArmor, and takes the profile."""
    assert Path("/sys/module/apparmor/parameters/enabled").read_text().strip() == "Y"
    subprocess.run(["apparmor_parser", "--replace", str(PROFILE)], check=True)
    return "the profile is loaded"


def sent(account: Account, receiver: Receiver) -> str:
    """A report leaves from an uploader that the profile confines, and the kernel refuses it nothing that it asks for."""
    began = time.time()
    account.push()
    receiver.may_answer.clear()
    with subprocess.Popen([sys.executable, "-B", lifecycle_file, "submit", account.name]) as submitting:
        try:
            receiver.reports.get(timeout=60)
        except queue.Empty:
            raise AssertionError(f"nothing came; denied: {denied(began)}; {uploads(began)}") from None
        labels = {label(path) for path in Path("/proc").glob("[0-9]*/cmdline")} - {""}
        receiver.may_answer.set()
        assert submitting.wait(60) == 0
    assert labels == {"telemetryd-upload (enforce)"}, labels
    return f"{labels.pop()}; denied: {denied(began) or 'nothing'}"


def label(path: Path) -> str:
    """The label of a process, if it is the uploader."""
    try:
        return (path.parent / "attr/current").read_text().strip("\0\n") if b"telemetryd-upload" in path.read_bytes() else ""
    except OSError:
        return ""


def denied(since: float) -> str:
    """What the kernel said that it refused the profile."""
    command = ["journalctl", "--output=cat", "--dmesg", f"--since=@{since:.6f}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [one for one in lines if 'apparmor="DENIED"' in one and "telemetryd-upload" in one]
    return "; ".join(sorted({" ".join(re.findall(r'(?:operation|name|requested_mask)="[^"]*"', one)) for one in ours}))


def main() -> None:
    """One user, whose bus is a dbus-daemon."""
    install_manifest()
    ada, receiver, table = Account("bob"), Receiver(), Table("The uploader under an AppArmor profile")
    prepare(ada, "dbus-daemon", receiver)
    with ada.session():
        accept(ada)
        table.try_claim("AppArmor is enforced", enforced)
        table.try_claim("a report leaves", partial(sent, ada, receiver))
    sys.exit(1 if table.failures else 0)


if __name__ == "__main__":
    main()
