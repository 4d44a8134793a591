"""Who may call: programs in every confinement, a real Flatpak among them, in a real session, with both buses. Run as root."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from accounts import CONTROL, TELEMETRY, Account, until
from lifecycle import use_bus
from table import Table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from support.manifests.manifest_texts import KATE

OWN, OTHER = "org.example.Boxed", "org.kde.kate"
"""What the sandboxes say that they are, and another application."""
CALLER = "/usr/local/bin/caller"
OK, DENIED = "ok", "AccessDenied"
ANY = (OK, OK, OK)
CONTAINER = (OK, OK, DENIED)
NOTHING = (DENIED, DENIED, DENIED)
"""Pushing for its own id, for another one, and calling Control1."""
UNREACHABLE = ("no bus",) * 3
FLATPAK = "flatpak run --user --command=caller"


class Way(NamedTuple):
    """How a program is run: what runs it, what it does first and then, and what it should get."""

    expected: tuple[str, ...]
    prefix: tuple[str, ...] = ()
    program: str = CALLER
    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    bus: str = ""


def ways(account: Account) -> dict[str, Way]:
    """Name → how it is run, for a user."""
    root = ("bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc")
    root = (*root, "--bind", str(account.runtime), str(account.runtime))
    flatpak, own = ("flatpak", "run", "--user"), f"--talk-name={TELEMETRY}"
    in_flatpak = Way((OK, DENIED, "not reached"), bus="/run/flatpak/bus", program=OWN)
    proxy = f"{account.runtime}/proxy"
    return {
        "plain": Way(ANY),
        "plain, NoNewPrivs": Way(ANY, first=("nnp",)),
        "file capability": Way(ANY, program="/usr/local/bin/capable"),
        "not dumpable": Way(ANY, first=("hide",)),
        "not dumpable, NoNewPrivs": Way(NOTHING, first=("nnp", "hide")),
        "vanished": Way(NOTHING, then=("orphan",), properties=("ExitType=cgroup",)),
        "another user (nobody)": Way(UNREACHABLE, prefix=("as-root", "setpriv", "--reuid=65534", "--clear-groups")),
        "unit with PrivateUsers": Way(CONTAINER, properties=("PrivateUsers=yes",)),
        "unit with PrivateTmp": Way(CONTAINER, properties=("PrivateTmp=yes",)),
        "unshare (podman, toolbox)": Way(CONTAINER, prefix=("unshare", "--user", "--map-current-user")),
        "bwrap over /": Way(CONTAINER, prefix=("bwrap", "--bind", "/", "/")),
        "bwrap with its own root": Way(CONTAINER, prefix=root),
        "bwrap, xdg-dbus-proxy outside": Way((OK, OK, "not reached"), prefix=("proxied", "", proxy, own), bus=proxy),
        "bwrap, its proxy in a sandbox too": Way((OK, OK, "not reached"), prefix=("proxied", "bwrap", proxy, own), bus=proxy),
        "Flatpak, no permission": in_flatpak._replace(expected=("not reached",) * 3, prefix=flatpak),
        "Flatpak, Telemetry1": in_flatpak._replace(prefix=(*flatpak, own)),
        "Flatpak, both names": in_flatpak._replace(prefix=(*flatpak, own, f"--talk-name={CONTROL}"), expected=(OK, DENIED, DENIED)),
        "Flatpak, the whole bus": in_flatpak._replace(prefix=(*flatpak, "--socket=session-bus"), expected=(OK, DENIED, DENIED)),
        "Flatpak, devel, host files": in_flatpak._replace(prefix=(*flatpak, own, "--devel", "--filesystem=host")),
        "Flatpak, not dumpable": in_flatpak._replace(prefix=(*flatpak, own), first=("hide",)),
    }


def answers(account: Account, way: Way) -> tuple[tuple[str, ...], str]:
    """What a program gets that runs this way, in short, and the first refusal's text."""
    bus = way.bus or f"{account.runtime}/bus"
    command = (way.program, *way.first, "connect", bus, *way.then, "push", OWN, "push", OTHER, "control")
    if way.prefix[:1] == ("as-root",):
        done = subprocess.run([*way.prefix[1:], *command], capture_output=True, text=True, check=False)
    elif way.prefix[:1] == ("proxied",):
        done = account.run("sh", "-c", _PROXIED, "sh", *way.prefix[1:], f"unix:path={account.runtime}/bus", *command, check=False)
    else:
        done = account.run(*way.prefix, *command, check=False, properties=way.properties)
    lines = done.stdout.splitlines()
    if not lines:
        return UNREACHABLE, done.stderr.strip()
    return tuple(map(_short, lines)), next((one.replace("\t", ": ") for one in lines if one != OK), "")


