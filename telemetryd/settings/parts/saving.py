"""Saves what a page shows to a file that the user chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from telemetryd.core.translation import Words

_NAMES = {".html": "HTML (*.html)", ".json": "JSON (*.json)", ".csv": "CSV (*.csv)"}
"""Ending of a file → the kind, as the platform's dialog shows it."""


def ask_where(parent: QWidget, title: str, names: Sequence[str], then: Callable[[Path], object]) -> None:
    """Let the user choose a file, and call `then` with its path. `names` are proposals, one for each kind of file."""
    dialog = QFileDialog(parent, title)
    dialog.setObjectName("save")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    kinds = {_NAMES[Path(name).suffix]: name for name in names}
    dialog.setNameFilters(list(kinds))
    dialog.filterSelected.connect(lambda kind: _give_ending(dialog, Path(kinds[kind]).suffix))
    dialog.selectFile(names[0])
    dialog.fileSelected.connect(lambda path: then(Path(path)))
    dialog.open()


def _give_ending(dialog: QFileDialog, ending: str) -> None:
    for chosen in dialog.selectedFiles()[:1]:
        dialog.selectFile(str(Path(chosen).with_suffix(ending)))


def write(path: Path, text: str, words: Words) -> str:
    """Write a file. Returns a sentence for the user: that it was written, or why not."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        return words.gettext("The file could not be written: {why}").format(why=error.strerror or error)
    return words.gettext("Saved: {file}").format(file=path)
