import asyncio
import contextlib
import resource
import socket
import sys
import time

import pytest
from support.manifests.core_questions import asking
from support.manifests.handed_report import BODY, DEFINITION, REPORT, TEXT, job
from support.net.tls_receiver import RESET
from support.shifted_time import hastened

from telemetryd.core.answers.report import encode, report_for_test
from telemetryd.core.definition import canonical_text
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery
from telemetryd.core.sending.uploader_protocol import encode_delivery
from telemetryd.system import own_package

DAMAGED, HELD = held_delivery(Hindrance.REPORT), held_delivery(Hindrance.CONFIGURATION)
ACCEPTED = Delivery(Result.ACCEPTED, 204)
DONE, MISUSED, WITHDRAWN = 0, 2, 3
STOP = '[[stop]]\napplication = "org.kde.kate"\nquestion = "startup"\nreason = "suspended"\ndate = 2026-11-21\n'


async def test_delivery(machine, start, receiver):
    """A reviewed report goes to the configured endpoint; one line says that it goes, one how it went, and the program ends."""
    url = machine.endpoint(receiver.url()).url
    program = await start(job(url))
    assert await program.output() == b'sending\n{"result":"accepted","status":204,"hindrance":""}\n'
    assert await program.end() == (DONE, b"")
    assert receiver.requests.get(timeout=20).partition(b"\r\n\r\n")[2] == BODY


@pytest.mark.parametrize("status", [404, 429, 503])
async def test_final_status(machine, start, receivers, trusted, *, status):
    """What the server says reaches the daemon as an outcome, and is final, whatever `Retry-After` says."""
    receiver = receivers(trusted, f"HTTP/1.1 {status} Away\r\nRetry-After: 90000\r\nContent-Length: 0\r\n\r\n".encode())
    program = await start(job(machine.endpoint(receiver.url()).url))
    assert await program.output() == b'sending\n{"result":"rejected","status":%d,"hindrance":""}\n' % status
    assert receiver.requests.qsize() == 1


@pytest.mark.parametrize("how", ["dropped after the body", "reset in TLS"])
async def test_broken_connection(machine, start, receivers, trusted, *, how):
    """A connection that breaks down after the body leaves the outcome unknown; in TLS it reached nobody, and `sending` is not said."""
    is_sent = how == "dropped after the body"
    receiver = receivers(trusted, [RESET]) if is_sent else receivers(None, [RESET], read=lambda connection: connection.recv(100))
    program = await start(job(machine.endpoint(receiver.url(scheme="https")).url))
    unknown, held = (
        b'sending\n{"result":"unknown","status":0,"hindrance":"refused"}\n',
        b'{"result":"held","status":0,"hindrance":"refused"}\n',
    )
    assert await program.output() == (unknown if is_sent else held)
    assert await program.end() == (DONE, b"")
    (got,) = list(receiver.requests.queue)
    assert got.endswith(BODY) is is_sent


@pytest.mark.parametrize("kind", ["no job", "endless line", "longer", "no report", "no size", "other spelling", "other name"])
async def test_no_job(machine, start, receiver, kind):
    """Whatever is no job is not sent, without aiohttp ever being imported. Policy: P1."""
    complete = job(machine.endpoint(receiver.url()).url)
    data = {
        "no job": b"GET / HTTP/1.1\r\n\r\n".ljust(2000),
        "endless line": b"x" * 5120,
        "longer": complete + b" ",
        "no report": complete[:-1024] + b"{}".ljust(1024),
        "no size": complete.replace(b'"definition":', b'"definition":9', 1),
        "other spelling": complete[:-1024] + BODY.replace(b":1,", b": 1,")[:1024],
        "other name": complete.replace(b"developer", b"Developer"),
    }
    program = await start(data[kind], options=("-P", "-X", "importtime"))
    assert await program.outcome() == DAMAGED
    status, errors = await program.end()
    assert status == DONE
    assert b"telemetryd.upload.job" in errors
    assert b"aiohttp" not in errors
    assert receiver.requests.empty()


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://localhost/v2/reports"},
        {"endpoint": "gnome"},
        {"developer": True},
    ],
)
async def test_job_that_is_not_permitted(machine, start, receiver, fields):
    """The uploader looks for itself: what goes to another address than configured stays here. Policy: C6."""
    program = await start(job(machine.endpoint(receiver.url()).url, **fields))
    assert await program.outcome() == HELD
    assert (await program.end())[0] == DONE
    assert receiver.requests.empty()


