"""Disks: counts the file systems that are mounted on this machine, and looks at the kind of the root.

usage: disks.py register MANIFEST | disks.py measure
"""

import sys
from pathlib import Path

import client

ID = "org.example.disks"
_MOUNT_POINT = 4
"""Field of the mount point in a line of mountinfo, see proc(5)."""


def mounts() -> dict[str, str]:
    """Mount point → kind of the file system; in a chroot the root itself is not among them."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        where, _, what = line.partition(" - ")
        found[where.split()[_MOUNT_POINT]] = what.split()[0]
    return found


def measure() -> None:
    """Look now, and push both facts."""
    kinds = mounts()
    root = kinds.get("/", "unknown")
    print(f"Disks      found {len(kinds)} mounted file systems, the root is {root}")
    client.push(ID, {"mounted": ("u", len(kinds)), "root": ("s", root), "org.example.shared/used": ("u", 1)})
    print("Disks      was answered: thank you, no more is said")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["register", manifest]:
            print(f"Disks      registered what it asks: {client.register(ID, Path(manifest).read_text(encoding='utf-8'))[:19]}…")
        case _:
            measure()
