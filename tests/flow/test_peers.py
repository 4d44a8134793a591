"""Programs that share no code with telemetryd drive it: busctl, gdbus, dbus-send, and a Qt application."""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.machine import CONTROL, PROPERTIES, TELEMETRY
from support.manifests.manifest_texts import EVERY_TYPE as MANIFEST

PEERS = Path(__file__).parent / "peers"
APPLICATION = "org.example.app"
ANSWERS = {"saves": ["7..8"], "rest": ["500..2000", "true", "zsh"]}
"""What `Push saves 1`, `PushMany saves [1, 2, 3], load 700.5, dark, shell` come to."""
REFUSED = "org.telemetryd.Error.InvalidValue"


@pytest.fixture
def receiver():
    """A receiver on loopback; the bodies that it got."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.bodies, server.url = bodies, f"http://127.0.0.1:{server.server_port}/v1"
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def developing(any_machine, receiver):
    """A daemon in developer mode under each D-Bus library, whose reports go to the receiver; nothing is registered yet."""
    any_machine.develop(receiver.url)
    with any_machine.daemon() as daemon:
        yield any_machine
        assert daemon.stop() == 0
        assert daemon.log == ""


def answer_of(body):
    """(question, answer) of a report."""
    report = json.loads(body)
    return report["question"], report["answer"]


def without_nonce(body):
    """A report as it is but for the nonce."""
    return re.sub(r'"nonce":"[0-9a-f]{32}"', "", body)


def without_chance(body):
    """A report as it is but for nonce and noise: the preview is from before chance."""
    return re.sub(r'"answer":\[[^]]*\]', "", without_nonce(body)).rstrip()


def busctl(machine, *arguments):
    """`busctl --json=short call …`; the reply's arguments."""
    printed = machine.busctl("--json=short", "call", *arguments)
    return json.loads(printed)["data"] if printed.strip() else []


def test_busctl_has_a_complete_session(developing, receiver):
    """busctl: introspection, register, levels, list, accept by digest, push, PushMany, preview, submit, history, erase."""
    machine = developing
    introspection = machine.busctl("introspect", *TELEMETRY[:2]) + machine.busctl("introspect", *CONTROL[:2])
    assert re.search(r"\.PushMany +method +sa\{sv\} ", introspection)
    assert re.search(r"\.Usage +property +u +\S+ +emits-invalidation writable$", introspection, re.MULTILINE)
    assert re.search(r"\.Problems +property +a\(ss\) +.* emits-invalidation$", introspection, re.MULTILINE)
    assert re.search(r"\.LastWork +property +t +0 +-$", introspection, re.MULTILINE)
    assert len(re.findall(r"\.Version +property +u +1 +const$", introspection, re.MULTILINE)) == 2
    assert busctl(machine, *TELEMETRY, "Register", "ssa{sv}", APPLICATION, MANIFEST, "0")[0].startswith("sha256:")
    machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
    assert machine.busctl("get-property", *CONTROL, "Usage") == "u 1\n"
    assert [one["id"]["data"] for one in busctl(machine, *CONTROL, "ListApplications")[0]] == [APPLICATION]
    digests = {one["id"]["data"]: one["digest"]["data"] for one in busctl(machine, *CONTROL, "ListQuestions", "s", APPLICATION)[0]}
    pairs = [text for pair in digests.items() for text in pair]
    busctl(machine, *CONTROL, "Accept", "sa{ss}", APPLICATION, "2", *pairs)
    busctl(machine, *CONTROL, "SetApplicationConsent", "suu", APPLICATION, "3", "1")
    busctl(machine, *TELEMETRY, "Push", "ssv", APPLICATION, "saves", "u", "1")
    samples = ["4", "saves", "au", "3", "1", "2", "3", "load", "d", "700.5", "dark", "b", "true", "shell", "s", "zsh"]
    busctl(machine, *TELEMETRY, "PushMany", "sa{sv}", APPLICATION, *samples)
    refused = machine.run(
        "busctl", f"--address={machine.address}", "call", *TELEMETRY, "Push", "ssv", APPLICATION, "load", "s", "1.5", check=False
    )
    assert refused.returncode == 1
    assert "a text is not a number, even if it reads like one" in refused.stderr
    previews = [row[2] for row in busctl(machine, *CONTROL, "Preview", "s", APPLICATION)[0]]
    assert dict(map(answer_of, previews)) == ANSWERS
    busctl(machine, *CONTROL, "Submit")
    history = [row["body"]["data"] for row in busctl(machine, *CONTROL, "History", "tu", "0", "0")[0]]
    assert sorted(map(without_nonce, history)) == sorted(map(without_nonce, receiver.bodies))
    assert sorted(map(without_chance, history)) == sorted(map(without_chance, previews))
    busctl(machine, *CONTROL, "SetQuestionConsent", "ssb", APPLICATION, "rest", "false")
    assert busctl(machine, *CONTROL, "Ledger") == [[]]
    busctl(machine, *CONTROL, "Erase", "s", APPLICATION)
    assert not any(row["body"]["data"] for row in busctl(machine, *CONTROL, "History", "tu", "0", "0")[0])
    assert [answer_of(row[2]) for row in busctl(machine, *CONTROL, "Preview", "s", "")[0]] == [("saves", ["none"])]


