import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.core.sending.uploader_protocol import SENDING, Job, encode_job
from telemetryd.core.settings import Endpoint
from telemetryd.runtime.uploader import UploaderCourier
from telemetryd.system import own_package

BODY = b"{}".ljust(1024)
ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.example.org/v1/reports")
LINE = b'{"result":"accepted","status":204,"hindrance":""}\n'
ACCEPTED = SENDING + LINE
UNKNOWN, HELD = unknown_delivery(Hindrance.UPLOADER), held_delivery(Hindrance.UPLOADER)
TEXT = '{"question":1}'
JOB = encode_job(Job("kde", ENDPOINT.url, developer=False, body=BODY, definition=TEXT, package=own_package.LOADED))

UPLOADER = """
import json, os, signal, socket, sys, time
connection = socket.socket(fileno=int(sys.argv[-1]))
def read(size):
    data = b""
    while len(data) < size:
        data += connection.recv(size - len(data))
    return data
"""
"""The beginning of an uploader that tests write themselves."""


def uploader(script):
    """The command of an uploader that does this."""
    return [sys.executable, "-c", UPLOADER + script]


async def test_job_arrives():
    """The uploader gets the endpoint as the daemon knows it, the mode, the definition that was consented to, and the report's bytes."""
    job = encode_job(Job("kde", ENDPOINT.url, developer=True, body=BODY, definition=TEXT, package=own_package.LOADED))
    script = f"job = read({len(job)})\nassert job == {job!r}\nconnection.sendall({ACCEPTED!r})"
    courier = UploaderCourier(lambda: True, command=uploader(script))
    assert await courier.deliver(ENDPOINT, BODY, TEXT) == Delivery(Result.ACCEPTED, 204)


READ = f"read({len(JOB)}); "


def says(data):
    """What an uploader does to say this."""
    return f"connection.sendall({data!r})"


@pytest.mark.parametrize(
    "script",
    [
        READ + says(SENDING),
        READ + says(SENDING) + "; os.kill(os.getpid(), signal.SIGKILL)",
        READ + says(SENDING[:4]),
        READ + says(b"accepted\n"),
        READ + says(ACCEPTED[:-1]),
        READ + says(ACCEPTED[:30]),
        READ + says(ACCEPTED + LINE),
        READ + says(ACCEPTED) + "; time.sleep(0.2); " + says(LINE.replace(b"accepted", b"answered")),
        READ + says(ACCEPTED) + "; time.sleep(0.2); " + says(b" "),
        READ + says(LINE),
        says(ACCEPTED),
        READ + says(ACCEPTED.replace(b"204", b'"204"')),
        READ + says(ACCEPTED.replace(b"{", b"{ ")),
        READ + says(ACCEPTED.replace(b"accepted", b"unheard-of")),
        READ + says(ACCEPTED.replace(b"204", b"2040")),
        READ + says(ACCEPTED.replace(b'"status"', b'"retry_after_s":null,"status"')),
        READ + says(ACCEPTED.replace(b"accepted", b"held").replace(b'""', b'"keys"')),
        READ + says(b"[" * 255 + b"\n"),
        READ + says(b"\xff\0\n"),
        READ + "connection.sendall(b'x' * 1_000_000)",
    ],
)
async def test_nothing_is_guessed(script):
    """An uploader that dies while it sends, or says what no uploader says, leaves the outcome unknown: never accepted.

    That is so whether a second answer comes with the first or after it, and for one who answers before it was asked.
    """
    assert await UploaderCourier(command=uploader(script)).deliver(ENDPOINT, BODY, TEXT) == UNKNOWN


@pytest.mark.parametrize(
    "script",
    [
        "",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "connection.close()",
        "read(1)",
        "read(1100); os.kill(os.getpid(), signal.SIGKILL)",
        READ + "sys.exit(0)",
        READ + "sys.exit(3)",
        "import telemetryd.upload.nothing",
    ],
)
async def test_without_a_word(script, caplog):
    """An uploader that ends before it says that it sends has sent nothing: the report is held, and the journal says so."""
    assert await UploaderCourier(command=uploader(script)).deliver(ENDPOINT, BODY, TEXT) == HELD
    assert caplog.messages == ["telemetryd-upload ended, or hung, before it had a connection: nothing was sent"]


