import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.confinements import CLASSIC, NOBODY, OWN, SNAP, STRICT, look_as_user, open_folder, running, ways

from telemetryd.bus.identity import Caller, Confinement, admit_own_application
from telemetryd.bus.processes import UnclearProcessError, identify_process, inspect, is_running
from telemetryd.errors import AccessDeniedError
from telemetryd.toml import manifest

FLATPAK_INFO = "[Application]\nname=org.example.Boxed\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\nname=wrong\n"
WAIT = "print('ready', flush=True); sys.stdin.read()"
DESCRIPTORS = Path("/proc/self/fd")
ENDED = "the process that connected to the session bus has ended; connect in the process that calls"
SCOPE = "app-gnome-org.example.Editor-4242.scope"

# Root may change its root directory; an ordinary user may in a user namespace of its own, as a sandbox does.
AS_ROOT = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


@contextmanager
def process(program, *prefix):
    """A Python process that has run `program` and waits; (number, pidfd)."""
    command = [*prefix, sys.executable, "-c", f"import os, sys; {program}; {WAIT}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        pidfd = os.pidfd_open(child.pid)
        try:
            yield child, pidfd
        finally:
            child.stdin.close()
            child.wait()
            os.close(pidfd)


def seen(child, pidfd):
    """What the process is taken for."""
    return identify_process(child.pid, pidfd)


@pytest.fixture
def sandbox(tmp_path):
    """A root directory of its own."""
    root = tmp_path / "root"
    root.mkdir()
    return root


def test_host_program_is_host():
    """A process with the ordinary root directory is a host program, and may act for any application."""
    with process("pass") as (child, pidfd):
        caller = seen(child, pidfd)
    assert (caller.kind, caller.name) == (Confinement.HOST, "")
    assert caller.may_act_for("org.example.Anything")


def test_flatpak_is_found_by_its_root(sandbox):
    """A process whose root directory has a .flatpak-info is the application that the file names, and may act for no other."""
    (sandbox / ".flatpak-info").write_text(FLATPAK_INFO)
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        caller = seen(child, pidfd)
    assert caller == Caller(Confinement.FLATPAK_CLAIMED, "org.example.Boxed")
    assert caller.may_act_for("org.example.Boxed")
    assert not caller.may_act_for("org.example.Other")
    assert not caller.may_act_for("")


def test_another_root_without_the_file_is_host(sandbox):
    """Only a missing .flatpak-info means "not Flatpak": a root of its own alone makes no sandbox, a user namespace a container."""
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        assert seen(child, pidfd).kind is (Confinement.CONTAINER if AS_ROOT else Confinement.HOST)


def link_out(info):
    """Point the file to another one beside the sandbox's root."""
    (info.parent.parent / "elsewhere").write_text(FLATPAK_INFO)
    info.symlink_to("../elsewhere")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda info: info.write_text("[Runtime]\nname=org.example.Platform\n"), id="runtime only"),
        pytest.param(lambda info: info.write_text(""), id="empty"),
        pytest.param(lambda info: info.write_text("name=org.example.Boxed\n"), id="no group"),
        pytest.param(lambda info: info.write_text("[Application]\nname=\n"), id="empty name"),
        pytest.param(lambda info: info.write_bytes(b"[Application]\nname=\xff\n"), id="not UTF-8"),
        pytest.param(lambda info: info.write_text("[Application]\nname=org.example.\x1b[1mBoxed\n"), id="no id"),
        pytest.param(lambda info: info.mkdir(), id="directory"),
        pytest.param(os.mkfifo, id="FIFO"),
        pytest.param(lambda info: info.symlink_to("/nowhere"), id="dangling link"),
        pytest.param(link_out, id="link"),
    ],
)
def test_a_doubtful_sandbox_is_unknown(sandbox, make):
    """A .flatpak-info that does not name its application clearly makes the caller unknown, never host."""
    make(sandbox / ".flatpak-info")
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        caller = seen(child, pidfd)
    assert (caller.kind, caller.why) == (
        Confinement.UNKNOWN,
        "the .flatpak-info in its root directory does not name its application clearly",
    )


@pytest.fixture(scope="module")
def places():
    """A folder for all ways, and the ways."""
    with open_folder() as folder:
        yield folder, ways(folder)


