"""A file system (FUSE) that shows a .flatpak-info in its root and never answers whoever opens it: what a program may make its root.

with silent_root(directory):        # mounted there by root, served by a process of its own until the block ends

The process is another one than that of the test: whoever waits for a file system cannot be killed as long as that is served.
"""

import ctypes
import os
import struct
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

DEVICE = Path("/dev/fuse")
_LOOKUP, _FORGET, _GETATTR, _OPEN, _INIT = 1, 2, 3, 14, 26
_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_ENOSYS = -38
_ROOT, _FILE = 1, 2
_MNT_DETACH = 2
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def silent_root(directory):
    """Mount it; at the end everybody who waits for it gets an error."""
    with subprocess.Popen([sys.executable, __file__, str(directory)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "mounted\n"
            yield
        finally:
            server.kill()
            server.wait()
            _LIBC.umount2(os.fsencode(directory), _MNT_DETACH)


def main():
    """Mount and serve."""
    device = os.open(DEVICE, os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if _LIBC.mount(b"silent", os.fsencode(sys.argv[1]), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    sys.stdout.write("mounted\n")
    sys.stdout.flush()
    while True:
        _, opcode, unique, node, *_ = _IN.unpack_from(os.read(device, 1 << 17))
        if opcode in {_FORGET, _OPEN}:
            continue  # the first wants no answer; the second gets none
        body = _answer(opcode, node)
        os.write(device, _OUT.pack(_OUT.size + len(body), 0 if body else _ENOSYS, unique) + body)


def _answer(opcode, node):
    if opcode == _INIT:
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 1 << 16, 0, 8, 6, 1 << 16, 1, 0, 0, 0, *[0] * 7)
    if opcode == _GETATTR:
        return struct.pack("<QII", 3600, 0, 0) + _attributes(node)
    if opcode == _LOOKUP:
        return struct.pack("<QQQQII", _FILE, 0, 3600, 3600, 0, 0) + _attributes(_FILE)
    return b""


def _attributes(node):
    mode = 0o40755 if node == _ROOT else 0o100644
    return struct.pack("<QQQQQQIIIIIIIIII", node, 100, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 512, 0)


if __name__ == "__main__":
    main()
