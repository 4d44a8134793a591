"""The next version of the packages under a running daemon, in the session of a user. Run as root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from accounts import CONTROL, DAEMON, Account, main_process, until

if TYPE_CHECKING:
    from receiver import Receiver

FIRST, NEXT = "deb", "deb-next"
"""Folders of /srv with the packages of this checkout, and with those of the next version, which differ in the changelog only."""

_GO_ON = "go-on"
"""A file of the user: while it is there, the load goes on, however long apt takes."""


def install(folder: str) -> None:
    """Install the package of a folder over the one that is there, as an administrator does; an older version too."""
    (package,) = Path("/srv", folder).glob("telemetryd_*.deb")
    apt("install", "--allow-downgrades", str(package))


def apt(verb: str, *arguments: str) -> None:
    """Run apt-get without questions."""
    command = ["apt-get", verb, "--quiet", "--yes", "--no-install-recommends", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    assert done.returncode == 0, done.stdout + done.stderr


def upgrade(ada: Account, receiver: Receiver) -> str:
    """The daemon exits in order when its files change, and the next call is answered by the new one.

    What was acknowledged before and meanwhile is counted.
    """
    ada.push(5)
    before, began = main_process(ada), time.time()
    ada.write(_GO_ON, "")
    with subprocess.Popen([sys.executable, "-B", __file__, ada.name, "5"]) as load:
        try:
            install(NEXT)
            until(lambda: main_process(ada) not in {0, before})
        finally:
            (ada.home / _GO_ON).unlink()
        assert load.wait(60) == 0
    # A daemon that was started while the files were replaced one by one has the next call made again, and exits too.
    until(lambda: ada.control("status", check=False).returncode == 0)
    owner = ada.run("busctl", "--user", "status", CONTROL).stdout
    assert f"PID={main_process(ada)}" in owner.split(), owner
    assert ada.counted() == "10..11", ada.counted()
    assert ada.state(DAEMON, "Result") == "success"
    assert ada.state("telemetryd-tick.timer", "ActiveState") == "active"
    lines = ada.written(DAEMON, since=began)
    assert lines
    assert all("was replaced while it ran" in line for _, line in lines), lines
    # A call starts another daemon while apt replaces the files, more of them where apt is slow. Each says it once.
    assert len({process for process, _ in lines}) == len(lines), lines
    ada.control("submit")
    receiver.reports.get(timeout=10)
    version = subprocess.run(["dpkg-query", "--show", "telemetryd"], capture_output=True, text=True, check=True).stdout.split()[1]
    return f"{version} answers; {len(lines)} line(s) say so; 10 of 10 pushes before and meanwhile counted"


if __name__ == "__main__":
    Account(sys.argv[1]).push_slowly(int(sys.argv[2]), _GO_ON)