_PROXIED = """
sandbox=$1 socket=$2 talk=$3 bus=$4; shift 4
in="bwrap --ro-bind / / --dev /dev --bind $(dirname "$socket") $(dirname "$socket")"
[ -n "$sandbox" ] || in=
mkfifo "$socket.ready"
$in xdg-dbus-proxy --fd=3 "$bus" "$socket" --filter "--talk=${talk#*=}" 3>"$socket.ready" &
exec 4<"$socket.ready"; head -c 1 <&4 >/dev/null
bwrap --ro-bind / / --dev /dev --tmpfs "$(dirname "$socket")" --ro-bind "$socket" "$socket" -- "$@"
exec 4<&-; wait; rm -f "$socket" "$socket.ready"
"""
"""What runs a program in a sandbox whose bus is a filtering proxy, outside it or in a sandbox of its own."""


def _short(line: str) -> str:
    name = line.partition("\t")[0].rpartition(".")[2]
    return (
        "not reached" if name in {"ServiceUnknown", "NameHasNoOwner"} or "org.freedesktop.DBus.Error.AccessDenied\torg." in line else name
    )


def prepare() -> None:
    """Manifests of both applications, and a program with a capability."""
    folder = Path("/usr/share/telemetryd/manifests")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (OWN, OTHER):
        (folder / f"{name}.toml").write_text(KATE.replace("org.kde.kate", name))
    shutil.copy(CALLER, "/usr/local/bin/capable")
    subprocess.run(["setcap", "cap_sys_nice+ep", "/usr/local/bin/capable"], check=True)


def build_flatpak(account: Account) -> None:
    """A runtime with what the caller needs, and an application: built, exported and installed without a network."""
    folder = account.home / "flatpak"
    usr, app = folder / "runtime/usr", folder / "app/files"
    (usr / "lib64").mkdir(parents=True)
    (app / "bin").mkdir(parents=True)
    shutil.copy(CALLER, app / "bin/caller")
    libraries = subprocess.run(["ldd", CALLER], capture_output=True, text=True, check=True).stdout.split()
    for path in map(Path, filter(lambda word: word.startswith("/"), libraries)):
        target = usr / str(path.resolve()).removeprefix("/usr/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target.with_name(path.name))
        if path.name.startswith("ld-"):
            shutil.copy(path, usr / "lib64" / path.name)
    (folder / "runtime/metadata").write_text(
        "[Runtime]\nname=org.example.Platform\nruntime=org.example.Platform/x86_64/1\nsdk=org.example.Platform/x86_64/1\n"
    )
    (folder / "app/metadata").write_text(
        f"[Application]\nname={OWN}\nruntime=org.example.Platform/x86_64/1\nsdk=org.example.Platform/x86_64/1\ncommand=caller\n"
    )
    (folder / "app/export").mkdir()
    (folder / "runtime/files").mkdir()  # looked for, and not taken
    subprocess.run(["chown", "-R", f"{account.name}:", str(folder)], check=True)
    script = (
        "cd ~/flatpak && flatpak build-export --disable-sandbox --runtime --arch=x86_64 repo runtime 1"
        " && flatpak build-export --disable-sandbox --arch=x86_64 repo app 1"
        " && flatpak --user remote-add --no-gpg-verify here repo"
        f" && flatpak --user install --noninteractive here runtime/org.example.Platform/x86_64/1 app/{OWN}/x86_64/1"
    )
    account.run("sh", "-c", script)


def run(account: Account, bus: str) -> int:
    """The matrix of one bus; how many cells are not as they should be."""
    table = Table(f"Who may call, {bus}: Telemetry1 for its own id, for another one; Control1")
    use_bus(account, bus)
    with account.session():
        build_flatpak(account)
        for name, way in ways(account).items():
            found, text = answers(account, way)
            is_right = found == way.expected
            table.failures += not is_right
            table.row(name, "ok" if is_right else "WRONG", " · ".join(found) + (f"   {text[:110]}" if text else ""))
    until(lambda: not account.runtime.exists())
    return table.failures


def main() -> None:
    """Both buses."""
    prepare()
    sys.exit(1 if run(Account("ada"), "dbus-daemon") + run(Account("bob"), "dbus-broker") else 0)


if __name__ == "__main__":
    main()