OTHER = asking(share=0.5)
"""What the same question was, or will be, in another version of the manifest."""
OF_OTHER = encode(REPORT._replace(revision=OTHER.revision))
FREE_TEXT = canonical_text(DEFINITION).replace('"500","2000"', '"500","secret-report.odt"')


@pytest.mark.parametrize(
    ("fields", "delivery"),
    [
        ({}, ACCEPTED),
        ({"body": encode(REPORT._replace(answer=("secret-report.odt",)))}, DAMAGED),
        ({"body": encode(REPORT._replace(answer=("<501",)))}, DAMAGED),
        ({"body": encode(REPORT._replace(epsilon=4.0))}, DAMAGED),
        ({"body": encode(REPORT._replace(epsilon=None))}, DAMAGED),
        ({"body": encode(REPORT._replace(period="2026-11"))}, DAMAGED),
        ({"body": encode(REPORT._replace(period="2027-W40"))}, DAMAGED),
        ({"body": encode(REPORT._replace(question="stopped"))}, DAMAGED),
        ({"body": encode(REPORT._replace(revision="0" * 12))}, DAMAGED),
        ({"body": OF_OTHER}, DAMAGED),
        ({"definition": canonical_text(OTHER), "body": OF_OTHER}, HELD),
        ({"definition": FREE_TEXT}, DAMAGED),
        ({"definition": TEXT.replace("Is it slow?", "Is it!")}, HELD),
        ({"definition": TEXT[:-1]}, DAMAGED),
        ({"definition": "{}"}, DAMAGED),
        ({"definition": "[" * 100_000}, DAMAGED),
        ({"definition": ""}, held_delivery(Hindrance.DEFINITION)),
    ],
)
async def test_what_the_definition_does_not_have(machine, start, receiver, fields, delivery):
    """Nothing leaves but answers, ε and periods of the definition handed along, and only if its own digest was reviewed. Policy: P1, R1.

    No manifest is installed: what the application is or was does not matter.
    """
    program = await start(job(machine.endpoint(receiver.url()).url, **fields))
    assert await program.outcome() == delivery
    assert (await program.end())[0] == DONE
    assert receiver.requests.qsize() == (delivery is ACCEPTED)


@pytest.mark.parametrize(("date", "delivery"), [("2026-11-21", ACCEPTED), ("2026-11-20", HELD)])
async def test_after_a_later_review(machine, start, receiver, date, delivery):
    """A report of a definition that was reviewed before the one in force leaves; reviews of one date admit neither. Policy: R1."""
    machine.review(OTHER, file="later.toml", date=date)
    url = machine.endpoint(receiver.url()).url
    for fields in ({}, {"definition": canonical_text(OTHER), "body": OF_OTHER}):
        program = await start(job(url, **fields))
        assert await program.outcome() == delivery


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("system/telemetryd/reviews.d/stop.toml", STOP),
        ("system/telemetryd/reviews.d/other.toml", "[[review"),
        ("user/telemetryd/telemetryd.toml", "enabled = false\n"),
        ("user/telemetryd/telemetryd.toml", "enabled = tru"),
        ("user/telemetryd/telemetryd.toml", "developer = true\n"),
        ("user/KDE/UserFeedback.conf", "[UserFeedback]\nEnabled=false\n"),
        ("", ""),
    ],
)
async def test_file_that_forbids(machine, start, receiver, *, path, text):
    """A stop, a kill switch, a file that cannot be read, developer mode: nothing leaves, whatever the daemon asks. Policy: C4, R4, M4."""
    url = machine.endpoint(receiver.url()).url
    if path:
        machine.write(path, text)
    program = await start(job(url), **({} if path else {"DO_NOT_TRACK": "1"}))
    assert await program.outcome() == HELD
    assert (await program.end())[0] == DONE
    assert receiver.requests.empty()


