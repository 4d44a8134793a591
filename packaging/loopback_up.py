"""Brings the loopback interface up, as root in a network namespace that was just made: it starts without it."""

import fcntl
import socket
import struct

_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41
"""SIOCSIFFLAGS; IFF_UP and IFF_RUNNING (netdevice(7))."""

if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP_AND_RUNNING))