def looked_at(places, name, label=""):
    """What a program is taken for by an ordinary user's daemon: kind, name, why."""
    folder, known = places
    if known[name].is_missing:
        pytest.skip(known[name].is_missing)
    with running(known[name]) as pid:
        return look_as_user(folder, pid, label)


CONTAINED = [
    "user namespace (podman, toolbox)",
    "user namespace, not dumpable",
    "bwrap over /",
    "bwrap with its own root",
]


@pytest.mark.parametrize("way", ["plain", "plain, NoNewPrivs", "file capability", "ambient capability", "not dumpable"])
def test_a_host_program_is_host_whatever_it_shows(places, way):
    """A program outside of any sandbox is the host, whether its root directory can be looked at or not."""
    assert looked_at(places, way) == ["host", "", ""]


def test_who_hides_and_could_be_in_a_sandbox_is_unknown(places):
    """A program whose root cannot be looked at and that has NoNewPrivs, as every Flatpak has, is not taken for the host."""
    kind, _, why = looked_at(places, "not dumpable, NoNewPrivs")
    assert kind == "unknown"
    assert "NoNewPrivs" in why


def test_a_flatpak_is_verified_where_its_instance_is_known(places):
    """The application of a Flatpak is verified only if Flatpak itself has written down this instance of it."""
    assert looked_at(places, "Flatpak") == ["flatpak", OWN, ""]
    assert looked_at(places, "Flatpak, instance not known") == ["flatpak?", OWN, ""]


def test_a_flatpak_does_not_hide(places):
    """A Flatpak in a user namespace of its user's that is not dumpable is still that Flatpak: its user may look at what is in it."""
    assert looked_at(places, "Flatpak, not dumpable") == ["flatpak", OWN, ""]


@pytest.mark.parametrize(
    "info",
    [
        "[Application]\nname=org.example.Else\n[Instance]\ninstance-id=4242\n",
        "[Application]\nname=org.example.Boxed\n[Instance]\ninstance-id=17\n",
        "[Application]\nname=org.example.Boxed\n",
        "",
    ],
)
def test_another_instances_number_verifies_nothing(sandbox, tmp_path, monkeypatch, info):
    """The number of an instance of another application, or what only looks like one's directory, verifies nothing."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / ".flatpak/4242").mkdir(parents=True)
    (tmp_path / ".flatpak/4242/info").write_text(info)
    (sandbox / ".flatpak-info").write_text("[Application]\nname=org.example.Boxed\n[Instance]\ninstance-id=4242\n")
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        assert seen(child, pidfd) == Caller(Confinement.FLATPAK_CLAIMED, "org.example.Boxed")


@pytest.mark.root
def test_another_users_word_verifies_nothing(sandbox, tmp_path, monkeypatch):
    """What another user has written down of an instance is not Flatpak's word."""
    info = f"[Application]\nname={OWN}\n[Instance]\ninstance-id=4242\n"
    (sandbox / ".flatpak-info").write_text(info)
    known = tmp_path / ".flatpak/4242/info"
    known.parent.mkdir(parents=True)
    known.write_text(info)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with process(f"os.chroot({str(sandbox)!r})") as (child, pidfd):
        assert seen(child, pidfd).kind is Confinement.FLATPAK
        os.chown(known, NOBODY, NOBODY)
        assert seen(child, pidfd).kind is Confinement.FLATPAK_CLAIMED


@pytest.mark.parametrize("instance", ["", ".", "..", "../4242", "4242/../4242", "/etc", "4242/"])
def test_an_instance_is_a_name_and_no_path(sandbox, tmp_path, monkeypatch, instance):
    """An instance id that leads anywhere else is not followed."""
    info = f"[Application]\nname=org.example.Boxed\n[Instance]\ninstance-id={instance}\n"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for known in (tmp_path / ".flatpak/4242", tmp_path / ".flatpak"):
        known.mkdir(parents=True, exist_ok=True)
        (known / "info").write_text(info)
    (sandbox / ".flatpak-info").write_text(info)
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        assert seen(child, pidfd).kind is Confinement.FLATPAK_CLAIMED


@pytest.mark.parametrize("way", CONTAINED)
def test_another_user_namespace_is_a_container(places, way):
    """A program in a user namespace of its own is a container, with or without a root of its own, and if it hides as well."""
    assert looked_at(places, way) == ["container", "", ""]