UNREVIEWED = encode(REPORT._replace(revision="0" * 12, epsilon=None))


async def test_developer(machine, start, receivers):
    """In developer mode any report goes to this machine, by http too."""
    receiver = receivers()
    url = machine.endpoint(receiver.url("127.0.0.1"), folder="user", head="developer = true\n", ca_file="").url
    program = await start(job(url, developer=True, body=UNREVIEWED))
    assert await program.outcome() == Delivery(Result.ACCEPTED, 204)
    assert receiver.requests.get(timeout=20).endswith(UNREVIEWED)


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://192.0.2.1/"])
async def test_developer_elsewhere(machine, start, url):
    """In developer mode nothing goes to another machine. Policy: C6."""
    machine.endpoint(url, head="", ca_file="")
    machine.write("user/telemetryd/telemetryd.toml", "developer = true\n")
    program = await start(job(url, developer=True))
    assert await program.outcome() == HELD


@pytest.mark.parametrize("data", [b"", b'{"endpoint"', b"whole line"])
async def test_end_before_the_job(machine, start, receiver, data):
    """A socket that ends before the job is whole ends the program without a word."""
    complete = job(machine.endpoint(receiver.url()).url)
    program = await start(complete[:-1] if data == b"whole line" else data)
    program.connection.shutdown(socket.SHUT_WR)
    assert await program.output() == b""
    assert await program.end() == (WITHDRAWN, b"")
    assert receiver.requests.empty()


@pytest.mark.parametrize(("identity", "delivery"), [(own_package.LOADED, ACCEPTED), ("0" * 64, held_delivery(Hindrance.PACKAGE))])
async def test_another_version(machine, start, receiver, identity, delivery):
    """An uploader whose files are not those of the daemon that decided sends nothing, even if they were replaced while it started."""
    program = await start(job(machine.endpoint(receiver.url()).url, package=identity))
    assert await program.outcome() == delivery
    assert receiver.requests.qsize() == (delivery is ACCEPTED)


TEST = report_for_test("2026-12-01", "0123456789abcdef" * 2)


async def test_test_report(machine, start, receiver):
    """A test report needs no definition and no review; a report that differs from it in anything but day and nonce does."""
    url = machine.endpoint(receiver.url()).url
    machine.write("system/telemetryd/reviews.d/kate.toml", "")
    program = await start(job(url, definition="", body=encode(TEST)))
    assert await program.outcome() == ACCEPTED
    assert receiver.requests.get(timeout=20).partition(b"\r\n\r\n")[2] == encode(TEST)
    nearly = {"application": "org.kde.kate", "question": "startup", "revision": "1" * 12, "answer": ("<500",), "epsilon": 2.0}
    for key, value in nearly.items():
        program = await start(job(url, definition="", body=encode(TEST._replace(**{key: value}))))
        assert await program.outcome() == held_delivery(Hindrance.DEFINITION)
    assert receiver.requests.empty()


async def test_no_test_report_while_off(machine, start, receiver):
    """A kill switch and DO_NOT_TRACK hold a test report, and a handshake, back as every report."""
    url = machine.endpoint(receiver.url(), head="enabled = false\n").url
    handshake = {"arguments": ("--handshake",)}
    for options in ({}, handshake):
        assert await (await start(job(url, definition="", body=encode(TEST)), **options)).outcome() == HELD
    machine.endpoint(receiver.url())
    for options in ({"DO_NOT_TRACK": "1"}, handshake | {"DO_NOT_TRACK": "1"}):
        assert await (await start(job(url, definition="", body=encode(TEST)), **options)).outcome() == HELD
    assert receiver.peers == []


async def test_handshake(machine, start, receivers, trusted, expired):
    """With --handshake the connection is made and checked as for a report, and closed before a byte of a request."""
    receiver, old = receivers(trusted), receivers(expired)
    for server, hindrance in ((receiver, Hindrance.HANDSHAKE), (old, Hindrance.EXPIRED)):
        url = machine.endpoint(server.url()).url
        program = await start(job(url, definition="", body=encode(TEST)), arguments=("--handshake",))
        assert await program.output() == encode_delivery(held_delivery(hindrance))
        assert (await program.end())[0] == DONE
    await receiver.end()
    assert receiver.resumed == [False]
    assert not b"".join(receiver.requests.queue)  # Python 3.13 notes no request where TLS ends without one
    assert old.resumed == []


