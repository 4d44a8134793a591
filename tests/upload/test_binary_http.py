"""RFC 9292, its examples first (section 5)."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.net.oblivious_servers import integer, known, lines, prefixed, read_inner, unknown

from telemetryd.upload.binary_http import InvalidBinaryHttpError, RequestLine, Response, decode_response, encode_request, pad

REQUEST = bytes.fromhex("""
    00034745 54056874 74707300 0a2f6865 6c6c6f2e 74787440 6c0a7573 65722d61 67656e74 34637572 6c2f372e 31362e33
    206c6962 6375726c 2f372e31 362e3320 4f70656e 53534c2f 302e392e 376c207a 6c69622f 312e322e 3304686f 73740f77
    77772e65 78616d70 6c652e63 6f6d0f61 63636570 742d6c61 6e677561 67650665 6e2c206d 690000
""")
INTERIM = bytes.fromhex("""
    03406607 72756e6e 696e670a 22736c65 65702031 35220040 67046c69 6e6b233c 2f737479 6c652e63 73733e3b 2072656c
    3d707265 6c6f6164 3b206173 3d737479 6c65046c 696e6b24 3c2f7363 72697074 2e6a733e 3b207265 6c3d7072 656c6f61
    643b2061 733d7363 72697074 0040c804 64617465 1d4d6f6e 2c203237 204a756c 20323030 39203132 3a32383a 35332047
    4d540673 65727665 72064170 61636865 0d6c6173 742d6d6f 64696669 65641d57 65642c20 3232204a 756c2032 30303920
    31393a31 353a3536 20474d54 04657461 67142233 34616133 38372d64 2d313536 38656230 30220d61 63636570 742d7261
    6e676573 05627974 65730e63 6f6e7465 6e742d6c 656e6774 68023531 04766172 790f4163 63657074 2d456e63 6f64696e
    670c636f 6e74656e 742d7479 70650a74 6578742f 706c6169 6e003348 656c6c6f 20576f72 6c642120 4d792063 6f6e7465
    6e742069 6e636c75 64657320 61207472 61696c69 6e672043 524c462e 0d0a0000
""")
TRAILER = bytes.fromhex("""
    0140c800 1d546869 7320636f 6e74656e 7420636f 6e746169 6e732043 524c462e 0d0a0d07 74726169 6c657204 74657874