@pytest.mark.root
def test_a_user_namespace_that_cannot_be_compared_is_known_by_its_mapping(places):
    """A program in a user namespace of root's shows neither root nor namespace: users mapped otherwise mean a container."""
    folder, known = places
    command = ["unshare", "--user", "sh", "-c", 'echo made; read mapped; exec "$@"', "sh", *known["plain"].command("wait")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as program:
        if program.stdout.readline() != "made\n":
            pytest.skip("no user namespace can be made here")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{program.pid}/{name}").write_text("0 0 65536")
        print(file=program.stdin, flush=True)
        assert program.stdout.readline() == "ready\n"
        callers = look_as_user(folder, program.pid)
        program.stdin.close()
    assert callers == ["container", "", ""]


def test_a_confined_snap_is_told_by_its_control_group(places):
    """Without a label a program in a control group of a snap is that snap."""
    assert looked_at(places, "Snap, by control group") == ["snap", SNAP, ""]


# No kernel with AppArmor and no snapd can be had in a test: the processes are real, and the label is what the bus would say of them.


@pytest.mark.parametrize(
    ("way", "label", "expected"),
    [
        ("plain", STRICT, "snap"),
        ("not dumpable, NoNewPrivs", STRICT, "snap"),
        ("Flatpak", STRICT, "snap"),
        ("Flatpak", "unconfined", "flatpak"),
        ("bwrap over /", STRICT, "snap"),
        ("Snap, by control group", CLASSIC, "host"),
        ("Snap, by control group", "unconfined", "host"),
        ("Snap, by control group", "firefox (unconfined)", "host"),
        ("Snap, by control group", "/usr/bin/evince (enforce)", "snap"),
        ("Snap, by control group", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023", "snap"),
        ("user namespace (podman, toolbox)", CLASSIC, "container"),
        ("not dumpable", CLASSIC, "host"),
        ("not dumpable, NoNewPrivs", CLASSIC, "unknown"),
        ("plain", "/usr/bin/evince (enforce)", "host"),
    ],
)
def test_the_label_comes_before_all_else(places, way, label, expected):
    """A confined snap is one whatever root it has made for itself; a terminal of a classic snap is the host, or the container it starts."""
    assert looked_at(places, way, label)[0] == expected


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("snap.editor.app (enforce)", "editor"),
        ("snap.editor.app", "editor"),
        ("snap.editor_two.app (enforce)", "editor"),
        ("snap.my-editor.hook.configure (enforce)", "my-editor"),
        ("snap.editor+parts.hook.install (enforce)", "editor"),
        ("snap.editor.app//child (enforce)", "editor"),
        ("snap.editor.app//&:other:unconfined (mixed)", "editor"),
        ("snap.editor.app (prompt)", "editor"),
        ("snap.editor.app (complain)", ""),
        ("snap.editor.app (unconfined)", ""),
        ("snap-update-ns.editor (enforce)", ""),
        ("unconfined", ""),
    ],
)
def test_snaps_by_their_labels(tmp_path, label, name):
    """A label names the snap, without its instance; only a mode that forbids nothing is no confinement."""
    assert looked(tmp_path, "0::/\n", label) == (Caller(Confinement.SNAP, name) if name else Caller(Confinement.HOST))


def test_a_snap_may_act_for_the_id_whose_manifest_names_it(tmp_path):
    """From the control group to the declaration: the snap that is found may act for what the manifest's rules admit, and for no other."""
    caller = looked(tmp_path, f"0::/app.slice/snap.{SNAP}.{SNAP}-8d6e-4a5b.scope\n")
    text = """
        schema = 1
        [application]
        id = "org.example.Boxed"
        name = "Boxed"
        vendor = "example"
        contact = "https://example.org/privacy"
        uses = ["org.example.frameworks/crash"]
        snap = "NAME"
    """
    for name, is_admitted in ((SNAP, True), ("another", False)):
        declared = manifest.parse(text.replace("NAME", name)).application
        if is_admitted:
            admit_own_application({declared.id: declared.snap}.__getitem__, caller, [declared.id])
        else:
            with pytest.raises(AccessDeniedError):
                admit_own_application({declared.id: declared.snap}.__getitem__, caller, [declared.id])


def test_an_ended_process_is_unknown():
    """A process that ended before it was looked at is unknown, even while its number is not free yet."""
    with process("pass") as (child, pidfd):
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
        assert seen(child, pidfd).why == ENDED
        child.wait()
        assert seen(child, pidfd).why == ENDED


