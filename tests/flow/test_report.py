"""What the preview shows is what the history keeps and what the receiver gets. Policy: T2, A2, A4, C7."""

import json
import re

import pytest
from support.machine import CONTROL, KATE, but_for_chance
from support.machine_at import SAVES, TOTAL, TOTAL_LABEL, accept_last_week, daemon_at
from support.manifests.manifest_texts import question

KATE_ID = "org.kde.kate"
NONCE = re.compile(rb'"nonce":"([0-9a-f]{32})"')
BLANK = b'"nonce":"' + b"0" * 32 + b'"'
MANY = (
    KATE
    + """\
[[source]]
id = "wayland"
type = "flag"
description = "Whether it runs on Wayland"
combine = "any"
[[source]]
id = "never-pushed"
type = "choice"
description = "Something that nobody pushes"
values = ["a", "b"]
"""
    + question(
        *("startup-by-window-system", "startup", "wayland"),
        purpose="Is start-up slower on Wayland?",
        decision="Which window system is profiled first",
        period="month",
        starts="2026-01-01",
        ends="2026-12-31",
    )
    + question("silent", "never-pushed", purpose="What if nobody pushes?", decision="Whether it is asked at all", period="day")
)
"""Kate with a correlation over two sources and a question that nobody answers."""
ANSWERS = {"startup-time": ["500..2000"], "startup-by-window-system": ["500..2000", "true"], "silent": ["none"]}


def _endpoint(machine, receiver, certificate):
    machine.configure(f'[endpoint.kde]\nname = "KDE"\nurl = "{receiver.url()}"\nca_file = "{certificate[0]}"\n')


@pytest.fixture
def developing(machine, receiver, certificate):
    """A developer's machine whose reports go to the TLS receiver on this host."""
    _endpoint(machine, receiver, certificate)
    machine.configure_user("developer = true\n")
    machine.install(MANY, reviewed=False)
    return machine


async def _collect(client):
    await client.consent(KATE_ID)
    await client.push_many(KATE_ID, {"startup": ("ad", [700.0, 100.0, 1999.5]), "wayland": ("ab", [False, True])})


def _received(receiver):
    """Each request's headers and body, in the order of the bodies without their nonces."""
    requests = []
    while not receiver.requests.empty():
        head, _, body = receiver.requests.get().partition(b"\r\n\r\n")
        requests.append((head.decode().split("\r\n"), body))
    return sorted(requests, key=lambda request: NONCE.sub(BLANK, request[1]))


def _sure(body):
    """What chance has no part in."""
    return json.dumps(but_for_chance(body))


def _files(machine):
    """The files that stay; the shared memory beside them only says who reads."""
    return {name: data for name, data in machine.state().items() if not name.endswith("-shm")}


async def test_preview_history_and_receiver_have_the_same_bytes(developing, receiver):
    """The same 1,024 bytes in preview, history and at a real TLS receiver, but for the nonce and the noise that the preview is without."""
    with developing.daemon():
        async with developing.client() as client:
            await _collect(client)
            preview = [body.encode() for _, body in (await client.preview()).values()]
            await client.call(CONTROL, "Submit")
            history = await client.history()
    received = [body for _, body in _received(receiver)]
    assert [NONCE.sub(BLANK, body) for body in received] == sorted(row["body"].encode() for row in history)
    assert {json.loads(body)["question"]: json.loads(body)["answer"] for body in preview} == ANSWERS
    assert sorted(map(_sure, received)) == sorted(map(_sure, preview))
    assert {len(body) for body in received} == {1024}
    nonces = {NONCE.search(body).group(1) for body in received}
    assert len(nonces) == len(received)
    assert b"0" * 32 not in nonces
    assert {row["outcome"] for row in history} == {"accepted"}


async def test_each_report_travels_alone_with_the_headers_that_the_history_shows(developing, receiver):
    """Each report has a connection of its own, without TLS resumption, and no header beside those that the user can read."""
    with developing.daemon():
        async with developing.client() as client:
            await _collect(client)
            await client.call(CONTROL, "Submit")
            history = await client.history()
    shown = [[f"{name}: {value}" for name, value in row["headers"]] for row in history]
    requests = _received(receiver)
    assert [head[0] for head, _ in requests] == ["POST /v1/reports HTTP/1.1"] * 3
    assert [sorted(head[1:]) for head, _ in requests] == [sorted(lines) for lines in shown]
    assert receiver.resumed == [False] * 3


async def test_what_reached_nobody_stays_the_same_bytes(developing, receiver, certificate):
    """A report that reached nobody is shown, kept and sent byte for byte, nonce included; then its nonce is gone."""
    _endpoint(developing, receiver, [f"{certificate[0]}.missing"])
    with developing.daemon():
        async with developing.client() as client:
            await _collect(client)
            await client.call(CONTROL, "Submit")
            waiting = {row["question"]: row for row in await client.history()}
            (preview,) = await client.call(CONTROL, "Preview", "s", "")
            assert [row["outcome"] for row in waiting.values()] == ["queued"] * 3
            assert receiver.requests.empty()
            first = {row["body"].encode() for row in waiting.values()}
            assert first <= {body.encode() for _, _, body in preview}
            _endpoint(developing, receiver, certificate)
            await client.call(CONTROL, "Submit")
            sent = [body for _, body in _received(receiver)]
            assert first <= set(sent)
            done = await client.history()
    assert {row["outcome"] for row in done} == {"accepted"}
    assert all(BLANK in row["body"].encode() for row in done)
    nonces = [NONCE.search(body).group(1) for body in sent]
    assert not [nonce for nonce in nonces for data in developing.state().values() if nonce in data]


async def test_the_report_that_waits_for_its_slot_is_the_previewed_one(machine, receiver, certificate):
    """Outside developer mode: what the preview shows within the period is what waits in the queue after it, but for nonce and noise."""
    _endpoint(machine, receiver, certificate)
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            (running,) = (await client.preview()).values()
    with daemon_at(machine, "+7d"):
        async with machine.client() as client:
            (waiting,) = (await client.preview()).values()
            (row,) = await client.history()
    assert running[0] == waiting[0] == row["endpoint"] == receiver.url()
    assert waiting[1] == row["body"]
    assert but_for_chance(waiting[1]) == but_for_chance(running[1])
    assert TOTAL_LABEL in running[1].encode()
    assert row["outcome"] == "queued"


async def test_looking_changes_nothing(developing):
    """Preview, History, ListQuestions and ListApplications write nothing, however often they are asked for."""
    with developing.daemon():
        async with developing.client() as client:
            await _collect(client)
            before = _files(developing)
            for _ in range(3):
                await client.preview()
                await client.history()
                await client.questions()
                await client.call(CONTROL, "ListApplications")
            assert _files(developing) == before
