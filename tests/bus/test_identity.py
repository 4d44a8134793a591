import pytest

from telemetryd.bus.identity import LATE, Caller, Confinement, admit_host_only, admit_own_application, claimed_id, unknown
from telemetryd.errors import CALLER_REFUSED, AccessDeniedError, BusyError, InvalidManifestError
from telemetryd.toml import manifest

EDITOR = "org.example.Editor"
SCOPE = f"app-gnome-{EDITOR}-4242.scope"
FLATPAK, CLAIMED = Caller(Confinement.FLATPAK, EDITOR), Caller(Confinement.FLATPAK_CLAIMED, EDITOR)
SNAP = Caller(Confinement.SNAP, "editor")
CONTAINER = Caller(Confinement.CONTAINER)
UNKNOWN = unknown("it runs as another user")
SNAPS = {"org.example.Snapped": "editor", "org.example.Other": "other"}
"""Applications whose installed manifest names a snap."""
MANIFEST = """\
schema = 1
[application]
id = "{id}"
name = "Editor"
vendor = "example"
contact = "https://example.org/privacy"
uses = ["org.example.frameworks/crash"]
snap = "{snap}"
"""


def snap_of(application):
    """The snap that an application's manifest names."""
    return SNAPS.get(application, "")


@pytest.mark.parametrize(
    ("unit", "claimed"),
    [
        (SCOPE, "org.example.Editor"),
        ("app-org.kde.kate-1b2c3d.scope", "org.kde.kate"),
        ("app-org.kde.kate@1b2c3d.service", "org.kde.kate"),
        ("app-org.kde.kate.service", "org.kde.kate"),
        ("app-KDE-org.kde.kate@autostart.service", "org.kde.kate"),
        (r"app-gnome-org.example.Two\x2dwords-77.scope", "org.example.Two-words"),
        (r"app-gnome-bad\x00id-77.scope", ""),
        (r"app-gnome-bad\x0aid-77.scope", ""),
        ("app-gnome-" + "x" * 129 + "-7.scope", ""),
        ("app.slice", ""),
        ("dbus-:1.2-org.gnome.Nautilus@0.service", ""),
        ("", ""),
    ],
)
def test_claimed_id_is_read_from_the_unit(unit, claimed):
    """The desktop id is taken from a unit's name as desktops write it, and only if it could be one."""
    assert claimed_id(unit) == claimed


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        (Caller(Confinement.HOST), "host"),
        (Caller(Confinement.HOST, label=SCOPE), f"host:{EDITOR}"),
        (FLATPAK, f"flatpak:{EDITOR}"),
        (CLAIMED, f"flatpak?:{EDITOR}"),
        (SNAP, "snap:editor"),
        (CONTAINER, "container:org.example.Asked"),
        (Caller(Confinement.CONTAINER, label=SCOPE), f"container:{EDITOR}"),
    ],
)
def test_what_the_user_is_shown_does_not_change_from_start_to_start(caller, shown):
    """A caller is shown by its kind and id, without the numbers that each start gives its unit."""
    assert caller.shown_for("org.example.Asked") == shown


OWN, OTHER, SNAPPED, OTHERS_SNAP = EDITOR, "org.example.Plain", "org.example.Snapped", "org.example.Other"
MAY_ACT_FOR = {
    Caller(Confinement.HOST): {OWN, OTHER, SNAPPED, OTHERS_SNAP},
    CONTAINER: {OWN, OTHER, SNAPPED, OTHERS_SNAP},
    FLATPAK: {OWN},
    CLAIMED: {OWN},
    SNAP: {SNAPPED},
    UNKNOWN: set(),
    LATE: set(),
}


@pytest.mark.parametrize("caller", MAY_ACT_FOR)
@pytest.mark.parametrize("application", [OWN, OTHER, SNAPPED, OTHERS_SNAP, "", "editor", "snap.editor"])
def test_who_may_act_for_whom(caller, application):
    """The host and containers may act for any id, a Flatpak for its own, a snap for the one whose manifest names it, others for none."""
    may = application in MAY_ACT_FOR[caller] or caller.kind in {Confinement.HOST, Confinement.CONTAINER}
    if may:
        admit_own_application(snap_of, caller, [application])
    else:
        with pytest.raises((AccessDeniedError, BusyError)):
            admit_own_application(snap_of, caller, [application])


@pytest.mark.parametrize("caller", MAY_ACT_FOR)
def test_control_is_for_the_host_only(caller):
    """Nothing but the host has any member of Control1; what concerns no application is open to all on Telemetry1."""
    admit_own_application(snap_of, caller, ())
    if caller.kind is Confinement.HOST:
        admit_host_only(caller, ())
    else:
        with pytest.raises((AccessDeniedError, BusyError)):
            admit_host_only(caller, ())


def refusal(guard, *arguments):
    """The text of what a guard raises."""
    with pytest.raises(AccessDeniedError) as refused:
        guard(*arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (FLATPAK, "is in a Flatpak sandbox. Only programs outside may see and change the user's choices: run it on the host"),
        (CLAIMED, "is in a Flatpak sandbox. "),
        (
            SNAP,
            "is in the snap editor. Only programs outside may see and change the user's choices: run it in a terminal that is not a snap",
        ),
        (
            CONTAINER,
            "is in a container (it has a user namespace of its own). Only programs outside may see and change the user's choices: run it",
        ),
        (UNKNOWN, "cannot be identified (it runs as another user)"),
    ],
)
def test_a_refusal_on_control_says_why_and_what_to_do(caller, told):
    """Each kind of caller is told its own cause, in a text that telemetryctl knows to be about the caller."""
    assert refusal(admit_host_only, caller, ()).startswith(CALLER_REFUSED + told)


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (FLATPAK, f"is in the Flatpak sandbox of {EDITOR}, and may act for that application id only"),
        (SNAP, 'is in the snap editor, and may act only for an application whose installed manifest says snap = "editor"'),
        (UNKNOWN, "cannot be identified (it runs as another user)"),
    ],
)
def test_a_refusal_for_another_application_says_which_may(caller, told):
    """A sandbox that acts for another application is told for which one it may act."""
    assert refusal(admit_own_application, snap_of, caller, [OTHER]) == CALLER_REFUSED + told


@pytest.mark.parametrize("guard", [admit_host_only, lambda *call: admit_own_application(snap_of, *call)])
def test_what_took_too_long_is_busy(guard):
    """A caller that was not found out in time is not denied access: it may call again."""
    with pytest.raises(BusyError, match="try again"):
        guard(LATE, [OWN])


@pytest.mark.parametrize("snap", ["editor", "a", "my-editor-2", "2048", "x" * 40, "x" * 41, "Editor", "-a", "a--b", "snap.editor", ""])
@pytest.mark.parametrize("application", ["org.example.Editor", "snap.editor", "snap.editor.app"])
def test_every_snap_has_an_id_that_the_guard_and_the_manifests_rules_take(application, snap):
    """A snap may act for exactly the ids that a manifest can have and that name it: what the rules refuse, no snap can be."""
    try:
        declared = manifest.parse(MANIFEST.format(id=application, snap=snap)).application
    except InvalidManifestError:
        assert application == "snap.editor" or snap in {"x" * 41, "Editor", "-a", "a--b", "snap.editor", "", "2048"}
        return
    admit_own_application({declared.id: declared.snap}.__getitem__, Caller(Confinement.SNAP, snap), [declared.id])
    with pytest.raises(AccessDeniedError):
        admit_own_application({declared.id: declared.snap}.__getitem__, Caller(Confinement.SNAP, f"{snap}x"), [declared.id])
