"""A system bus with NetworkManager and power-profiles-daemon: a real dbus-daemon, and a process of its own that owns their names.

with system_bus(folder) as machine:
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = machine.address
    machine.say(Metered=1)
    assert machine.asked()
"""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from support.bus.private_bus import start_bus
from support.source_tree import behind

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Variant, error, method_return

NETWORK, PROFILES, OLD_PROFILES = "org.freedesktop.NetworkManager", "org.freedesktop.UPower.PowerProfiles", "net.hadess.PowerProfiles"
PATHS = {name: "/" + name.replace(".", "/") for name in (NETWORK, PROFILES, OLD_PROFILES)}


class System:
    """A system bus and what its services say."""

    def __init__(self, bus, folder):
        self.bus, self.address, self.folder = bus, bus.address, folder

    def say(self, **values):
        """What the services say from now on: `Metered`, `ActiveProfile`, or how they fail (`is_silent`, `is_wrong`)."""
        new = self.folder / "values.new"
        new.write_text(json.dumps(values))
        new.replace(self.folder / "values")

    def asked(self):
        """Which properties were asked for so far, in which interfaces."""
        with suppress(FileNotFoundError):
            return [tuple(line.split()) for line in (self.folder / "asked").read_text().splitlines()]
        return []


@contextmanager
def system_bus(folder, *names, services=None):
    """Run the bus, and a process that owns these names, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    with start_bus(folder, services) as bus:
        system = System(bus, folder)
        system.say()
        command = [sys.executable, __file__, bus.address, str(folder), *(names or PATHS)]
        environ = {**os.environ, **behind(Path(__file__).parents[3])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as process:
            try:
                assert process.stdout.readline() == "ready\n"
                yield system
            finally:
                process.kill()


async def serve(address, folder, names):
    """Own the names and answer for them until the process is killed."""

    def on_call(call):
        values = json.loads((folder / "values").read_text())
        interface, name = call.body
        with (folder / "asked").open("a") as asked:
            asked.write(f"{interface} {name}\n")
        known = interface in names and call.path == PATHS[interface] and call.member == "Get" and name in values
        if values.get("is_silent"):
            return
        if values.get("is_wrong"):
            connection.send(method_return(call, "s", ["1"]))
        elif known:
            code = "u" if type(values[name]) is int else "b" if type(values[name]) is bool else "s"
            connection.send(method_return(call, "v", [Variant(code, values[name])]))
        else:
            connection.send(error(call, "org.freedesktop.DBus.Error.InvalidArgs", "No such property"))

    connection = Connection(address=address, on_call=on_call)
    await connection.connect()
    for name in names:
        assert await connection.own(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await connection.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
