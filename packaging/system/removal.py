"""The package is removed and purged under a running daemon, and installed again: what ends, what stays, what returns. Run as root."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from accounts import CONTROL, DAEMON, UPLOAD, Account, main_process, until
from lifecycle import accept, install_manifest, prepare
from receiver import Receiver
from table import Table
from upgrade import FIRST, apt, install


def files() -> set[str]:
    """The files of the package."""
    listed = subprocess.run(["dpkg-query", "--listfiles", "telemetryd"], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if Path(line).is_file()}


def purge(ada: Account, owned: set[str]) -> str:
    """Daemon, timer and socket end in order; no file of the package is left; what the user owns stays, and no call starts anything."""
    ada.push(5)
    began = time.time()
    apt("purge", "telemetryd")
    until(lambda: main_process(ada) == 0)
    for unit in (DAEMON, "telemetryd-tick.timer", UPLOAD):
        state = ada.state(unit, "ActiveState")
        assert state == "inactive", f"{unit}: {state}"
    assert [path for path in owned if Path(path).exists()] == []
    assert ada.journal(DAEMON, since=began) == []
    refused = ada.call(CONTROL, "ListApplications", check=False)
    assert "not provided" in refused or "not activatable" in refused, refused
    kept = sorted(path.name for path in (ada.home / ".local/state/telemetryd").iterdir())
    assert {"developer-consent.sqlite", "developer-telemetry.sqlite"} <= set(kept), kept
    return f"{len(owned)} files gone, {len(kept)} of the user kept; a call: {refused}"


def again(ada: Account) -> str:
    """Installed again, the first call is answered, and the pushes from before are counted with the next ones."""
    install(FIRST)
    ada.push(5)
    assert ada.counted() == "10..11", ada.counted()
    assert ada.state("telemetryd-tick.timer", "ActiveState") == "active"
    return "answered; 10 of 10 pushes before and after counted; the timer runs"


def main() -> None:
    """One user, whose bus is a dbus-daemon."""
    install_manifest()
    install(FIRST)
    ada, table = Account("ada"), Table("Removal")
    until(lambda: not ada.runtime.exists())
    subprocess.run(["rm", "-rf", str(ada.home / ".local/state/telemetryd")], check=True)
    prepare(ada, "dbus-daemon", Receiver())
    with ada.session():
        accept(ada)
        table.try_claim("purge under a running daemon", partial(purge, ada, files()))
        table.try_claim("installed again", partial(again, ada))
    sys.exit(1 if table.failures else 0)


if __name__ == "__main__":
    main()
