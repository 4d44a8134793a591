"""KUserFeedback's switch: a value that KConfig or QSettings could take for "off" is off."""

import json
import subprocess
import sys
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetryd.errors import InvalidFileError
from telemetryd.toml.kconfig import is_switched_off

OURS = "[UserFeedback]\n"


@pytest.mark.parametrize(
    "text",
    [
        OURS + "Enabled=false",
        OURS + "Enabled[$i]=false",
        OURS + "Enabled[$e][$i] = false",
        OURS + "Enabled[$ie]=false",
        OURS + "Enabled[de]=false",
        "[UserFeedback][$i]\nEnabled=false",
        "[UserFeedback] [$i]\nEnabled[$i]=false",
        "[$i]\n[UserFeedback]\nEnabled=false",
        "[$i]\n\n[UserFeedback]\nEnabled=false",
        OURS + "[$i]\nEnabled=false",
        "\ufeff# comment\r\n; comment\r\n\r\n[UserFeedback]\r\nEnabled = FALSE \r\n",
        "[ userfeedback ]\n\t enabled\t=\tOff",
        *(OURS + f"Enabled={value}" for value in ("0", "no", "NO", "off", "n", "", '"false"', "'false'", "false ; by us", "false # by us")),
        "[Other]\nEnabled=true\n[UserFeedback]\nApplications[$d]\nEnabled=false",
        OURS + "Enabled=false\nEnabled=true",
        OURS + "Enabled=true\n[Other]\nx=[1]\n[UserFeedback]\nEnabled=false",
    ],
)
def test_off(text):
    """`Enabled` is off in any case, with any option and at any place of the file, whatever else the file has."""
    assert is_switched_off(text)


@pytest.mark.parametrize(
    "text",
    [
        r"[UserFeed\x62ack]" + "\nEnabled=false",
        OURS + r"E\x6eabled[$i]=no",
        OURS + r"Enabled[$i]=\x6eo",
        OURS + r"Enabled[$i]=\sno\t",
        OURS + "Enabled[$e]=$TELEMETRY",
        OURS + "Enabled[$ei]=$(cat /etc/telemetry)",
    ],
)
def test_off_for_kconfig(text):
    """KConfig's escapes are decoded. A value that needs the environment or a shell may be "off", and counts as off."""
    assert is_switched_off(text)


OFF_FOR_QSETTINGS = [
    OURS + "Enabled=True, False",
    OURS + 'Enabled=f"als"e',
    OURS + '"Enabled=true"\nEnabled=fal\\x73\\x65',
    OURS + "Enabled=\\146alse",
    OURS + "Enabled=fa\\x006cse",
    OURS + "Enabled=fa\\x6Cse",
    OURS + "Enabled=\\\nfalse;=",
    OURS + "Enabled=true\rEnabled=false",
    OURS + "x=1; [Other]=\n Enabled=false",
    OURS + 'x="\n[Other]\n"=\nEnabled=false',
    OURS + "Enabled=@Invalid()",
    OURS + "Enabled=@ByteArray(False)",
    OURS + "Enabled=@Variant(\\0\\0\\0\\x1\\0\\0)",
    OURS + "Enabled=@Size(1 1)",
    OURS + "E%6Eabled=0",
    OURS + "%U0045nabled=0",
    "[UserFeed%62ack]\nEnabled=0",
    "[UserFeedback][Kate]\nEnabled=false",
    "[UserFeedback] [Kate]\nEnabled=false",
    "[General]\nUserFeedback\\Enabled=false",
    "UserFeedback\\Enabled=false",
]


