"""NamedTuple as `typing` has it, but made at a third of the cost. The daemon makes over a hundred at its start.

`typing` compiles the text of each field's annotation, and `collections.namedtuple` compiles a function for each class. Here annotations
stay texts. Classes with the same number of fields share what one class of `namedtuple` has: only the names in its code are replaced.

Type checkers see the real one. The class is the same either way: a tuple with the members of `namedtuple`, and what stands in the body.
"""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - it is for others
else:

    class _Maker(type):
        """Makes the classes whose only base is NamedTuple."""

        def __new__(cls, name: str, _: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = tuple(body["__annotations__"])
            defaults = {field: body.pop(field) for field in fields if field in body}
            pattern, getters = _pattern(len(fields))
            made = pattern | dict(zip(fields, getters, strict=True)) | {"__doc__": f"{name}({', '.join(fields)})"} | body
            made |= {"_fields": fields, "__match_args__": fields, "_field_defaults": defaults}
            made["__new__"] = _constructor(pattern["__new__"].__func__, body["__qualname__"], fields, tuple(defaults.values()))
            return type(name, (tuple,), made)

    @cache
    def _pattern(count: int) -> tuple[dict[str, Any], list[Any]]:
        """The members of a named tuple with so many fields, and what reads each field."""
        names = [f"field_{place}" for place in range(count)]
        pattern = namedtuple("Pattern", names)  # noqa: PYI024 - it is what typing makes
        members = dict(vars(pattern))  # the class has a name here, because the garbage collector empties what nobody holds
        getters = [members.pop(name) for name in names]
        own = {"__repr__": _repr, "_replace": _replace}
        return members | own | ({"__replace__": _replace} if "__replace__" in members else {}), getters

    def _constructor(pattern: Any, qualified: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> Any:
        """The pattern's `__new__` with the names and defaults of these fields."""
        code = pattern.__code__.replace(co_varnames=("_cls", *fields), co_qualname=f"{qualified}.__new__")
        return FunctionType(code, pattern.__globals__, "__new__", defaults)

    def _repr(self: Any) -> str:
        return f"{type(self).__name__}({', '.join(f'{field}={value!r}' for field, value in zip(self._fields, self, strict=True))})"

    def _replace(self: Any, /, **changes: Any) -> Any:
        """A new tuple with these fields changed."""
        replaced = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"Got unexpected field names: {list(changes)!r}")
        return replaced

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {"__doc__": __doc__})
