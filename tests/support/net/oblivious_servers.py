"""A relay and a gateway of Oblivious HTTP, written from the RFCs beside the client that they test: they share no code with it."""

import secrets
import socket
import ssl
import struct

import pytest

pytest.importorskip("pyhpke", reason="the extra ohttp is not installed")
from pyhpke import AEADId, CipherSuite, KDFId, KEMId
from support.net.tls_receiver import read_request

RELAY_ADDRESS = "127.0.0.2"
"""Where the relay's own connections come from: on this machine too a gateway can tell it from its clients."""
KDF, AES, CHACHA = 1, 1, 3
X25519 = 0x20


def integer(value, size=None):
    """An integer of RFC 9000 in this size, or the shortest."""
    size = size or next(one for one in (1, 2, 4, 8) if value < 2 ** (8 * one - 2))
    return (value + ({1: 0, 2: 1, 4: 2, 8: 3}[size] << (8 * size - 2))).to_bytes(size, "big")


def prefixed(data):
    """Bytes after their length."""
    return integer(len(data)) + data


def lines(fields):
    """Field lines."""
    return b"".join(prefixed(name.encode()) + prefixed(value.encode("latin-1")) for name, value in fields)


def known(status, fields=(), content=b"", trailers=()):
    """A response of known length."""
    return integer(1) + integer(status) + prefixed(lines(fields)) + prefixed(content) + prefixed(lines(trailers))


def unknown(status, fields=(), chunks=(), trailers=()):
    """The same, of a length that was unknown when it began."""
    return integer(3) + integer(status) + lines(fields) + b"\0" + b"".join(map(prefixed, chunks)) + b"\0" + lines(trailers) + b"\0"


def split(data, count):
    """So many length-prefixed parts, and the rest."""
    parts = []
    for _ in range(count):
        size = 1 << (data[0] >> 6)
        end = size + int.from_bytes(bytes([data[0] & 63]) + data[1:size], "big")
        parts.append(data[size:end])
        data = data[end:]
    return [*parts, data]


def read_inner(message):
    """A request of known length: (control data and fields as the history shows them, content)."""
    assert message[0] == 0
    method, scheme, authority, path, section, content, trailers, padding = split(message[1:], 7)
    fields = []
    while section:
        name, value, section = split(section, 2)
        fields.append((name.decode(), value.decode()))
    assert trailers + padding.strip(b"\0") == b""
    control = zip((":method", ":scheme", ":authority", ":path"), (method, scheme, authority, path), strict=True)
    return (*((name, value.decode()) for name, value in control), *fields), content


def configuration(key_id, public, suites=((KDF, AES), (KDF, CHACHA)), kem=X25519):
    """One key configuration of RFC 9458."""
    algorithms = b"".join(struct.pack(">HH", *suite) for suite in suites)
    return struct.pack(">BH", key_id, kem) + public + struct.pack(">H", len(algorithms)) + algorithms


def keys_file(*configurations):
    """An application/ohttp-keys file."""
    return b"".join(struct.pack(">H", len(one)) + one for one in configurations)


def http(status, media_type, body, *extra):
    """An answer of HTTP/1.1."""
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Gateway:
    """Opens requests, notes what it saw, and answers each with the sealed `response`."""

    def __init__(self, key_id=7, response=None):
        self.key_id, self.response = key_id, response or known(204)
        self.pair = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM).kem.derive_key_pair(
            secrets.token_bytes(32)
        )
        self.opened = []

    @property
    def configuration(self):
        """Its key configuration."""
        return configuration(self.key_id, self.pair.public_key.to_public_bytes())

    def open(self, sealed):
        """The message in a sealed request, and a function that seals an answer to it."""
        key_id, kem, kdf, aead = struct.unpack(">BHHH", sealed[:7])
        assert (key_id, kem) == (self.key_id, X25519)
        suite = CipherSuite.new(KEMId(kem), KDFId(kdf), AEADId(aead))
        enc, ciphertext = sealed[7:39], sealed[39:]
        context = suite.create_recipient_context(enc, self.pair.private_key, b"message/bhttp request\0" + sealed[:7])

        def seal(response, nonce=None):
            size = max(suite.aead.key_size, suite.aead.nonce_size)
            nonce = nonce or secrets.token_bytes(size)
            prk = suite.kdf.extract(enc + nonce, context.export(b"message/bhttp response", size))
            key = suite.aead.import_key(suite.kdf.expand(prk, b"key", suite.aead.key_size))
            return nonce + key.seal(response, suite.kdf.expand(prk, b"nonce", suite.aead.nonce_size))

        return context.open(ciphertext), seal

    def answer(self, request):
        """The answer to a request of HTTP/1.1; what cannot be opened is told unsealed (section 5.3)."""
        try:
            message, seal = self.open(request.partition(b"\r\n\r\n")[2])
        except Exception:  # noqa: BLE001 - whatever it is, it is no request to this gateway
            problem = b'{"type":"https://iana.org/assignments/http-problem-types#ohttp-key","title":"key identifier unknown"}'
            return http(400, "application/problem+json", problem)
        self.opened.append(read_inner(message))
        return http(200, "message/ohttp-res", seal(self.response))


class Relay:
    """Passes what it gets on to a gateway, over TLS, from an address of its own, and the answer back."""

    def __init__(self, gateway_port, ca_file):
        self._address = ("127.0.0.1", gateway_port)
        self._trust = ssl.create_default_context(cafile=ca_file)
        self.answers = []

    def answer(self, request):
        """The gateway's answer to a request."""
        body = request.partition(b"\r\n\r\n")[2]
        head = f"POST /gateway HTTP/1.1\r\nHost: localhost\r\nContent-Type: message/ohttp-req\r\nContent-Length: {len(body)}\r\n\r\n"
        plain = socket.create_connection(self._address, timeout=20, source_address=(RELAY_ADDRESS, 0))
        with self._trust.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(head.encode() + body)
            self.answers.append(read_request(connection))
        return self.answers[-1]
