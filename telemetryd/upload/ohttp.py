"""Oblivious HTTP (RFC 9458): seals requests for a gateway's key and opens the answers. Only this module imports HPKE.

A sealed request reveals to the relay only which key and algorithms it uses. Each request has a new key pair.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, PyHPKEError

from telemetryd.errors import TelemetrydError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyhpke import ContextInterface, KEMKeyPair

RESPONSE = "message/ohttp-res"
"""Media type of what comes back."""

_KEM = KEMId.DHKEM_X25519_HKDF_SHA256
_SUITES = {
    (KDFId.HKDF_SHA256.value, AEADId.AES128_GCM.value): (KDFId.HKDF_SHA256, AEADId.AES128_GCM),
    (KDFId.HKDF_SHA256.value, AEADId.CHACHA20_POLY1305.value): (KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305),
}
"""The supported symmetric algorithms; all known gateways offer the first."""
_PUBLIC_KEY_BYTES = 32
_ENCAPSULATED_KEY_BYTES = 32
_TAG_BYTES = 16
_HEADER = struct.Struct(">BHHH")
"""The header of a sealed request: key, KEM, KDF and AEAD (section 4.3)."""
_INFO = b"message/bhttp request\0"
_EXPORT = b"message/bhttp response"

SEALING_BYTES = _HEADER.size + _ENCAPSULATED_KEY_BYTES + _TAG_BYTES
"""What sealing adds to a request, the same for every supported suite."""


class OhttpError(TelemetrydError):
    """A file has no usable keys, or bytes are not an answer to a request."""


class GatewayKey(NamedTuple):
    """A gateway's key and the algorithms that are used with it."""

    id: int
    public: bytes
    kdf: KDFId
    aead: AEADId

    @property
    def header(self) -> bytes:
        """The header of a request that is sealed with this key."""
        return _HEADER.pack(self.id, _KEM.value, self.kdf.value, self.aead.value)


class SealedRequest(NamedTuple):
    """A sealed request and the state that opens its one answer."""

    content: bytes
    suite: CipherSuite
    context: ContextInterface
    encapsulated_key: bytes

    def open(self, answer: bytes) -> bytes:
        """The message in the gateway's answer (section 4.4). Raises OhttpError if it is not an answer to this request."""
        suite = self.suite
        nonce_bytes = max(suite.aead.key_size, suite.aead.nonce_size)
        if len(answer) < nonce_bytes + _TAG_BYTES:
            raise OhttpError("An answer has a nonce and a tag.")
        secret = self.context.export(_EXPORT, nonce_bytes)
        chosen = suite.kdf.extract(self.encapsulated_key + answer[:nonce_bytes], secret)
        key = suite.aead.import_key(suite.kdf.expand(chosen, b"key", suite.aead.key_size))
        try:
            return key.open(answer[nonce_bytes:], suite.kdf.expand(chosen, b"nonce", suite.aead.nonce_size))
        except (InvalidTag, PyHPKEError) as error:  # PyHPKEError is documented; 0.6.5 raises InvalidTag
            raise OhttpError("The answer does not belong to this request.") from error


def parse_keys(data: bytes) -> GatewayKey:
    """The first key in the first supported suite of an application/ohttp-keys file (section 3.2). Raises OhttpError.

    Keys of other kinds are skipped. A malformed key makes the whole file invalid, as the RFC demands. Otherwise clients that read different
    parts of a file could be told apart.
    """
    keys = [key for config in _configurations(data) for key in _keys(config)]
    if not keys:
        raise OhttpError("expected a key for DHKEM(X25519, HKDF-SHA256) with HKDF-SHA256 and AES-128-GCM or ChaCha20Poly1305")
    return keys[0]


def seal(key: GatewayKey, message: bytes, *, ephemeral: KEMKeyPair | None = None) -> SealedRequest:
    """Seal a request (section 4.3) with a new key pair; `ephemeral` is only for the RFC's example. Raises OhttpError."""
    suite = CipherSuite.new(_KEM, key.kdf, key.aead)
    public = suite.kem.deserialize_public_key(key.public)
    try:
        encapsulated_key, context = suite.create_sender_context(public, _INFO + key.header, eks=ephemeral)
    except ValueError as error:  # a point of small order: anybody could open what is sealed for it
        raise OhttpError("the key does not protect anything") from error
    return SealedRequest(key.header + encapsulated_key + context.seal(message), suite, context, encapsulated_key)


def _configurations(data: bytes) -> Iterator[bytes]:
    """Each key configuration; two bytes before it give its length. Raises OhttpError."""
    while data:
        size_bytes = int.from_bytes(data[:2], "big")
        config, data = data[2 : 2 + size_bytes], data[2 + size_bytes :]
        if not config or len(config) != size_bytes:
            raise _malformed_keys()
        yield config


def _keys(config: bytes) -> Iterator[GatewayKey]:
    """The key with each supported suite of one configuration, in its order. Raises OhttpError."""
    if int.from_bytes(config[1:3], "big") != _KEM.value:
        if len(config) <= _HEADER.size:
            raise _malformed_keys()
        return
    public, sizes = config[3 : 3 + _PUBLIC_KEY_BYTES], config[3 + _PUBLIC_KEY_BYTES :]
    suites = sizes[2:]
    if not suites or len(suites) % 4 or sizes[:2] != len(suites).to_bytes(2, "big"):
        raise _malformed_keys()
    for ids in struct.iter_unpack(">HH", suites):
        if ids in _SUITES:
            yield GatewayKey(config[0], public, *_SUITES[ids])


def _malformed_keys() -> OhttpError:
    return OhttpError("expected key configurations as in RFC 9458, each with its length before it")
