"""A program in the place of the settings window, which a bus starts: it owns the name, answers, and writes down each call it gets.

window = RecordedWindow(machine)        # its activation file is installed, it does not run yet
window.calls()                          # [["ActivateAction", ["show", ["org.kde.kate"], {}]], …]
"""

import asyncio
import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Variant, expects_reply, method_return

NAME = "org.telemetryd.Settings"
_PLACES = ("PYTHONPATH", "LD_LIBRARY_PATH")
_RELOAD = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")


class RecordedWindow:
    """The window of a machine. With a `command`, that is what the bus starts instead."""

    def __init__(self, machine, command=""):
        self._file = machine.root / "window-calls"
        program = shutil.copy2(__file__, machine.root)  # an ordinary user may not read the sources
        path = {"PYTHONPATH": str(machine.folder)} | {name: machine.environ[name] for name in _PLACES if name in machine.environ}
        environ = " ".join(f"{name}={value}" for name, value in path.items())
        started = command or f"/usr/bin/env {environ} {machine.python} {program} {self._file}"
        (machine.root / f"services/{NAME}.service").write_text(f"[D-BUS Service]\nName={NAME}\nExec={started}\n")
        machine.busctl("call", *_RELOAD)

    def calls(self):
        """The calls so far: the member, and its arguments without variants."""
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in self._file.read_text().splitlines()]
        return []


def _plain(value):
    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


async def serve(file):
    """Own the name and write calls down, until the bus goes."""

    def on_call(call):
        with file.open("a") as calls:
            calls.write(json.dumps([call.member, _plain(call.body)]) + "\n")
        if expects_reply(call):
            connection.send(method_return(call))

    connection = Connection(on_call=on_call)
    await connection.connect()
    await connection.own(NAME)
    await connection.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
