"""What names an application."""

import pytest

from telemetryd.ctl.failures import Failure
from telemetryd.ctl.selection import select

APPLICATIONS = [
    {"id": "org.kde.kate", "name": "Kate", "translations": {"ar": {"name": "كيت"}, "de": {"summary": "Texteditor"}}},
    {"id": "org.gnome.Kate", "name": "Gnome Kate"},
    {"id": "org.kde.kontact.summaryview", "name": "Kontact"},
    {"id": "kontact", "name": "Other"},
    {"id": "org.mozilla.firefox", "name": "Firefox Web Browser", "translations": {}},
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("org.kde.kate", "org.kde.kate"),
        ("kde.kate", "org.kde.kate"),
        ("كيت", "org.kde.kate"),
        ("gnome kate", "org.gnome.Kate"),
        ("FIREFOX", "org.mozilla.firefox"),
        ("firefox web browser", "org.mozilla.firefox"),
        ("summaryview", "org.kde.kontact.summaryview"),
        ("kontact.summaryview", "org.kde.kontact.summaryview"),
        ("kontact", "kontact"),
    ],
)
def test_found(text, found):
    """An id is taken before everything else; then an end of an id at a dot, or a name in any language, in any case."""
    assert select(APPLICATIONS, text)["id"] == found


@pytest.mark.parametrize("text", ["kat", "fire", "org", "org.kde", "", ".kate", "Texteditor"])
def test_not_found(text):
    """Parts of words, beginnings and summaries name nothing, and the error says where the ids are."""
    with pytest.raises(Failure, match=r"no manifest of '.*' is installed or registered; `telemetryctl list`"):
        select(APPLICATIONS, text)


def test_ambiguous():
    """If several applications could be meant, none is taken, and all are named."""
    with pytest.raises(Failure, match=r"kate can mean several applications: org\.gnome\.Kate, org\.kde\.kate; give the whole id"):
        select(APPLICATIONS, "kate")
