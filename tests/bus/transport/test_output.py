import os
import socket
from pathlib import Path

import pytest

from telemetryd.bus.transport.library import Message, MessageType
from telemetryd.bus.transport.output import Output, ReplyTemplates, marshalled
from telemetryd.core.limits import REPLY_TEMPLATES


def open_descriptors():
    """How many descriptors this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def sockets():
    """A pair of connected sockets; the first does not block and takes little at once."""
    near, other = socket.socketpair()
    near.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with near, other:
        yield near, other


def test_everything_arrives_in_order_past_a_full_socket(sockets):
    """A full socket only means later: what was added comes out byte for byte, and the size says what is left."""
    near, other = sockets
    output = Output()
    sent = [bytes([number]) * 3000 for number in range(50)]
    for data in sent:
        output.add(data)
    assert output.size_bytes == 150_000
    received = bytearray()
    assert not output.write(near)
    assert output.size_bytes < 150_000
    while not output.write(near):
        received += other.recv(1 << 20)
    near.close()
    while data := other.recv(1 << 20):
        received += data
    assert received == b"".join(sent)
    assert output.size_bytes == 0


def test_descriptors_go_with_the_first_byte_of_their_message(sockets):
    """A receiver that reads message by message gets each one's descriptors with its first byte, also when the socket was full before."""
    near, other = sockets
    output = Output()
    before = open_descriptors()
    for number in range(20):
        output.add(b"p" * 1000)
        output.add(b"d" * 2000, [0, 1][: 1 + number % 2])
    assert open_descriptors() == before + 30
    for number in range(20):
        output.write(near)
        assert read_exactly(other, 1000, output, near) == []
        descriptors = read_exactly(other, 1, output, near)
        assert len(descriptors) == 1 + number % 2
        for descriptor in descriptors:
            os.close(descriptor)
        assert read_exactly(other, 1999, output, near) == []
    assert open_descriptors() == before


def read_exactly(receiver, size, output, sender):
    """Read so many bytes; the descriptors that came with them."""
    descriptors = []
    while size:
        data, more, *_ = socket.recv_fds(receiver, size, 10)
        descriptors += more
        size -= len(data)
        output.write(sender)
    return descriptors


def test_what_is_discarded_is_closed():
    """Descriptors that never left are closed."""
    output = Output()
    before = open_descriptors()
    output.add(b"x", [0, 1, 2])
    output.discard()
    assert (open_descriptors(), output.size_bytes) == (before, 0)


def test_a_peer_that_has_gone_is_an_error(sockets):
    """Writing to nobody raises OSError."""
    near, other = sockets
    other.close()
    output = Output()
    output.add(b"x")
    with pytest.raises(OSError, match="Broken pipe"):
        output.write(near)


@pytest.mark.parametrize("destination", [":1.7", ":1.12345", "org.example.Name"])
@pytest.mark.parametrize(("serial", "reply_serial"), [(1, 1), (0x01020304, 0x01020304), (0xFFFF_FFFF, 7)])
def test_a_prepared_reply_is_what_the_library_would_write(destination, serial, reply_serial):
    """The bytes are the library's own, whatever the serials."""
    message = Message(message_type=MessageType.METHOD_RETURN, destination=destination, serial=serial, reply_serial=reply_serial)
    templates = ReplyTemplates()
    for _ in range(2):
        assert templates.reply(destination, serial, reply_serial) == bytes(marshalled(message))


def test_prepared_replies_are_bounded():
    """Callers that come and go do not add up."""
    templates = ReplyTemplates()
    for number in range(3 * REPLY_TEMPLATES):
        templates.reply(f":1.{number}", 1, 1)
    assert len(templates._parts) <= REPLY_TEMPLATES
