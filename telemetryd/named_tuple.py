"""NamedTuple as `typing` has it, but its fields' annotations stay texts. typing compiles each text: a tenth of the daemon's start.

Type checkers see the real one. The class is the same either way: one of `collections.namedtuple`, with what stands in the body.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - it is for others
else:

    class _Maker(type):
        """Makes the classes whose only base is NamedTuple."""

        def __new__(cls, name: str, _: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body["__annotations__"]
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))  # noqa: PYI024 - it is what typing makes
            for key, value in body.items():
                setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {"__doc__": __doc__})
