# noqa: INP001 - a program, no package
"""Renders the pictures in docs/screenshots: the real window over real daemons, without a screen, in the colours and the font of Plasma.

python docs/generate_screenshots.py     (or `make screenshots`, which installs the fonts)

It needs user namespaces and overlays (Linux 5.11): files are at their usual places in the pictures, and nowhere else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from PySide6.QtGui import QImage  # noqa: E402 - after the path
from support.driven_window import DrivenWindow, driven_first_run, driven_window  # noqa: E402 - after the path
from support.looks import look  # noqa: E402 - after the path
from support.machine import CONTROL, KATE, Daemon, Machine  # noqa: E402 - after the path
from support.window_user import PLACES, busy_machine  # noqa: E402 - after the path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PICTURES = ROOT / "docs/screenshots"
FAMILIES, POINTS = ("Noto Sans", "Noto Sans Arabic", "Noto Sans CJK JP"), 10.0
SIZE, WHOLE, TALL, SMALL = (820, 600), (820, 800), (820, 1040), (640, 480)
COLOURS_MAX = 256
SCALED = "overview-200-percent"


MOUNT = "mount -t overlay -o lowerdir=$0/etc:/etc overlay /etc && mount -t overlay -o lowerdir=$0/share:/usr/share overlay /usr/share"


class InstalledMachine(Machine):
    """A machine whose files are where a package installs them: in a mount namespace of its own, so that pictures show such paths."""

    @property
    def environ(self) -> dict[str, str]:
        """Without the variables that replace the system's directories."""
        replaced = {"TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS", "XDG_CONFIG_DIRS"}
        return {name: value for name, value in super().environ.items() if name not in replaced}

    @contextlib.contextmanager
    def daemon(self, *, prefix: Sequence[str] = (), **options: Any) -> Iterator[Daemon]:
        """Run the daemon in the namespace. It keeps its process id there."""
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {RECEIVES['host']}\n")
        inside = ["unshare", "--mount", "sh", "-c", f'{MOUNT} && exec "$@"', str(self.root)]
        with super().daemon(prefix=[*inside, *prefix], **options) as daemon:
            yield daemon


class Scene(NamedTuple):
    """A picture: where the window is, the part to wait for, parts to press in turn, keys after that, and how it looks."""

    name: str
    until: str
    where: Mapping[str, str] = {}
    use: Sequence[str] = ()
    keys: Sequence[str] = ()
    size: tuple[int, int] = SIZE
    palette: str = "breeze"
    font_scale: float = 1.0


OVERVIEW, ASKED, QUESTION = ("headline", PLACES["overview"]), ("questions", PLACES["asked"]), ("example", PLACES["question"])
DARK, HIGH = "breeze dark", "high contrast"
BUSY = (
    Scene("overview", *OVERVIEW),
    Scene("applications", "applications", PLACES["applications"]),
    Scene("application", "questions", PLACES["application"]),
    Scene("question-for-you", *ASKED),
    Scene("question", *QUESTION, size=TALL),
    Scene("details", *QUESTION, use=["more"]),
    Scene("sent", "timeline", PLACES["sent"]),
    Scene("report", "sent", PLACES["sent"], keys=("Tab", "Tab", "Tab", "Return")),
    Scene("revealed", "vendor-0", PLACES["revealed"]),
    Scene("meaning", "vendor-0", PLACES["revealed"], use=["meaning-0"]),
    Scene("system", "copy-report", PLACES["system"]),
    Scene("confirmation", *OVERVIEW, use=["usage=0"]),
    Scene("everything-off", *OVERVIEW, use=["turn-off"]),
    Scene("overview-dark", *OVERVIEW, palette=DARK),
    Scene("question-dark", *QUESTION, size=TALL, palette=DARK),
    Scene("revealed-dark", "vendor-0", PLACES["revealed"], palette=DARK),
    Scene("overview-high-contrast", *OVERVIEW, palette=HIGH),
    Scene("question-high-contrast", *QUESTION, size=TALL, palette=HIGH),
    Scene("overview-german", "headline", {"language": "de"}),
    Scene("question-german", "example", {**PLACES["question"], "language": "de"}, size=TALL),
    Scene("overview-japanese", "headline", {"language": "ja"}),
    Scene("overview-arabic", "headline", {"language": "ar"}),
    Scene("application-arabic", "questions", {**PLACES["asked"], "language": "ar"}),
    Scene("question-arabic", "example", {**PLACES["question"], "language": "ar"}, size=TALL),
    Scene("question-large-font", *ASKED, font_scale=2.0, keys=("Tab",) * 6),
    Scene("overview-notifications", *OVERVIEW, size=WHOLE),
    Scene("application-small", *ASKED, size=SMALL),
    Scene("sent-german-large-font", "sent", {**PLACES["sent"], "language": "de"}, size=SMALL, font_scale=1.5),
)
EMPTY = (
    Scene("empty", "empty", PLACES["applications"]),
    Scene("sent-empty", "nothing-sent", PLACES["sent"]),
    Scene("revealed-empty", "empty", PLACES["revealed"]),
    Scene("overview-off", *OVERVIEW),
)
LOCKED = (Scene("overview-locked", "lock-usage"),)
MISTAKE = (Scene("overview-mistake", "problems", size=WHOLE),)
AWAY = (Scene("no-service", "missing"),)
FIRST = (
    Scene("first-run", "asked"),
    Scene("first-run-example", "asked", use=["example"]),
    Scene("first-run-dark", "asked", palette=DARK),
    Scene("first-run-german-large-font", "asked", {"language": "de"}, font_scale=1.5),
    Scene("first-run-arabic", "asked", {"language": "ar"}),
)
"""The page for a first login has the size that its texts need."""
RECEIVES = {"host": "telemetry.kde.org", "port": 443}
"""Where the answer in the pictures goes: to a receiver on this machine, which has this name in the namespace. No network is reached."""
NAMESPACE = "TELEMETRYD_SCREENSHOTS_NAMESPACE"
"""Set in the namespaces where overlays may be mounted and there is no network. All is in one: the daemon takes a caller in another for a
container."""