async def test_job_that_trickles(machine, start, receiver):
    """A job has its ten seconds as a whole, however steadily it comes: then the program ends without having looked at it."""
    complete = job(machine.endpoint(receiver.url()).url)
    program = await start(**hastened(20))
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        for number in range(len(complete)):
            if program.process.returncode is not None:
                break
            program.connection.send(complete[number : number + 1])
            await asyncio.sleep(0.02)
    assert time.monotonic() - began < len(complete) * 0.02 / 2
    assert (await program.end())[0] == DONE
    assert receiver.requests.empty()


async def test_withdrawal_before_it_starts(machine, start, receiver):
    """A report that is withdrawn as soon as it was handed over is not sent. Policy: C1."""
    program = await start(job(machine.endpoint(receiver.url()).url))
    program.connection.close()
    assert await program.end() == (WITHDRAWN, b"")
    assert receiver.requests.empty()


@pytest.mark.parametrize("silent_in", ["handshake", "headers"])
@pytest.mark.parametrize("is_closed", [True, False])
async def test_withdrawal(machine, start, receivers, trusted, *, silent_in, is_closed):
    """The end of the socket, or another byte on it, ends the connection at once, whatever it is waiting for. Policy: C1."""
    receiver = receivers(trusted, silent_in=silent_in)
    program = await start(job(machine.endpoint(receiver.url()).url))
    await asyncio.to_thread(receiver.met.wait, 20)
    if is_closed:
        program.connection.close()
    else:
        program.connection.send(b"x")
    await receiver.end()
    assert await program.end() == (WITHDRAWN, b"")


async def test_hardening(machine, start, receivers, trusted, *, tmp_path):
    """No core dump and no key log hold what travels. Policy: C7."""
    receiver = receivers(trusted, silent_in="headers")
    log = tmp_path / "keys"
    program = await start(job(machine.endpoint(receiver.url()).url), SSLKEYLOGFILE=str(log))
    assert await asyncio.to_thread(receiver.requests.get, timeout=20)
    assert resource.prlimit(program.process.pid, resource.RLIMIT_CORE) == (0, 0)
    assert not log.exists()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "https_proxy"])
async def test_environment(machine, start, receiver, *, ca_file, variable):
    """The environment puts neither a certificate in the system store's place nor a proxy in between. Policy: C6, C7."""
    url = machine.endpoint(receiver.url(), ca_file="" if variable == "SSL_CERT_FILE" else None).url
    value = ca_file if variable == "SSL_CERT_FILE" else "http://192.0.2.1:3128"
    program = await start(job(url), **{variable: value})
    expected = held_delivery(Hindrance.AUTHORITY) if variable == "SSL_CERT_FILE" else ACCEPTED
    assert await program.outcome() == expected


@pytest.mark.parametrize("kind", ["nothing", "no number", "closed", "no socket", "no Unix socket", "not connected"])
async def test_misuse(machine, kind):
    """A wrong command line or socket is one line of usage, and nothing is read or sent."""
    with contextlib.ExitStack() as stack:
        tcp, lone = stack.enter_context(socket.socket()), stack.enter_context(socket.socket(socket.AF_UNIX))
        arguments = {
            "nothing": [],
            "no number": ["--socket", "one"],
            "closed": ["--socket", "99"],
            "no socket": ["--socket", "0"],
            "no Unix socket": ["--socket", str(tcp.fileno())],
            "not connected": ["--socket", str(lone.fileno())],
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "telemetryd.upload", *arguments[kind]),
            env=machine.environ,
            pass_fds=(tcp.fileno(), lone.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
    assert process.returncode == MISUSED
    assert errors == b"usage: telemetryd-upload [--handshake] --socket FD | --activated (a connected Unix stream socket)\n"