def gdbus(machine, interface, member, *arguments, check=True):
    """`gdbus call …`, with arguments as GVariant texts; what it printed."""
    name, path, own = interface
    method = f"{own}.{member}"
    done = machine.run("gdbus", "call", "--session", "-d", name, "-o", path, "-m", method, *arguments, check=check)
    return done.stdout if check else done.stderr


def bodies_of(printed):
    """The reports in what gdbus printed."""
    return re.findall(r"(\{\"schema\".*?\} *)'", printed)


def test_gdbus_has_a_complete_session(developing, receiver):
    """gdbus: introspection, register, levels, list, accept by digest, push, PushMany, preview, submit, history, erase."""
    machine = developing
    for name, path, member in ((*TELEMETRY[:2], "PushMany"), (*CONTROL[:2], "Accept")):
        assert member in machine.run("gdbus", "introspect", "--session", "-d", name, "-o", path).stdout
    assert "sha256:" in gdbus(machine, TELEMETRY, "Register", APPLICATION, MANIFEST, "{}")
    properties = (*CONTROL[:2], PROPERTIES)
    gdbus(machine, properties, "Set", CONTROL[2], "Usage", "<uint32 1>")
    assert gdbus(machine, properties, "Get", CONTROL[2], "Usage") == "(<uint32 1>,)\n"
    assert "'KillSwitches': <@a(ss) []>" in gdbus(machine, properties, "GetAll", CONTROL[2])
    assert f"'id': <'{APPLICATION}'>" in gdbus(machine, CONTROL, "ListApplications")
    listed = gdbus(machine, CONTROL, "ListQuestions", APPLICATION)
    digests = dict(re.findall(r"'id': <'(\w+)'>.*?'digest': <'(sha256:\w{64})'>", listed))
    gdbus(machine, CONTROL, "Accept", APPLICATION, json.dumps(digests))
    gdbus(machine, CONTROL, "SetApplicationConsent", APPLICATION, "3", "1")
    gdbus(machine, TELEMETRY, "Push", APPLICATION, "saves", "<1>")
    samples = "{'saves': <[1, 2, 3]>, 'load': <700.5>, 'dark': <true>, 'shell': <'zsh'>}"
    gdbus(machine, TELEMETRY, "PushMany", APPLICATION, samples)
    assert REFUSED in gdbus(machine, TELEMETRY, "Push", APPLICATION, "load", "<'1.5'>", check=False)
    previews = bodies_of(gdbus(machine, CONTROL, "Preview", APPLICATION))
    assert dict(map(answer_of, previews)) == ANSWERS
    gdbus(machine, CONTROL, "Submit")
    history = bodies_of(gdbus(machine, CONTROL, "History", "0", "0"))
    assert sorted(map(without_nonce, history)) == sorted(map(without_nonce, receiver.bodies))
    assert sorted(map(without_chance, history)) == sorted(map(without_chance, previews))
    gdbus(machine, CONTROL, "SetQuestionConsent", APPLICATION, "rest", "false")
    assert gdbus(machine, CONTROL, "Ledger") == "(@aa{sv} [],)\n"
    gdbus(machine, CONTROL, "Erase", APPLICATION)
    assert bodies_of(gdbus(machine, CONTROL, "History", "0", "0")) == []
    assert list(map(answer_of, bodies_of(gdbus(machine, CONTROL, "Preview", "")))) == [("saves", ["none"])]


