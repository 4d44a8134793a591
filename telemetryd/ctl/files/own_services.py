"""The units and activation files in a user's own directories: written, found again and removed. Policy: C1."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.translation import mark
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.files.service_files import ACTIVATION, UNITS
from telemetryd.ctl.language import gettext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.ctl.files.service_files import ServiceFile

_MARK = "# Written by `telemetryctl install --user`; `telemetryctl uninstall --user` removes it.\n"
"""The first line of each file. A file without it is somebody else's: it is neither replaced nor removed."""
_DONE = {True: mark("Written: {path}"), False: mark("Unchanged: {path}")}
REMOVED = mark("Removed: {path}")
_ENABLED = ("*.wants", "*.requires")


class OwnFolders(NamedTuple):
    """Where the user's files are. `data` is XDG_DATA_HOME, `config` is XDG_CONFIG_HOME, in which units are enabled."""

    data: Path
    config: Path

    def write(self, files: Iterable[ServiceFile]) -> Iterator[tuple[Path, str]]:
        """Write the files, enable the units that want to be, and remove what an earlier run wrote and this one does not.

        Yields (path, what was done, as marked for translation) of each file and link. Raises Failure before anything is done.
        """
        files = list(files)
        for one in files:
            self._check_is_ours(self.data / one.kind / one.name)
        wanted = set()
        for one in files:
            path = self.data / one.kind / one.name
            wanted.add(path)
            yield path, _DONE[_write(path, _MARK + one.text)]
            for target in one.wanted_by:
                link = self.config / UNITS / target / one.name
                wanted.add(link)
                yield link, _DONE[_link(link, path)]
        for path in self.written():
            if path not in wanted:
                path.unlink()
                yield path, REMOVED

    def written(self) -> list[Path]:
        """Every file that `write` has written, now or by another version, after the links that enable them."""
        files = [path for kind in (UNITS, ACTIVATION) for path in sorted((self.data / kind).glob("*")) if _is_ours(path)]
        links = [link for pattern in _ENABLED for link in (self.config / UNITS).glob(f"{pattern}/*") if link.is_symlink()]
        return [*(link for link in sorted(links) if link.readlink() in files), *files]

    def remove(self) -> Iterator[Path]:
        """Remove what was written; the path of each. A folder of links that is empty then goes too, as systemd removes it."""
        for path in self.written():
            path.unlink()
            yield path
            if path.is_relative_to(self.config / UNITS) and path.parent != self.config / UNITS:
                with suppress(OSError):
                    path.parent.rmdir()

    def _check_is_ours(self, path: Path) -> None:
        if os.path.lexists(path) and not _is_ours(path):
            text = gettext("{path} is there, and this command did not write it: remove it first; nothing was changed")
            raise Failure(text.format(path=path))


def own_folders(environ: Mapping[str, str]) -> OwnFolders:
    """The folders that an environment names."""
    home = environ.get("HOME") or str(Path.home())
    data, config = environ.get("XDG_DATA_HOME", ""), environ.get("XDG_CONFIG_HOME", "")
    return OwnFolders(
        Path(data if data.startswith("/") else f"{home}/.local/share"), Path(config if config.startswith("/") else f"{home}/.config")
    )


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.readline() == _MARK.encode()
    except OSError:
        return False


def _write(path: Path, text: str) -> bool:
    """Write a file that systemd and the bus can read, at once or not at all; whether it changed."""
    with suppress(OSError):
        if path.read_text(encoding="utf-8") == text:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)
    return True


def _link(link: Path, path: Path) -> bool:
    """Make a link; whether it changed. Another link of this name, of another installation, is replaced."""
    if link.is_symlink() and link.readlink() == path:
        return False
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return True