""")
NAMES = st.from_regex(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}", fullmatch=True)
VALUES = st.from_regex(r"[!-~]([ -~]{0,200}[!-~])?", fullmatch=True) | st.just("")
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(tuple)
STATUSES = st.integers(200, 599)
BODIES = st.binary(max_size=300) | st.binary(min_size=16384, max_size=16385)


def test_request_example():
    """The request of the RFC (figure 6), byte for byte."""
    fields = [
        ("user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"),
        ("host", "www.example.com"),
        ("accept-language", "en, mi"),
    ]
    assert encode_request(RequestLine("GET", "https", "", "/hello.txt"), fields) == REQUEST


def test_response_example():
    """The response of known length with a trailer (figure 11)."""
    assert decode_response(TRAILER) == Response(200, (), b"This content contains CRLF.\r\n")


def test_response_example_with_interim_responses():
    """The response of unknown length after two interim ones (figure 9): the last one counts."""
    response = decode_response(INTERIM)
    assert (response.status, response.content) == (200, b"Hello World! My content includes a trailing CRLF.\r\n")
    assert response.fields[0] == ("date", "Mon, 27 Jul 2009 12:28:53 GMT")
    assert (len(response.fields), dict(response.fields)["content-length"]) == (8, "51")


@given(
    method=st.text("ABCXYZ", min_size=1),
    authority=st.text("a.z", max_size=100),
    path=st.text("/a?=", max_size=100),
    fields=FIELDS,
    content=BODIES,
)
def test_requests(*, method, authority, path, fields, content):
    """Another reader finds in a request what was put in."""
    control = ((":method", method), (":scheme", "https"), (":authority", authority), (":path", path))
    message = encode_request(RequestLine(method, "https", authority, path), fields, content)
    assert read_inner(message) == ((*control, *fields), content)
    assert read_inner(pad(message, len(message) + 100)) == ((*control, *fields), content)


def test_padding_has_an_end():
    """A message that is longer than its size is not cut."""
    assert pad(REQUEST, len(REQUEST)) == REQUEST
    with pytest.raises(InvalidBinaryHttpError):
        pad(REQUEST, len(REQUEST) - 1)


@given(status=STATUSES, fields=FIELDS, chunks=st.lists(BODIES.filter(bool), max_size=3), trailers=FIELDS, padding=st.integers(0, 50))
def test_responses(*, status, fields, chunks, trailers, padding):
    """What another writer puts into a response of either form is found, whatever the padding."""
    expected = Response(status, fields, b"".join(chunks))
    assert decode_response(known(status, fields, b"".join(chunks), trailers) + bytes(padding)) == expected
    assert decode_response(unknown(status, fields, chunks, trailers) + bytes(padding)) == expected


@pytest.mark.parametrize(
    "parts",
    [
        (integer(1) + integer(200), prefixed(lines([("date", "x"), ("a", "")])), prefixed(b"content"), prefixed(lines([("t", "y")]))),
        (
            integer(3) + integer(200),
            lines([("date", "x"), ("a", "")]) + b"\0",
            prefixed(b"con") + prefixed(b"tent") + b"\0",
            b"\x01t\x01y\0",
        ),
    ],
)
def test_cut_off(parts):
    """A response may end before a part, which is empty then (section 3.8), and nowhere else."""
    message, ends = b"".join(parts), list(accumulate(map(len, parts)))
    for cut in range(len(message) + 1):
        if cut not in ends:
            with pytest.raises(InvalidBinaryHttpError):
                decode_response(message[:cut])
            continue
        fields = (("date", "x"), ("a", "")) if cut >= ends[1] else ()
        content = b"content" if cut >= ends[2] else b""
        assert decode_response(message[:cut]) == Response(200, fields, content)


@pytest.mark.parametrize("form", [known(200), unknown(200), integer(1) + integer(200), integer(3) + integer(200)])
def test_empty_parts_may_be_left_out(form):
    """A response whose parts are all empty may end after its status (section 3.8)."""
    assert decode_response(form) == Response(200, (), b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST,
        bytes([2]) + unknown(200)[1:],
        bytes([4]) + known(200)[1:],
        integer(1),
        integer(1) + integer(0),
        integer(1) + integer(99),
        integer(1) + integer(600),
        integer(1) + integer(2**62 - 1),
        integer(1) + integer(102),
        integer(1) + integer(102) + prefixed(b""),
        known(200) + b"\0\0\1",
        known(200, [("Date", "x")]),
        known(200, [("da te", "x")]),
        known(200, [("", "x")]),
        known(200, [(":status", "200")]),
        known(200, [("date", " x")]),
        known(200, [("date", "x\t")]),
        known(200, [("date", "x\r\nset-cookie: y")]),
        known(200, [("date", "x\0")]),
        known(200, trailers=[("Date", "x")]),
        integer(1) + integer(200) + prefixed(b"\x04date"),
        integer(1) + integer(200) + prefixed(b"") + integer(5) + b"four",
        integer(1) + integer(200) + integer(2**62 - 1),
        integer(1) + integer(200) + integer(2**30 - 1, 8) + b"x" * 100,
        integer(3) + integer(200) + prefixed(b"date"),
        integer(3) + integer(200) + b"\0" + prefixed(b"x"),
        b"\x01\x40",
    ],
)
def test_no_response(data):
    """What is no response is refused: never read as one with something missing."""
    with pytest.raises(InvalidBinaryHttpError):
        decode_response(data)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: integer(1) + integer(200) + rest))
def test_any_bytes(data):
    """Any bytes are a response or an InvalidBinaryHttpError."""
    try:
        response = decode_response(data)
    except InvalidBinaryHttpError:
        return
    assert 200 <= response.status < 600


def test_longer_integers():
    """An integer may be written longer than it has to be (RFC 9000, section 16)."""
    assert decode_response(integer(1, 8) + integer(204, 4) + integer(0, 2)) == Response(204, (), b"")
