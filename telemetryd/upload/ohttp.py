"""Oblivious HTTP (RFC 9458): requests sealed for a gateway's key, and the answers to them; the only module that imports HPKE.

A sealed request says to whoever carries it which key and algorithms were used, and nothing else; every one has a key pair of its own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, PyHPKEError

from telemetryd.errors import TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyhpke import ContextInterface, KEMKeyPair

REQUEST, RESPONSE = "message/ohttp-req", "message/ohttp-res"
"""Media types of what is sent and of what comes back."""

_KEM = KEMId.DHKEM_X25519_HKDF_SHA256
_SUITES = {
    (KDFId.HKDF_SHA256.value, AEADId.AES128_GCM.value): (KDFId.HKDF_SHA256, AEADId.AES128_GCM),
    (KDFId.HKDF_SHA256.value, AEADId.CHACHA20_POLY1305.value): (KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305),
}
"""Symmetric algorithms that are supported; all gateways that are known offer the first."""
_PUBLIC_KEY_BYTES = 32
_ENCAPSULATED_KEY_BYTES = 32
_TAG_BYTES = 16
_HEADER = struct.Struct(">BHHH")
"""Key, KEM, KDF and AEAD: what a sealed request begins with (section 4.3)."""
_INFO = b"message/bhttp request\0"
_EXPORT = b"message/bhttp response"

SEALING_BYTES = _HEADER.size + _ENCAPSULATED_KEY_BYTES + _TAG_BYTES
"""What sealing adds to a request, by every supported suite."""


class OhttpError(TelemetrydError):
    """A file holds no usable keys, or bytes are no answer to a request."""


class Key(NamedTuple):
    """A gateway's key and the algorithms that are used with it."""

    id: int
    public: bytes
    kdf: KDFId
    aead: AEADId

    @property
    def header(self) -> bytes:
        """What a request that is sealed with it begins with."""
        return _HEADER.pack(self.id, _KEM.value, self.kdf.value, self.aead.value)


class SealedRequest(NamedTuple):
    """A sealed request, and what is needed to open its answer; both are of no further use after that."""

    content: bytes
    suite: CipherSuite
    context: ContextInterface
    encapsulated_key: bytes

    def open(self, answer: bytes) -> bytes:
        """The message in the gateway's answer (section 4.4). Raises OhttpError for anything but an answer to this very request."""
        suite = self.suite
        nonce_bytes = max(suite.aead.key_size, suite.aead.nonce_size)
        if len(answer) < nonce_bytes + _TAG_BYTES:
            raise OhttpError("An answer has a nonce and a tag.")
        secret = self.context.export(_EXPORT, nonce_bytes)
        chosen = suite.kdf.extract(self.encapsulated_key + answer[:nonce_bytes], secret)
        key = suite.aead.import_key(suite.kdf.expand(chosen, b"key", suite.aead.key_size))
        try:
            return key.open(answer[nonce_bytes:], suite.kdf.expand(chosen, b"nonce", suite.aead.nonce_size))
        except (InvalidTag, PyHPKEError) as error:  # documented is the second; 0.6.5 raises the first
            raise OhttpError("The answer is not one to this request.") from error


def parse_keys(data: bytes) -> Key:
    """The first key in the first supported suite of an application/ohttp-keys file (section 3.2). Raises OhttpError.

    Keys of other kinds are passed over; one that is spelled wrongly makes the whole file wrong, as the RFC demands: what one client can
    still read and another cannot would tell the two apart.
    """
    keys = [key for config in _configurations(data) for key in _keys(config)]
    if not keys:
        raise OhttpError("expected a key for DHKEM(X25519, HKDF-SHA256) with HKDF-SHA256 and AES-128-GCM or ChaCha20Poly1305")
    return keys[0]


def seal(key: Key, message: bytes, *, ephemeral: KEMKeyPair | None = None) -> SealedRequest:
    """Seal a request (section 4.3). Its own key pair is fresh; `ephemeral` is for the RFC's example alone. Raises OhttpError."""
    suite = CipherSuite.new(_KEM, key.kdf, key.aead)
    public = suite.kem.deserialize_public_key(key.public)
    try:
        encapsulated_key, context = suite.create_sender_context(public, _INFO + key.header, eks=ephemeral)
    except ValueError as error:  # a point of small order: anybody could open what is sealed with it
        raise OhttpError("the key is none that protects anything") from error
    return SealedRequest(key.header + encapsulated_key + context.seal(message), suite, context, encapsulated_key)


def _configurations(data: bytes) -> Iterator[bytes]:
    """Each key configuration, of which a length in two bytes is written first."""
    while data:
        size_bytes = int.from_bytes(data[:2], "big")
        config, data = data[2 : 2 + size_bytes], data[2 + size_bytes :]
        if not config or len(config) != size_bytes:
            raise _wrong()
        yield config


def _keys(config: bytes) -> Iterator[Key]:
    """The supported suites of one configuration, in its order."""
    if int.from_bytes(config[1:3], "big") != _KEM.value:
        if len(config) <= _HEADER.size:
            raise _wrong()
        return
    public, sizes = config[3 : 3 + _PUBLIC_KEY_BYTES], config[3 + _PUBLIC_KEY_BYTES :]
    suites = sizes[2:]
    if not suites or len(suites) % 4 or sizes[:2] != len(suites).to_bytes(2, "big"):
        raise _wrong()
    for ids in struct.iter_unpack(">HH", suites):
        if ids in _SUITES:
            yield Key(config[0], public, *_SUITES[ids])


def _wrong() -> OhttpError:
    return OhttpError("expected key configurations as in RFC 9458, each with its length before it")
