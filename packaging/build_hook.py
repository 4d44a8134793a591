"""Hatchling's hook for wheels: what a wheel has beside the modules.

- `share/`, by the wheel's data: manual pages and completions, made here; interfaces, desktop file, metainfo, icon.
- `telemetryd/ctl/templates/`: units and activation files for `telemetryctl install --user`, found beside the code however it was installed.

An editable installation has none of it: the checkout is there.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_DESKTOP = {
    ("", ".desktop"): "applications",
    ("", ".xml"): "metainfo",
    ("", ".svg"): "icons/hicolor/scalable/apps",
    ("systemsettings/plasma5", ".desktop"): "kservices5",
    ("systemsettings/plasma6", ".desktop"): "plasma/systemsettings/externalmodules",
}
"""Where a file of packaging/desktop goes, by its folder there and its suffix. A file of another kind fails the build."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Found by hatchling by its base."""

    _made = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is written."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path[:0] = [str(root), str(root / "packaging/manuals")]
        from write import write  # noqa: PLC0415 - after the path

        from telemetryd.ctl.files.service_files import sources  # noqa: PLC0415 - the same

        self._made = tempfile.mkdtemp()  # of its own: builds may run beside each other
        shared = {str(path): f"share/{name}" for path, name in write(Path(self._made)).items()}
        for path in sorted((root / "dbus").glob("*.xml")):
            shared[str(path)] = f"share/dbus-1/interfaces/{path.name}"
        desktop = root / "packaging/desktop"
        for path in sorted(one for one in desktop.rglob("*") if one.is_file()):
            folder = str(path.parent.relative_to(desktop)).removeprefix(".")
            shared[str(path)] = f"share/{_DESKTOP[folder, path.suffix]}/{path.name}"
        build_data["shared_data"].update(shared)
        for path, _ in sources(root):
            build_data["force_include"][str(path)] = f"telemetryd/ctl/templates/{path.relative_to(root)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's signature
        """After a wheel is written."""
        shutil.rmtree(self._made, ignore_errors=True)
