"""RFC 9458: its example (appendix A), keys of every spelling, and a gateway that shares no code with the client."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyhpke", reason="pyhpke is not installed: nothing is sealed without it")
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKeyPair
from support.net.oblivious_servers import AES, CHACHA, KDF, Gateway, configuration, keys_file

from telemetryd.upload.binary_http import RequestLine, decode_response, encode_request
from telemetryd.upload.ohttp import SEALING_BYTES, OhttpError, parse_keys, seal

PUBLIC = bytes(range(32))
CONFIGURATION = configuration(1, PUBLIC)
P256 = configuration(3, bytes(65), kem=0x10)
SHA512, AES256 = 3, 2
SMALL_ORDER = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")


def by_suite(gateway, aead):
    """A gateway's key as a client reads it that gets this suite alone."""
    return parse_keys(keys_file(configuration(gateway.key_id, gateway.pair.public_key.to_public_bytes(), [(KDF, aead)])))


def test_example():
    """The complete example of the RFC: its request from its ephemeral key, byte for byte, and its response opened."""
    key = parse_keys(
        keys_file(
            bytes.fromhex("""
                01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e
                79815500080001000100010003
            """)
        )
    )
    kem = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM).kem
    ephemeral = KEMKeyPair(
        kem.deserialize_private_key(bytes.fromhex("bc51d5e930bda26589890ac7032f70ad12e4ecb37abb1b65b1256c9c48999c73")),
        kem.deserialize_public_key(bytes.fromhex("4b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472")),
    )
    message = encode_request(RequestLine("GET", "https", "example.com", "/"), [])
    assert message.rstrip(b"\0") == bytes.fromhex("00034745540568747470730b6578616d706c652e636f6d012f")
    sealed = seal(key, message.rstrip(b"\0"), ephemeral=ephemeral)
    assert sealed.content == bytes.fromhex("""
        010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad1
        9dec96c208b4726374e469135906992e1268c594d2a10c695d858c40a026e796
        5e7d86b83dd440b2c0185204b4d63525
    """)
    response = sealed.open(
        bytes.fromhex("""
            c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f
            857fbd
        """)
    )
    assert response == bytes.fromhex("0140c8")
    assert decode_response(response).status == 200


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.sampled_from([AES, CHACHA]))
def test_there_and_back(request, response, aead):
    """In either suite the gateway reads what was sealed, and the client what the gateway answers; sealing adds a fixed size."""
    gateway = Gateway()
    sealed = seal(by_suite(gateway, aead), request)
    opened, answer = gateway.open(sealed.content)
    assert opened == request
    assert len(sealed.content) == len(request) + SEALING_BYTES
    assert sealed.open(answer(response)) == response


def test_a_key_of_its_own():
    """The same request sealed twice has no byte in common but what every request with that gateway's key begins with. Policy: A2."""
    gateway = Gateway()
    key = parse_keys(keys_file(gateway.configuration))
    first, second = (seal(key, b"the same") for _ in range(2))
    assert first.content[:7] == second.content[:7] == key.header
    assert first.content[7:39] != second.content[7:39]
    assert first.content[39:] != second.content[39:]


@pytest.mark.parametrize("aead", [AES, CHACHA])
def test_an_answer_to_another_request(aead):
    """An answer that was sealed for another request of the same client, or by another key, opens nothing."""
    gateway, other = Gateway(), Gateway()
    key = by_suite(gateway, aead)
    first, second = seal(key, b"1"), seal(key, b"2")
    _, answer_second = gateway.open(second.content)
    _, answer_other = other.open(seal(by_suite(other, aead), b"1").content)
    for answer in (answer_second(b"yes"), answer_other(b"yes")):
        with pytest.raises(OhttpError):
            first.open(answer)
    assert second.open(answer_second(b"yes")) == b"yes"


