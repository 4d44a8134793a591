"""Another time for a real program: `shifted.c`, compiled once and preloaded.

environ = shifted_by(-7 * 86400)            # for all its life
environ = shifted_as(path, runs=True)       # as a file says, which `shift` writes while it runs
"""

import hashlib
import os
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shifted.c")
PLACE = Path(__file__).parents[2] / "build/shifted"


@cache
def library():
    """The library to preload; the test is skipped where no compiler is."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler is installed")
    made = PLACE / f"{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not made.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        draft = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(draft), str(SOURCE)], check=True)
        draft.replace(made)
    return made


def shifted_by(seconds, *, runs=False):
    """The environment of a program whose clocks differ by so many seconds; with `runs`, so does its running time."""
    return {"LD_PRELOAD": str(library()), "SHIFTED_BY": str(seconds), "SHIFTED_RUNS": str(int(runs))}


def hastened(rate):
    """The environment of a program whose time passes so many times as fast."""
    return {"LD_PRELOAD": str(library()), "SHIFTED_RATE": str(rate)}


def shifted_as(path, *, runs):
    """The same, as a file says at each moment."""
    return {"LD_PRELOAD": str(library()), "SHIFTED_FILE": str(path), "SHIFTED_RUNS": str(int(runs))}


def shift(path, seconds):
    """Write the file: all who look at it see one number or the other."""
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        file.write(struct.pack("=q", seconds))
