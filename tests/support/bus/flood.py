"""A caller that floods the daemon, and what it sends; as a program it is the flood itself, in a process of its own.

python tests/support/bus/flood.py ADDRESS WINDOW FILE...

Each file holds the bytes of one message; they are sent in turn until it is killed.
"""

import contextlib
import selectors
import struct
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from support.bus.raw_bus import CALL, NO_REPLY, RawBus, strings

_TELEMETRY = ("org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", "org.telemetryd.Telemetry1")
_CONTROL = ("org.telemetryd.Control1", "/org/telemetryd/Control1", "org.telemetryd.Control1")
_SERIAL = struct.Struct("<I")
_LARGE = 1 << 20
_REPLY = (2, 3)


@contextlib.contextmanager
def flood(machine, messages, *, window=64):
    """A process that keeps so many of these calls unanswered, going round them; it runs when the block begins. Yields the process."""
    folder = machine.root / "flood"
    folder.mkdir(exist_ok=True)
    files = []
    for number, message in enumerate(messages):
        files.append(folder / str(number))
        files[-1].write_bytes(message)
    command = [sys.executable, __file__, machine.address, str(window), *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"flooding\n"
            yield process
        finally:
            process.kill()


def call(member, signature="", body=b"", *, to=_TELEMETRY, interface=None, flags=0):
    """The bytes of a call."""
    bus = RawBus.__new__(RawBus)
    bus._serial = 0
    return bus.call(to[0], member, path=to[1], interface=interface or to[2], signature=signature, body=body, flags=flags)


def register(application, text):
    """The bytes of a call of Register."""
    body = strings(application, text)
    return call("Register", "ssa{sv}", body + bytes(-len(body) % 4) + bytes(4) + bytes(-(len(body) + -len(body) % 4 + 4) % 8))


def push(application, source, variant):
    """The bytes of a call of Push; the variant begins with its signature."""
    return call("Push", "ssv", strings(application, source) + variant(len(strings(application, source))))


def double(at):
    """A double, as a variant that begins at this place of the body."""
    head = b"\1d\0"
    return head + bytes(-(at + 3) % 8) + struct.pack("<d", 700.0)


def many(application, source, samples):
    """The bytes of a call of PushMany with one array of doubles."""
    values = struct.pack(f"<{samples}d", *[700.0] * samples)
    entry = strings(source) + b"\2ad\0"
    entry += bytes(-len(entry) % 4) + struct.pack("<I", len(values))
    entry += bytes(-len(entry) % 8) + values
    head = strings(application)
    head += bytes(-len(head) % 4) + struct.pack("<I", len(entry))
    return call("PushMany", "sa{sv}", head + bytes(-len(head) % 8) + entry)


def get_all(to):
    """The bytes of a call of GetAll."""
    return call("GetAll", "s", strings(to[2]), to=to, interface="org.freedesktop.DBus.Properties")


def worst_texts(application):
    """Texts of 64 KiB that take the daemon long: deep headers and keys, as many pieces as are parsed, questions as small as can be."""
    head = f'schema = 1\n[application]\nid = "{application}"\nname = "Flood"\nvendor = "kde"\ncontact = "https://kde.org/"\n'
    question = (
        '[[question]]\nid="q{}"\npurpose="ppp"\ndecision="ddd"\ncategory="usage"\ndetail="basic"\nsources=["a"]\nperiod="day"\n'
        "starts=2026-11-01\nends=2027-06-01\n"
    )
    source = '[[source]]\nid="a"\ndescription="ddd"\ntype="number"\nbins=[1]\n'
    escapes = "\\n" * 9_000
    deep = "[" + "a." * 49 + "a]\n" + "".join("a." * 49 + f"k{number:03}=1\n" for number in range(600))
    wide = head + "".join(f"k{number:04}=1\n" for number in range(4900)) + f'x="{escapes}"\n'
    asked = head + source + "".join(question.format(number) for number in range(115)) + f'"purpose[de]"="{escapes}"\n'
    empty = head + source + "[[question]]\n" * 115 + f'x="{escapes}"\n'
    return [deep, wide, asked, empty]


def floods(application, text, pushed):
    """Name of a flood → its messages. The text is a valid manifest of the application; the flood pushes samples of another one."""
    own = text
    texts = [own.replace("Is start-up too slow", "Is start-up much too slow"), own]
    peer = "org.freedesktop.DBus.Peer"
    return {
        "hostile texts": [register(application, text) for text in worst_texts(application)],
        "two valid texts in turn": [register(application, text) for text in texts],
        "ids of 200 kB": [push("a" * 200_000, "startup", double)],
        "10,000 samples a call": [many(pushed, "startup", 10_000)],
        "arrays of a megabyte": megabytes(),
        "pushes": [push(pushed, "startup", double)],
        "pings": [call("Ping", interface=peer)],
        "introspections": [call("Introspect", interface="org.freedesktop.DBus.Introspectable")],
        "GetAll": [get_all(_TELEMETRY)],
        "GetAll of Control1": [get_all(_CONTROL)],
    }


def megabytes():
    """Calls of nearly a megabyte with as many values as go into it: numbers, empty texts, variants, and variants in a dictionary."""
    head = strings("a", "b")

    def pushed(signature, item, count):
        data = head + bytes([len(signature)]) + signature + b"\0"
        data += bytes(-len(data) % 4) + struct.pack("<I", len(item) * count)
        if signature[1:2] in b"d(":
            data += bytes(-len(data) % 8)
        return call("Push", "ssv", data + item * count)

    return [
        pushed(b"ad", bytes(8), 120_000),
        pushed(b"as", b"\3\0\0\0abc\0", 120_000),
        pushed(b"av", b"\1y\0\7", 240_000),
        pushed(b"a(yyyyyyyy)", bytes(8), 120_000),
    ]


def main(address, window, *files):
    """Flood until killed."""
    messages = [bytearray(Path(file).read_bytes()) for file in files]
    bus = RawBus(address)
    bus.socket.setblocking(False)
    print("flooding", flush=True)  # noqa: T201 - the sign that it has begun
    _flood(bus.socket, messages, window)


def _flood(socket, messages, window):
    """Keep so many calls unanswered. Calls that want no reply are not counted: they are sent as fast as the bus takes them."""
    serial = sent = unanswered = 0
    out, received = memoryview(b""), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while True:
            is_room = bool(out) or unanswered < window
            selector.modify(socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if is_room else 0))
            for _, events in selector.select():
                if events & selectors.EVENT_READ:
                    data = socket.recv(_LARGE)
                    if not data:
                        return
                    received += data
                    unanswered -= _replies(received)
                if events & selectors.EVENT_WRITE:
                    batch = bytearray()
                    while not out and unanswered < window and len(batch) < 65536:
                        message = messages[sent % len(messages)]
                        sent += 1
                        serial = serial % 0xFFFF_FFFF + 1
                        _SERIAL.pack_into(message, 8, serial)
                        unanswered += not message[2] & NO_REPLY
                        batch += message
                    out = out or memoryview(bytes(batch))
                    with contextlib.suppress(BlockingIOError):
                        out = out[socket.send(out) :]


def _replies(received):
    """Take whole messages out of what was received; how many replies they are."""
    at = found = 0
    while at + 16 <= len(received):
        body, _, fields = struct.unpack_from("<III", received, at + 4)
        size = 16 + fields + -fields % 8 + body
        if at + size > len(received):
            break
        found += received[at + 1] in _REPLY
        at += size
    del received[:at]
    return found


if __name__ == "__main__":
    assert CALL == 1
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