@pytest.mark.parametrize("text", OFF_FOR_QSETTINGS)
def test_off_for_qsettings(text):
    """QSettings: lists, values of other types, quotes, both kinds of escapes, continued lines, and the ends of lines and groups."""
    assert is_switched_off(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n# [UserFeedback]\n# Enabled=false\n",
        "Enabled=false",
        "[Other]\nEnabled=false",
        "[UserFeedback][Kate]\nEnabled[$i]=false",
        OURS + "[Other]\n[$i]\nEnabled=false",
        *(OURS + f"Enabled={value}" for value in ("true", "1", "on", "yes", '"true"', "@ByteArray(true)", "@String(yes)", "@@(false)")),
        OURS + "Enabled[$d]",
        OURS + "Enabled[$d]=false",
        OURS + "EnabledToo=false\nNotEnabled=false\n=false",
        OURS + "Enabled=true\nx=\\",
        OURS + "Enabled=true\nx=[",
    ],
)
def test_not_off(text):
    """Comments, other groups, other keys and deleted keys are not the switch; "yes" is not off."""
    assert not is_switched_off(text)


@pytest.mark.parametrize(
    "text", ["[UserFeedback", "[User=Feedback", "[UserFeedback]]", "[UserFeedback] x", "Enabled", "[UserFeedback]\nEnab\0led=true", "[]x"]
)
def test_corrupt(text):
    """A text that is not an ini file is an error, so that a damaged "off" does not read as "on"."""
    with pytest.raises(InvalidFileError, match=r"^line \d: expected a \[group\] or key=value$"):
        is_switched_off(text)


PIECES = (
    *("[UserFeedback]", "[Other]", "[General]", "[UserFeedback][x]", "[$i]", "Enabled", "E%6eabled", "UserFeedback\\", "x"),
    *("=", "=", "=", "\n", "\n", "\n", "\r", ";", "#", '"', ",", "\\", " ", "\t", "[$i]", "]"),
    *("false", "true", "0", "no", "fal\\x73\\x65", "\\146alse", "@Invalid()", "@ByteArray(", "@String(", "@@", ")", "\ufeff", "ü", "\0"),
)
"""Pieces of files that the two formats may read in different ways."""


class QSettings:
    """The result of the real QSettings, from processes that each answer a few hundred requests."""

    def __init__(self):
        self._asked, self._left = None, 0

    def says_off(self, text):
        """Whether KUserFeedback would be off with this file."""
        if not self._left:
            self.close()
            self._asked, self._left = subprocess.Popen([sys.executable, "-c", _ASKED], **_PIPES), 300
        self._left -= 1
        print(json.dumps(text), file=self._asked.stdin, flush=True)
        return json.loads(self._asked.stdout.readline())

    def close(self):
        """End the process."""
        if self._asked:
            self._asked.kill()
            self._asked.communicate()


_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
_ASKED = """
import json, sys
from tempfile import NamedTemporaryFile
from PySide6.QtCore import QSettings
for line in sys.stdin:
    with NamedTemporaryFile(suffix=".conf") as file:
        file.write(json.loads(line).encode())
        file.flush()
        read = QSettings(file.name, QSettings.Format.IniFormat)
        read.beginGroup("UserFeedback")
        print(json.dumps(not read.value("Enabled", True, bool)), flush=True)
"""
"""Asks as KUserFeedback does. PySide gives away a None and a truth value with each call: after some thousand Python has none left."""


@pytest.fixture(scope="module")
def qsettings():
    """The process with the real QSettings."""
    pytest.importorskip("PySide6.QtCore", reason="PySide6 is not installed: there is no real QSettings to compare with")
    with closing(QSettings()) as qsettings:
        yield qsettings


@settings(max_examples=max(400, settings.default.max_examples))
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_whatever_qsettings_takes_for_off(qsettings, text):
    """If the real QSettings reads "off", the file is off, or damaged, which counts as off."""
    text = OURS + "Enabled=" + text
    if qsettings.says_off(text):
        with suppress(InvalidFileError):
            assert is_switched_off(text)


@pytest.mark.parametrize("text", OFF_FOR_QSETTINGS[:-2])
def test_qsettings_says_so(qsettings, text):
    """The real QSettings reads the forms above as "off". It sees a group inside a key only after reading all groups."""
    assert qsettings.says_off(text)
