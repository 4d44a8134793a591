"""A disk that loses its power: what a program did to a folder (`recorder.c`), and what of it is there afterwards.

recorder = build_recorder(tmp_path)
with machine.daemon(**recording(recorder, folder, log=log)): ...
disk = Disk(folder)
for step in read_steps(log):
    disk.do(step)
    disk.cut(copy)                    # only what was synced
    disk.cut(copy, random.Random(1))  # the same, and by chance some sectors of what was not
"""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

TRUNCATE, SYNC, RENAME, UNLINK, LINK = range(2, 7)
SECTOR_BYTES = 512
_RECORD = struct.Struct("<QQQQIIII")


class Step(NamedTuple):
    """One thing done: at which monotonic time (ns), by which process, as its how many-th."""

    ns: int
    kind: int
    path: str
    data: bytes
    file: int
    offset: int
    process: str
    number: int
    begun: int


def build_recorder(folder):
    """The library to preload."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler is installed")
    library = folder / "recorder.so"
    command = [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(Path(__file__).with_name("recorder.c"))]
    subprocess.run(command, check=True)
    return library


def recording(library, folder, *, log="", die_at=0, also=""):
    """The environment of a process that is recorded; `also` is another library to preload."""
    preloaded = ":".join(str(one) for one in (also, library) if one)
    return {"LD_PRELOAD": preloaded, "RECORDER_FOLDER": str(folder), "RECORDER_LOG": str(log), "RECORDER_DIE_AT": str(die_at)}


def read_steps(log):
    """Every step, in order, of all processes that wrote beside this name."""
    steps = [step for path in log.parent.glob(log.name + ".*") for step in _read(path)]
    return sorted(steps, key=lambda step: step.ns)


def _read(path):
    data, at, number = path.read_bytes(), 0, 0
    while at + _RECORD.size <= len(data):
        ns, begun, file, offset, kind, path_bytes, data_bytes, _ = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        name = data[at : at + path_bytes].decode()
        at += path_bytes + data_bytes
        if at > len(data):  # it was killed while it wrote this down
            return
        yield Step(ns, kind, name, data[at - data_bytes : at], file, offset, path.suffix, number, begun)
        number += 1


class _File:
    """What the disk has for certain, and what was done since."""

    def __init__(self):
        self.synced, self.pending = bytearray(), []

    def sync(self, sync):
        """What was done before a sync began is on the disk."""
        done = [step for step in self.pending if step.process != sync.process or step.number < sync.begun]
        for step in done:
            _apply(self.synced, step.kind, step.offset, step.data)
        self.pending = [step for step in self.pending if step not in done]

    def left(self, chance):
        """After a power cut."""
        content = bytearray(self.synced)
        share = chance.choice([0.1, 0.5, 0.9, 1]) if chance else 0
        for step in self.pending:
            pieces = range(0, max(len(step.data), 1), SECTOR_BYTES)
            for at in pieces if share else ():
                if chance.random() < share:
                    _apply(content, step.kind, step.offset + at, step.data[at : at + SECTOR_BYTES])
        return bytes(content)


class Disk:
    """One folder."""

    def __init__(self, folder):
        self._folder = str(folder)
        self._files, self._names = {}, {}
        self._states = [{}]
        """The names as of the last sync of the folder, and after each change since."""

    def do(self, step):
        """One more step is done."""
        name = step.path[len(self._folder) + 1 :]
        if "/" in name:
            return
        match step.kind:
            case _ if not name:
                self._states = self._states[-1:]
            case kind if kind == UNLINK:
                self._rename(name, None)
                self._files = {number: file for number, file in self._files.items() if file in self._names.values()}
            case kind if kind == RENAME:
                self._rename(name, step.data.decode()[len(self._folder) + 1 :])
            case kind if kind == LINK:
                self._names[step.data.decode()[len(self._folder) + 1 :]] = self._names[name]
                self._states.append(dict(self._names))
            case kind if kind == SYNC:
                self._file(step, name).sync(step)
            case _:
                self._file(step, name).pending.append(step)

    def cut(self, into, chance=None):
        """Write the files that are left after a power cut into a folder that is made anew."""
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(mode=0o700)
        names = chance.choice(self._states) if chance else self._states[0]
        first = {}
        for name, file in names.items():
            if file in first:
                (into / name).hardlink_to(into / first[file])
            else:
                first[file] = name
                (into / name).write_bytes(file.left(chance))
        return into

    def _file(self, step, name):
        if step.file not in self._files:
            self._files[step.file] = self._names[name] = _File()
            self._states.append(dict(self._names))
        return self._files[step.file]

    def _rename(self, old, new):
        file = self._names.pop(old, None)
        if file and new:
            self._names[new] = file
        self._states.append(dict(self._names))


def _apply(content, kind, offset, data):
    if kind == TRUNCATE:
        del content[offset:]
    end = offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[offset:end] = data