@pytest.mark.parametrize("aead", [AES, CHACHA])
def test_damaged_answers(aead):
    """An answer that was cut anywhere, or of which any bit was changed, opens nothing."""
    gateway = Gateway()
    sealed = seal(by_suite(gateway, aead), b"1")
    answer = gateway.open(sealed.content)[1](b"yes")
    cut = [answer[:size] for size in range(len(answer))]
    changed = [answer[:at] + bytes([answer[at] ^ 1 << at % 8]) + answer[at + 1 :] for at in range(len(answer))]
    for damaged in (*cut, *changed, answer + b"\0"):
        with pytest.raises(OhttpError):
            sealed.open(damaged)


@pytest.mark.parametrize("change", [0, 1, 3, 5, 7, 38, 39, -1])
def test_damaged_requests(change):
    """A gateway opens nothing of which a byte was changed on the way, the header included."""
    gateway = Gateway()
    content = bytearray(seal(parse_keys(keys_file(gateway.configuration)), b"1").content)
    content[change] ^= 1
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the other side says
        gateway.open(bytes(content))


@pytest.mark.parametrize(
    ("configurations", "expected"),
    [
        ([CONFIGURATION], (1, PUBLIC, AES)),
        ([configuration(2, PUBLIC, [(KDF, CHACHA), (KDF, AES)])], (2, PUBLIC, CHACHA)),
        ([configuration(2, PUBLIC, [(SHA512, AES), (KDF, AES256), (KDF, CHACHA)])], (2, PUBLIC, CHACHA)),
        ([P256, CONFIGURATION], (1, PUBLIC, AES)),
        ([configuration(9, b"x" * 1216, kem=0x647A), P256, configuration(255, PUBLIC[::-1])], (255, PUBLIC[::-1], AES)),
        ([configuration(4, PUBLIC, [(SHA512, AES256)]), CONFIGURATION], (1, PUBLIC, AES)),
        ([CONFIGURATION, configuration(2, PUBLIC[::-1])], (1, PUBLIC, AES)),
    ],
)
def test_rotation(configurations, expected):
    """The first key with a supported suite is used, whatever unknown ones stand before it; of its suites the first."""
    key = parse_keys(keys_file(*configurations))
    assert (key.id, key.public, key.aead.value) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        keys_file(P256),
        keys_file(configuration(4, PUBLIC, [(SHA512, AES256), (KDF, 0xFFFF)])),
        CONFIGURATION,
        keys_file(CONFIGURATION) + b"\0",
        keys_file(CONFIGURATION) + b"\0\0",
        keys_file(CONFIGURATION) + b"\0\x29",
        keys_file(CONFIGURATION)[:-1],
        keys_file(CONFIGURATION, b"\x01\x00\x10"),
        keys_file(CONFIGURATION, configuration(1, PUBLIC, [])),
        keys_file(CONFIGURATION, configuration(1, PUBLIC[1:])),
        keys_file(CONFIGURATION, configuration(1, PUBLIC + b"x")),
        keys_file(CONFIGURATION, CONFIGURATION + b"x"),
        keys_file(CONFIGURATION + b"\0\1\0\1"),
        keys_file(CONFIGURATION[:-1]),
        b"-----BEGIN PUBLIC KEY-----\n",
    ],
)
def test_no_keys(data):
    """A file without a usable key, or with anything spelled wrongly in it, gives none: not even one that could be read (section 3.2)."""
    with pytest.raises(OhttpError, match=r"^expected "):
        parse_keys(data)


@given(st.binary(max_size=200))
def test_any_file(data):
    """Any bytes are a key or an OhttpError."""
    try:
        key = parse_keys(data)
    except OhttpError:
        return
    assert len(key.public) == 32


@pytest.mark.parametrize("public", [bytes(32), b"\1" + bytes(31), SMALL_ORDER])
def test_weak_keys(public):
    """A public key of small order, with which everybody could open everything, seals nothing."""
    with pytest.raises(OhttpError):
        seal(parse_keys(keys_file(configuration(1, public))), b"1")


def test_gateways_have_keys_of_their_own():
    """The tests' own gateways differ, or the tests above would prove nothing."""
    gateways = [Gateway() for _ in range(3)]
    assert all(a.configuration != b.configuration for a, b in itertools.combinations(gateways, 2))
