"""A client that caches the properties of Control1 by signals alone: a GDBusProxy of GLib. For each line that it reads, it writes its cache.

It runs on Debian's Python, whose gi has no wheel. After a signal that names a property without its value GDBusProxy reads that property.
"""

import json
import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.telemetryd.Control1", "/org/telemetryd/Control1"


def main():
    """Serve until the standard input ends."""
    flags = Gio.DBusProxyFlags.GET_INVALIDATED_PROPERTIES | Gio.DBusProxyFlags.DO_NOT_AUTO_START
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    proxy = Gio.DBusProxy.new_sync(bus, flags, None, NAME, PATH, NAME)
    loop = GLib.MainLoop()

    def answer(channel, _condition):
        if not channel.readline():
            loop.quit()
            return False
        cached = {name: proxy.get_cached_property(name) for name in proxy.get_cached_property_names() or ()}
        sys.stdout.write(json.dumps({name: value.unpack() for name, value in cached.items() if value is not None}) + "\n")
        sys.stdout.flush()
        return True

    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_LOW, GLib.IO_IN | GLib.IO_HUP, answer)
    loop.run()


if __name__ == "__main__":
    main()
