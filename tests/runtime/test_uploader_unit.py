import asyncio
import contextlib
import socket

import pytest

from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.core.sending.uploader_protocol import SENDING, Job, encode_job
from telemetryd.core.settings import Endpoint
from telemetryd.runtime.uploader import UploaderCourier
from telemetryd.runtime.uploader_unit import upload_socket
from telemetryd.system import own_package

BODY = b"{}".ljust(1024)
ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.example.org/v1/reports")
LINE = b'{"result":"accepted","status":204,"hindrance":""}\n'
TEXT = '{"question":1}'
JOB = encode_job(Job("kde", ENDPOINT.url, developer=False, body=BODY, definition=TEXT, package=own_package.LOADED))
JOB_BYTES = len(JOB)
UNKNOWN, HELD = unknown_delivery(Hindrance.UPLOADER), held_delivery(Hindrance.UPLOADER)
SAID_NOTHING = "telemetryd-upload ended, or hung, before it had a connection: nothing was sent"


class Unit:
    """A socket as systemd's, and what the test does as the uploader behind each connection."""

    def __init__(self, path):
        self.path = str(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._listener.setblocking(False)

    def deliver(self, **options):
        """The daemon's side."""
        return asyncio.create_task(UploaderCourier(unit_socket=self.path, **options).deliver(ENDPOINT, BODY, TEXT))

    async def accept(self, size=JOB_BYTES):
        """The uploader's end of the next connection, of which it has read so much."""
        connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        connection.setblocking(True)
        data = b""
        while len(data) < size:
            data += await asyncio.to_thread(connection.recv, size - len(data))
        assert data == JOB[:size]
        return connection

    def close(self):
        """Nobody listens any more."""
        self._listener.close()


@pytest.fixture
def unit(tmp_path):
    """The unit's socket."""
    with contextlib.closing(Unit(tmp_path / "upload.socket")) as unit:
        yield unit


@pytest.mark.parametrize(
    ("said", "delivery"),
    [
        (SENDING + LINE, Delivery(Result.ACCEPTED, 204)),
        (SENDING, UNKNOWN),
        (SENDING[:4], UNKNOWN),
        (LINE, UNKNOWN),
        (SENDING + LINE + LINE, UNKNOWN),
        (b"", HELD),
    ],
)
async def test_what_its_words_mean(unit, said, delivery):
    """The unit's uploader gets the child's job, and its words mean the same."""
    task = unit.deliver()
    with await unit.accept() as connection:
        connection.sendall(said)
    assert await task == delivery


@pytest.mark.parametrize("size", [0, 9, 1100])
async def test_one_that_ends_early(unit, size, caplog):
    """An uploader that ends before it has read its job, as after a stranger's connection, has sent nothing, and the journal says so."""
    task = unit.deliver()
    (await unit.accept(size)).close()
    assert await task == HELD
    assert caplog.messages == [SAID_NOTHING]


async def test_no_socket(tmp_path, caplog):
    """Where nobody listens, nothing has left: the report is held, and no child is started instead."""
    missing, deaf = tmp_path / "missing.socket", tmp_path / "deaf.socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(deaf))
        for path in (missing, deaf):
            courier = UploaderCourier(unit_socket=str(path), command=["/bin/false"])
            assert await courier.deliver(ENDPOINT, BODY, TEXT) == HELD
    texts = ("No such file or directory", "Connection refused")
    assert caplog.messages == [f"telemetryd-upload cannot be started: {text}" for text in texts]


async def test_full_queue(tmp_path, caplog):
    """A socket that systemd does not take connections from is not waited for."""
    path = tmp_path / "upload.socket"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        assert await UploaderCourier(unit_socket=str(path)).deliver(ENDPOINT, BODY, TEXT) == HELD
    assert caplog.messages == ["telemetryd-upload cannot be started: Resource temporarily unavailable"]


async def test_one_that_hangs_cannot_send_later(unit):
    """The `sending` of an uploader that the daemon gave up fails, so that it cannot send: its report waits for another slot."""
    task = unit.deliver(timeout_s=0.2)
    with await unit.accept() as connection:
        assert await task == HELD
        assert connection.recv(1) == b""
        with pytest.raises(BrokenPipeError):
            connection.sendall(SENDING)


async def test_word_of_the_last_moment(unit):
    """An uploader that says `sending` while the daemon gives it up may have sent: the outcome is unknown, however late it is read."""
    task = unit.deliver(timeout_s=0.2)
    with await unit.accept() as connection:
        assert await asyncio.to_thread(connection.recv, 1) == b""  # the daemon has given up, and waits for its end
        connection.sendall(SENDING)
        assert await task == UNKNOWN


async def test_one_that_stays(unit):
    """An uploader that does not end after its answer is not waited for; its answer counts."""
    task = unit.deliver()
    with await unit.accept() as connection:
        connection.sendall(SENDING + LINE)
        assert await task == Delivery(Result.ACCEPTED, 204)


@pytest.mark.parametrize(("said", "is_unsent"), [(b"", True), (SENDING, False), (SENDING[:1], False)])
@pytest.mark.parametrize("size", [0, JOB_BYTES])
async def test_cancelling(unit, said, size, *, is_unsent):
    """A cancelled delivery ends the connection, and says that nothing was sent exactly if the uploader had said nothing. Policy: C1."""
    unsent = []
    courier = UploaderCourier(unit_socket=unit.path)
    task = asyncio.create_task(courier.deliver(ENDPOINT, BODY, TEXT, on_unsent=lambda: unsent.append(True)))
    with await unit.accept(size) as connection:
        connection.sendall(said)
        await asyncio.sleep(0.05)
        task.cancel()
        while await asyncio.to_thread(connection.recv, 4096):
            pass
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unsent == [True] * is_unsent


def test_only_the_unit_names_the_socket():
    """The daemon takes its uploader from a unit if its own unit says so."""
    assert upload_socket({"XDG_RUNTIME_DIR": "/run/user/1"}) == ""
    assert upload_socket({"TELEMETRYD_UPLOAD_SOCKET": "/run/user/1/telemetryd/upload.socket"}) == "/run/user/1/telemetryd/upload.socket"