def dbus_send(machine, interface, member, *arguments, check=True):
    """`dbus-send --print-reply …`; what it printed."""
    name, path, own = interface
    done = machine.run("dbus-send", "--session", "--print-reply", f"--dest={name}", path, f"{own}.{member}", *arguments, check=check)
    return done.stdout if check else done.stderr


def test_dbus_send_does_what_it_can_express(developing):
    """dbus-send: properties, Accept by digest, Push, the error of a wrong one. It cannot express a{sv}: no Register, no PushMany."""
    machine = developing
    machine.install(MANIFEST)
    properties = (*CONTROL[:2], PROPERTIES)
    dbus_send(machine, properties, "Set", f"string:{CONTROL[2]}", "string:Usage", "variant:uint32:1")
    assert "variant       uint32 1" in dbus_send(machine, properties, "Get", f"string:{CONTROL[2]}", "string:Usage")
    listed = dbus_send(machine, CONTROL, "ListQuestions", f"string:{APPLICATION}")
    digests = re.findall(r'string "id"\s+variant\s+string "(\w+)".*?string "digest"\s+variant\s+string "(\S+)"', listed, re.DOTALL)
    accepted = ",".join(f"{name},{digest}" for name, digest in digests)
    dbus_send(machine, CONTROL, "Accept", f"string:{APPLICATION}", f"dict:string:string:{accepted}")
    for source, value in (("saves", "int32:7"), ("load", "double:700.5"), ("dark", "boolean:true"), ("shell", "string:zsh")):
        dbus_send(machine, TELEMETRY, "Push", f"string:{APPLICATION}", f"string:{source}", f"variant:{value}")
    wrong = dbus_send(machine, TELEMETRY, "Push", f"string:{APPLICATION}", "string:load", "variant:string:1.5", check=False)
    assert wrong.startswith(f"Error {REFUSED}: source load takes a finite number")
    previews = re.findall(r'string "(\{"schema".*\} *)"', dbus_send(machine, CONTROL, "Preview", f"string:{APPLICATION}"))
    assert dict(map(answer_of, previews)) == ANSWERS


def test_a_qt_application_pushes_with_a_plain_map(developing):
    """QtDBus: Push with a variant, PushMany with a QVariantMap of plain values, and the error reaches it by name."""
    pytest.importorskip("PySide6.QtDBus", reason="PySide6 is not installed: there is no QtDBus to push with")
    machine = developing
    machine.install(MANIFEST)
    machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
    digests = {one["id"]["data"]: one["digest"]["data"] for one in busctl(machine, *CONTROL, "ListQuestions", "s", APPLICATION)[0]}
    busctl(machine, *CONTROL, "Accept", "sa{ss}", APPLICATION, "2", *(text for pair in digests.items() for text in pair))
    done = machine.run("env", "QT_QPA_PLATFORM=offscreen", sys.executable, str(PEERS / "qt_pusher.py"), APPLICATION)
    name, text = done.stdout.splitlines()
    assert name == REFUSED
    assert "a text is not a number, even if it reads like one" in text
    previews = [row[2] for row in busctl(machine, *CONTROL, "Preview", "s", APPLICATION)[0]]
    assert dict(map(answer_of, previews)) == ANSWERS
