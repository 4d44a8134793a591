import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from telemetryd import errors
from telemetryd.bus.interfaces import CONTROL, TELEMETRY, Method, load, source

ROOT = Path(__file__).parents[2]
NAMES = [TELEMETRY, CONTROL]
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
STANDARD_ERRORS = {"AccessDenied", "InvalidArgs", "LimitsExceeded", "NameHasNoOwner"}


def generator():
    """The script that writes the reference page, as a module."""
    spec = importlib.util.spec_from_file_location("generate_dbus", ROOT / "docs" / "generate_dbus.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented(name):
    """(element, comment) of the interface and each member."""
    docs = generator()
    return list(docs.comments(docs.read(ROOT / "dbus" / f"{name}.xml")))


@pytest.mark.parametrize("name", NAMES)
def test_file_and_reader_agree(name):
    """What `load` finds in a file is what an independent XML parser finds in it."""
    interface, element = load(name), ET.parse(ROOT / "dbus" / f"{name}.xml").getroot().find("interface")
    methods = {}
    for method in element.iter("method"):
        types = {way: "".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") == way) for way in ("in", "out")}
        methods[method.get("name")] = Method(types["in"], types["out"])
    assert (interface.name, interface.path) == (name, "/" + name.replace(".", "/"))
    assert interface.methods == methods
    assert {key: (member.signature, member.is_writable) for key, member in interface.properties.items()} == {
        member.get("name"): (member.get("type"), member.get("access") == "readwrite") for member in element.iter("property")
    }
    assert set(interface.signals) == {member.get("name") for member in element.iter("signal")}


def test_members_are_the_fixed_ones():
    """Names and signatures of both interfaces are the promised ones."""
    telemetry, control = load(TELEMETRY), load(CONTROL)
    assert telemetry.methods == {
        "Register": ("ssa{sv}", "s"),
        "Push": ("ssv", ""),
        "PushMany": ("sa{sv}", ""),
        "OpenSettings": ("ssa{sv}", ""),
    }
    assert (telemetry.properties, telemetry.signals) == ({"Version": ("u", False, "const")}, {})
    assert control.methods == {
        "ListApplications": ("", "aa{sv}"),
        "ListQuestions": ("s", "aa{sv}"),
        "Foresee": ("a{sv}", "aa{sv}aa{sv}aa{sv}s"),
        "Apply": ("a{sv}s", "aa{sv}asa{ss}"),
        "Questions": ("a{sv}", "aa{sv}s"),
        "SetApplicationConsent": ("suu", ""),
        "SetQuestionConsent": ("ssb", ""),
        "Accept": ("sa{ss}", ""),
        "Preview": ("s", "a(sss)"),
        "History": ("tu", "aa{sv}"),
        "HistoryPage": ("tua{sv}", "aa{sv}t"),
        "Ledger": ("", "aa{sv}"),
        "Erase": ("s", ""),
        "Forget": ("s", ""),
        "Submit": ("", ""),
        "Watch": ("st", "ta(sss)"),
        "Monitor": ("st", "taa{sv}"),
    }
    assert control.properties == {
        **dict.fromkeys(("System", "Usage", "NewQuestions"), ("u", True, "invalidates")),
        "Version": ("u", False, "const"),
        "Developer": ("b", False, "invalidates"),
        **dict.fromkeys(("KillSwitches", "Locks", "Problems"), ("a(ss)", False, "invalidates")),
        "ProblemDetails": ("aa{sv}", False, "invalidates"),
        "LastWork": ("t", False, "false"),
        "HistoryErased": ("t", False, "invalidates"),
    }
    assert control.signals == {"QuestionsChanged": ""}


@pytest.mark.parametrize("name", NAMES)
def test_every_member_and_argument_is_documented(name):
    """Each member has a comment under its own name that explains exactly its arguments, which are in lower case."""
    for element, comment in documented(name):
        assert comment, element.get("name")
        assert comment.name == element.get("name")
        assert comment.text, element.get("name")
        if element.tag != "interface":
            arguments = [argument.get("name") for argument in element.iter("arg")]
            assert list(comment.arguments) == arguments, element.get("name")
            assert all(re.fullmatch(r"[a-z][a-z_]*", argument) for argument in arguments)


SENTENCES = """who:s why:s outcome:s sources:aa{sv} together:s when:s often:s part:s until:s whom:s contact:s needs:s protection:s
    figures:as changes:as reason:s"""
"""The keys of a language in `sentences`."""


@pytest.mark.parametrize(
    ("member", "keys"),
    [
        (
            "ListApplications",
            """id:s name:s summary:s vendor:s vendor_name:s results:s endpoint:s relay:s contact:s kind:s system:u usage:u
            effective_system:u effective_usage:u installed:b callers:as pushers:as translations:a{sa{ss}} pending:u pending_shut:u
            states:a{su} paused:u warnings:as""",
        ),
        (
            "ListQuestions",
            """application:s id:s state:s cause:s cause_args:a{ss} reason:s outcome:s digest:s purpose:s decision:s category:s detail:s
            needs:a(su) period:s ends:s fields:as changes:as definition:s translations:a{sa{ss}} accepted_definition:s example:s consent:u
            accepted_digest:s accepted_at:t last_sent:t drawn_period:s period_begins:t period_ends:t due_from:t due:t due_until:t so_far:as
            room:s epsilon:d cells:u answers:as chance_true:d chance_other:d endpoint:s reviewers:as record:s figures:as expected_users:t
            expected:a{sad} warnings:as""",
        ),
        (
            "History",
            """id:t application:s question:s revision:s period:s endpoint:s vendor_name:s created:t sent:t due_until:t outcome:s
             status:u error:s tries:a(ts) headers:a(ss) body:s""",
        ),
        ("Questions", "application:s states:as keys:as languages:as after:s limit:u " + SENTENCES),
        ("HistoryPage", "application:s question:s outcomes:as since:t keys:as"),
        (
            "Ledger",
            "host:s source:s year:u spent:d reserved:d cap:d answers:u vendor_name:s application:s capped:b charges:u largest:d text:s",
        ),
    ],
)
def test_every_key_is_documented(member, keys):
    """The dictionaries of Control1 have the promised keys with the promised types, each explained."""
    text = next(comment.text for element, comment in documented(CONTROL) if element.get("name") == member)
    assert re.findall(r"^- `(\w+)` \((\S+)\): .", text, re.MULTILINE) == [tuple(key.split(":")) for key in keys.split()]


def test_every_state_is_documented():
    """Every state that a question can be in is explained where the user's programs read it."""
    from telemetryd.core.permission.lifecycle import State  # noqa: PLC0415 - only this test needs the core

    text = next(comment.text for element, comment in documented(CONTROL) if element.get("name") == "ListQuestions")
    assert [state for state in State if f"`{state}` (" not in text] == []


def test_every_cause_is_documented():
    """The causes that the comments list are those that exist, in their order."""
    from telemetryd.core.causes import Cause  # noqa: PLC0415 - only this test needs the core

    text = next(comment.text for element, comment in documented(CONTROL) if element.get("name") == "ListQuestions")
    listed = text.partition("`cause` (s)")[2].partition("`cause_args`")[0]
    assert re.findall(r"^  - `(\w+)` \(", listed, re.MULTILINE) == [cause for cause in Cause if cause]


def test_every_error_is_documented_and_no_other():
    """The errors that the comments name are those that exist: the error tree's and the standard ones for a caller's arguments."""
    named = {error for name in NAMES for _, comment in documented(name) for error in re.findall(r"`(org\.\S+\.Error\.\w+)`", comment.text)}
    known = {error.bus_name for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.TelemetrydError)}
    assert named == known
    assert {name for name in named if name.startswith(errors.STANDARD)} == {errors.STANDARD + name for name in STANDARD_ERRORS}


def test_properties_say_how_they_change():
    """Each property says so itself, because busctl ignores what the interface says. LastWork alone changes without a signal."""
    said = {}
    for name in NAMES:
        element = ET.parse(ROOT / "dbus" / f"{name}.xml").getroot().find("interface")
        assert element.findall("annotation") == []
        said |= {(name, child.get("name")): child.find(f"annotation[@name='{EMITS}']").get("value") for child in element.iter("property")}
    invalidated = ("System", "Usage", "NewQuestions", "Developer", "KillSwitches", "Locks", "Problems", "ProblemDetails", "HistoryErased")
    assert said == {
        **dict.fromkeys(((name, "Version") for name in NAMES), "const"),
        **dict.fromkeys(((CONTROL, name) for name in invalidated), "invalidates"),
        (CONTROL, "LastWork"): "false",
    }


def test_reference_page_is_current():
    """docs/dbus.md is what the comments say."""
    docs = generator()
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page()


@pytest.mark.parametrize("name", NAMES)
def test_introspection_names_the_object_and_the_way_to_it(name):
    """The object shows its interface and the standard ones without the comments; each node above shows the next; elsewhere is nothing."""
    interface = load(name)
    document = ET.fromstring(interface.introspection(interface.path))
    standard = [f"org.freedesktop.DBus.{node}" for node in ("Properties", "Introspectable", "Peer")]
    assert [node.get("name") for node in document.findall("interface")] == [name, *standard]
    assert "<!--" not in interface.introspection(interface.path)
    for path, child in [("/", "org"), ("/org", "telemetryd"), ("/org/telemetryd", name.rpartition(".")[2])]:
        assert [node.get("name") for node in ET.fromstring(interface.introspection(path)).findall("node")] == [child]
    assert [interface.introspection(path) for path in ("/or", "/org/telemetry", interface.path + "/x", "/com")] == [None] * 4


def test_installed_package_reads_its_own_copy(tmp_path):
    """Without a checkout around it the package finds the files where the wheel puts them, which is where pyproject.toml says."""
    package = tmp_path / "telemetryd" / "bus"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "telemetryd" / "bus" / "interfaces.py", package)
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for written, installed in included.items():
        (tmp_path / installed).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / written, tmp_path / installed)
    program = "from telemetryd.bus.interfaces import *\nprint(*(load(name).name for name in (TELEMETRY, CONTROL)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == NAMES
    assert Path(str(source(TELEMETRY))).is_relative_to(ROOT)