async def test_silent_uploader(tmp_path):
    """An uploader that hangs is waited for in vain once, then it is gone; it may have sent the report only if it said so."""

    async def wait_for(word):
        pid = tmp_path / f"pid{len(word)}"
        script = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n{says(word)}\nsignal.pause()"
        outcome = await UploaderCourier(command=uploader(script), timeout_s=10).deliver(ENDPOINT, BODY, TEXT)
        assert not Path(f"/proc/{pid.read_text()}").exists()
        return outcome

    assert await asyncio.gather(wait_for(b""), wait_for(SENDING)) == [HELD, UNKNOWN]


async def test_uploader_that_stays():
    """An uploader that does not end after its answer is ended; its answer counts."""
    script = READ + says(ACCEPTED) + "; signal.pause()"
    assert await UploaderCourier(command=uploader(script)).deliver(ENDPOINT, BODY, TEXT) == Delivery(Result.ACCEPTED, 204)


async def test_no_uploader(caplog, tmp_path):
    """Where no uploader can be started nothing has left, the report is held, and the journal says why."""
    assert await UploaderCourier(command=[str(tmp_path / "nothing")]).deliver(ENDPOINT, BODY, TEXT) == HELD
    assert caplog.messages == ["telemetryd-upload cannot be started: No such file or directory"]


async def test_damaged_report():
    """Bytes of another size are no report and are not handed over."""
    assert await UploaderCourier(command=["/nonexistent"]).deliver(ENDPOINT, BODY[1:], TEXT) == held_delivery(Hindrance.REPORT)


async def test_cancelling(tmp_path):
    """Cancelling a delivery ends the uploader before it returns, even one that does not look at its socket. Policy: C1."""
    os.mkfifo(tmp_path / "pid")
    script = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nsignal.pause()"
    delivery = asyncio.create_task(UploaderCourier(command=uploader(script)).deliver(ENDPOINT, BODY, TEXT))
    pid = await asyncio.to_thread((tmp_path / "pid").read_text)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("script", "is_unsent"),
    [("", True), (READ, True), ("read(9); ", True), (says(SENDING) + "; ", False), (READ + says(SENDING[:1]) + "; ", False)],
)
async def test_cancelling_before_it_sends(tmp_path, script, *, is_unsent):
    """A cancelled delivery says that nothing was sent exactly if the uploader had said nothing, however much of its job it had read."""
    os.mkfifo(tmp_path / "pid")
    wait = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nsignal.pause()"
    unsent = []
    courier = UploaderCourier(command=uploader(f"{script}\n{wait}"))
    delivery = asyncio.create_task(courier.deliver(ENDPOINT, BODY, TEXT, on_unsent=lambda: unsent.append(True)))
    await asyncio.to_thread((tmp_path / "pid").read_text)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert unsent == [True] * is_unsent


async def test_one_that_hangs_cannot_send_later(tmp_path):
    """An uploader that says nothing in time is dead before its socket is closed, and so before its report waits for another slot."""
    sent = tmp_path / "sent"
    script = f"read({len(JOB)})\nassert connection.recv(1) == b''\nopen({str(sent)!r}, 'w')"
    courier = UploaderCourier(command=uploader(script), timeout_s=1)
    assert await courier.deliver(ENDPOINT, BODY, TEXT) == held_delivery(Hindrance.UPLOADER)
    assert not sent.exists()


async def test_one_that_ends_at_that_moment(caplog):
    """Whenever an uploader ends beside the daemon's killing it, its exit is asyncio's to see, and nothing else is logged."""
    for _ in range(400):
        assert await UploaderCourier(command=["/bin/true"]).deliver(ENDPOINT, BODY, TEXT) == HELD
    assert set(caplog.messages) == {"telemetryd-upload ended, or hung, before it had a connection: nothing was sent"}


async def test_what_an_uploader_inherits(monkeypatch):
    """An uploader has three standard files and its socket, and no key log."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/tmp/keys")
    script = (
        f"read({len(JOB)})\n"
        "found = sorted(int(one) for one in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + one))\n"
        "assert found == [0, 1, 2, connection.fileno()], found\n"
        "assert os.readlink('/proc/self/fd/0') == os.readlink('/proc/self/fd/1') == '/dev/null'\n"
        "assert 'SSLKEYLOGFILE' not in os.environ\n"
        f"connection.sendall({ACCEPTED!r})"
    )
    assert await UploaderCourier(command=uploader(script)).deliver(ENDPOINT, BODY, TEXT) == Delivery(Result.ACCEPTED, 204)


def test_no_network_library():
    """The daemon's side never imports aiohttp."""
    script = "import sys, telemetryd.runtime.uploader; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", script], check=False).returncode == 0