def take(machine: Machine, scene: Scene) -> None:
    """One picture."""
    with look(scene.palette, font_scale=scene.font_scale * POINTS / 9, families=FAMILIES), driven_window(machine, **scene.where) as window:
        window.window.resize(*scene.size)
        window.until(lambda: window.part(scene.until) is not None)
        for part in scene.use:
            window.use(part)
            window.until(lambda: window.top is not window.window)
        window.press(*scene.keys)
        window.work(0.2)
        save(window, scene.name)


def take_first_run(machine: Machine, scene: Scene) -> None:
    """A picture of the page for a first login, or of the dialog in front of it."""
    with (
        look(scene.palette, font_scale=scene.font_scale * POINTS / 9, families=FAMILIES),
        driven_first_run(machine, **scene.where) as (page, _),
    ):
        page.until(lambda: "KDE" in page.text(scene.until))
        for part in scene.use:
            page.use(part)
            page.until(lambda: page.top is not page.window)
        page.work(0.2)
        save(page, scene.name)


def save(window: DrivenWindow, name: str) -> None:
    """Write the picture with a palette of its most frequent colours: that takes a quarter of the bytes."""
    image = window.picture().toImage().convertToFormat(QImage.Format.Format_RGB32)
    indexed(image).save(str(PICTURES / f"{name}.png"), "PNG", 0)


def indexed(image: QImage) -> QImage:
    """The picture with at most 256 colours; each other colour becomes the nearest."""
    pixels = memoryview(image.constBits()).cast("B").cast("I")
    kept = [colour for colour, _ in Counter(pixels).most_common()]
    table = kept[:COLOURS_MAX]
    places = {colour: min(range(len(table)), key=lambda place: distance(table[place], colour)) for colour in kept[COLOURS_MAX:]}
    places.update({colour: place for place, colour in enumerate(table)})
    made = QImage(image.width(), image.height(), QImage.Format.Format_Indexed8)
    made.setColorTable([colour | 0xFF000000 for colour in table])
    rows, width, line = memoryview(made.bits()), image.width(), made.bytesPerLine()
    for y in range(image.height()):
        rows[y * line : y * line + width] = bytes(map(places.__getitem__, pixels[y * width : (y + 1) * width]))
    return made


def distance(one: int, other: int) -> int:
    """How different two colours are."""
    return sum(abs((one >> shift & 255) - (other >> shift & 255)) for shift in (0, 8, 16))


def take_all(folder: Path) -> None:
    """All pictures but the scaled picture."""
    with busy_machine(folder / "busy", InstalledMachine, **RECEIVES) as machine:
        for scene in BUSY:
            take(machine, scene)
    with InstalledMachine(folder / "empty") as machine, machine.daemon():
        for scene in EMPTY:
            take(machine, scene)
    with InstalledMachine(folder / "locked") as machine:
        machine.configure("[limits]\nusage = 0\n", name="telemetryd.toml.d/50-fleet.toml")
        with machine.daemon():
            machine.busctl("set-property", *CONTROL, "System", "u", "1")
            take(machine, LOCKED[0])
    with InstalledMachine(folder / "mistake") as machine:
        machine.configure("enabled = = true\n")
        machine.install(KATE)
        (machine.root / "share/telemetryd/manifests/org.example.broken.toml").write_text("schema = = 1\n")
        with machine.daemon():
            take(machine, MISTAKE[0])
    with InstalledMachine(folder / "first") as machine:
        machine.install(KATE)
        machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.org/v1/reports"\n')
        with machine.daemon():
            for scene in FIRST:
                take_first_run(machine, scene)
    with InstalledMachine(folder / "none") as machine:
        take(machine, AWAY[0])


def take_scaled(folder: Path) -> None:
    """The overview on a screen with twice as many pixels."""
    with busy_machine(folder / "scaled", InstalledMachine, **RECEIVES) as machine:
        take(machine, Scene(SCALED, *OVERVIEW))


def start_loopback() -> None:
    """A new network namespace has a loopback device, which is down."""
    set_flags, up = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
    with socket.socket() as device:
        fcntl.ioctl(device, set_flags, struct.pack("16sh14x", b"lo", up))


def main() -> None:
    """All pictures; Qt reads the scale at its start, so that picture is taken by a process of its own."""
    PICTURES.mkdir(exist_ok=True)
    if NAMESPACE not in os.environ:
        command = ["unshare", "--map-current-user", "--keep-caps", "--net", sys.executable, *sys.argv]
        os.execvpe(command[0], command, {**os.environ, NAMESPACE: "1"})  # noqa: S606 - this program again
    start_loopback()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/window"  # the window's own file: nothing of whoever takes the pictures
        if sys.argv[1:] == ["--scaled"]:
            take_scaled(Path(folder))
        else:
            subprocess.run([sys.executable, __file__, "--scaled"], env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=True)
            take_all(Path(folder))


if __name__ == "__main__":
    main()
