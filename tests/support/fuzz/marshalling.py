"""D-Bus types and values drawn by chance, and their bytes in both byte orders. It shares no code with what it tests.

A value of type `v` is (signature, value), a dictionary a list of pairs, in which a key may come twice.
"""

import struct

ALIGNMENTS = {
    "y": 1,
    "b": 4,
    "n": 2,
    "q": 2,
    "i": 4,
    "u": 4,
    "x": 8,
    "t": 8,
    "d": 8,
    "h": 4,
    "s": 4,
    "o": 4,
    "g": 1,
    "v": 1,
    "a": 4,
    "(": 8,
    "{": 8,
}
FORMATS = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
RANGES = {
    "y": (0, 2**8),
    "n": (-(2**15), 2**15),
    "q": (0, 2**16),
    "i": (-(2**31), 2**31),
    "u": (0, 2**32),
    "x": (-(2**63), 2**63),
    "t": (0, 2**64),
}
BASIC = "ybnqiuxtdsog"
DEEPEST, LONGEST_SIGNATURE = 6, 60
_HOSTILE_DOUBLES = (0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1.7976931348623157e308, 1e18, 2.0**53 + 1, -1.0, 0.1)


def complete_types(signature):
    """The complete types of a signature, in order."""
    found, at = [], 0
    while at < len(signature):
        end = _end_of_type(signature, at)
        found.append(signature[at:end])
        at = end
    return found


def marshal(signature, values, order="<"):
    """The body of a message with these values."""
    data = bytearray()
    for kind, value in zip(complete_types(signature), values, strict=True):
        _write(data, kind, value, order)
    return bytes(data)


def draw_type(chance, depth=0):
    """A complete type."""
    if depth >= DEEPEST or chance.random() < 0.6:
        return chance.choice(BASIC)
    kind = chance.choice("av({")
    if kind == "v":
        return "v"
    inner = draw_type(chance, depth + 1)
    if len(inner) > LONGEST_SIGNATURE:
        return inner
    if kind == "(":
        return f"({inner}{draw_type(chance, depth + 1)})"
    return f"a{{{chance.choice(BASIC)}{inner}}}" if kind == "{" else f"a{inner}"


def draw_signature(chance):
    """A signature of a few types, which is valid."""
    return "".join(draw_type(chance, depth=3) for _ in range(chance.randrange(5)))


class Values:
    """Values of any type, most of which are at some edge; `text` gives the strings, so that a test knows them again."""

    def __init__(self, chance, text):
        self._chance, self._text = chance, text

    def draw(self, kind, depth=0):
        """A value of a complete type."""
        code, chance = kind[0], self._chance
        if code in RANGES:
            return self.integer(*RANGES[code])
        if code == "a":
            return self._items(kind, depth)
        if code in "({":
            return [self.draw(each, depth + 1) for each in complete_types(kind[1:-1])]
        if code == "v":
            inner = draw_type(chance, depth=min(depth + 2, DEEPEST))
            return inner, self.draw(inner, depth + 1)
        plain = {"b": lambda: chance.randrange(2), "d": self._double, "o": self._path, "g": lambda: draw_signature(chance), "h": lambda: 0}
        return plain.get(code, self._text)()

    def integer(self, low, high):
        """An integer of [low, high), often at an edge."""
        edges = (low, high - 1, 0, 1, 2, 3, 4, 255, 2**31 - 1)
        return min(max(self._chance.choice((*edges, self._chance.randrange(low, high))), low), high - 1)

    def _items(self, kind, depth):
        most = 1 if depth > DEEPEST else 4
        return [self.draw(kind[1:], depth + 1) for _ in range(self._chance.randrange(most + 1))]

    def _double(self):
        return self._chance.choice((*_HOSTILE_DOUBLES, self._chance.uniform(-1e6, 1e6)))

    def _path(self):
        return self._chance.choice(("/", "/org/telemetryd/Telemetry1", "/a/b_c/D9", "/x" * 100))


def _end_of_type(signature, at):
    if signature[at] == "a":
        return _end_of_type(signature, at + 1)
    if signature[at] not in "({":
        return at + 1
    depth = 0
    for end in range(at, len(signature)):
        depth += (signature[end] in "({") - (signature[end] in ")}")
        if not depth:
            return end + 1
    raise ValueError("expected a bracket that closes")


def _write(data, kind, value, order):
    code = kind[0]
    data += bytes(-len(data) % ALIGNMENTS[code])
    if code in FORMATS:
        data += struct.pack(order + FORMATS[code], value)
    elif code in "so":
        text = value.encode()
        data += struct.pack(order + "I", len(text)) + text + b"\0"
    elif code == "g":
        data += bytes([len(value)]) + value.encode() + b"\0"
    elif code == "v":
        _write(data, "g", value[0], order)
        _write(data, value[0], value[1], order)
    elif code == "a":
        _write_items(data, kind[1:], value, order)
    else:
        for each, part in zip(complete_types(kind[1:-1]), value, strict=True):
            _write(data, each, part, order)


def _write_items(data, kind, items, order):
    at = len(data)
    data += bytes(4)
    data += bytes(-len(data) % ALIGNMENTS[kind[0]])
    begins = len(data)
    if kind == "y" and isinstance(items, bytes):
        data += items
    elif kind in FORMATS:
        data += struct.pack(f"{order}{len(items)}{FORMATS[kind]}", *items)
    else:
        for item in items:
            _write(data, kind, item, order)
    struct.pack_into(order + "I", data, at, len(data) - begins)