def test_a_number_used_again_is_unknown():
    """The number of a living process does not help one that has ended: the bus's pidfd holds the one that connected."""
    with process("pass") as (ended, pidfd), process("pass") as (alive, alive_pidfd):
        ended.kill()
        ended.wait()
        assert is_running(alive_pidfd)
        assert not is_running(pidfd)
        assert identify_process(alive.pid, pidfd).why == ENDED


def test_looking_leaves_no_descriptor(sandbox):
    """Every descriptor that is opened for a look is closed, whatever is found."""
    (sandbox / ".flatpak-info").write_text("")
    with process("pass") as first, process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as other:
        before = set(DESCRIPTORS.iterdir())
        assert (seen(*first).kind, seen(*other).kind) == (Confinement.HOST, Confinement.UNKNOWN)
        assert set(DESCRIPTORS.iterdir()) == before


def looked(tmp_path, cgroup, label=""):
    """What is said of a process whose /proc is this; its user namespace is ours."""
    (tmp_path / "root").mkdir()
    (tmp_path / "cgroup").write_text(cgroup)
    (tmp_path / "ns").symlink_to("/proc/self/ns")
    directory = os.open(tmp_path, os.O_PATH)
    try:
        return inspect(directory, label)
    finally:
        os.close(directory)


@pytest.mark.parametrize(
    ("cgroup", "caller"),
    [
        ("0::/\n", Caller(Confinement.HOST)),
        (f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/{SCOPE}\n", Caller(Confinement.HOST, label=SCOPE)),
        (f"0::/app.slice/{SCOPE}/inner\n", Caller(Confinement.HOST, label=SCOPE)),
        ("0::/user@1000.service/app.slice/snap.firefox.firefox-3b6c.scope\n", Caller(Confinement.SNAP, "firefox")),
        ("0::/system.slice/snap.cups.cupsd.service/worker\n", Caller(Confinement.SNAP, "cups")),
        ("0::/app.slice/snap.cups_two.cupsd-3b6c.scope\n", Caller(Confinement.SNAP, "cups")),
        (f"3:freezer:/snap.firefox\n1:name=systemd:/app.slice/{SCOPE}\n0::/\n", Caller(Confinement.SNAP, "firefox")),
    ],
)
def test_control_group_tells_snap_and_unit(tmp_path, cgroup, caller):
    """Any control group called snap.NAME makes a caller that snap; else the innermost application unit is a host program's label."""
    assert looked(tmp_path, cgroup) == caller


def test_a_control_group_of_a_snap_without_a_name_is_unknown(tmp_path):
    """A control group that begins as a snap's and names none is no proof of the host."""
    with pytest.raises(UnclearProcessError) as doubt:
        looked(tmp_path, "0::/snap..scope\n")
    assert doubt.value.caller.kind is Confinement.UNKNOWN


def test_without_a_control_group_file_nobody_is_host(tmp_path):
    """A cgroup file that cannot be read is no proof of the host."""
    (tmp_path / "root").mkdir()
    directory = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(FileNotFoundError):
            inspect(directory)
    finally:
        os.close(directory)


# A FUSE root of another's cannot be had without its server; the files are made by hand, and the kernel refuses the look for real.
@pytest.mark.root
@pytest.mark.parametrize(("mounted", "expected"), [("fuse.fuse-overlayfs", "container"), ("tmpfs", "unknown"), ("", "unknown")])
def test_a_root_that_only_its_owner_may_look_into(places, mounted, expected):
    """Where the root is a container's own file system (FUSE) nobody else may look: no Flatpak has such a root; any other is in doubt."""
    process = places[0] / f"proc-{mounted}"
    (process / "root").mkdir(parents=True)
    (process / "root").chmod(0)
    (process / "cgroup").write_text("0::/\n")
    line = f"65 42 0:39 / / rw,relatime shared:1 - {mounted} none rw\n" if mounted else ""
    (process / "mountinfo").write_text(f"64 42 0:38 / /proc rw - proc proc rw\n{line}66 42 0:40 / /dev rw - fuse x rw\n")
    (process / "ns").mkdir()
    (process / "ns/user").write_text("")
    program = (
        "import os, sys\nfrom telemetryd.bus.processes import UnclearProcessError, inspect\n"
        f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})\n"
        "try:\n    print(inspect(os.open(sys.argv[1], os.O_PATH)).kind.value)\n"
        "except UnclearProcessError as doubt:\n    print(doubt.caller.kind.value)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(process)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}\n"
