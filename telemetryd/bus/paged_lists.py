"""Lists in pages: Questions and HistoryPage of Control1. A query is checked, and a page is as long as fits into a reply. Policy: T1, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from telemetryd.bus.reply_size import page
from telemetryd.bus.transport.library import Variant
from telemetryd.engine.ports import ReportSelection
from telemetryd.engine.views.queries import QuestionQuery
from telemetryd.engine.views.question_rows import Wanted
from telemetryd.errors import InvalidArgumentsError
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from telemetryd.bus.identity import Caller
    from telemetryd.bus.members import Handler, Result
    from telemetryd.bus.transport.library import Message
    from telemetryd.engine.views.queries import Queries
    from telemetryd.engine.views.query_rows import Shown
    from telemetryd.system.languages import Language

T = TypeVar("T")

LIMIT = 200
"""Most rows of a page."""
LANGUAGES_MAX = 4
"""Most languages of a page: a user reads one or two, and each costs a third of a millisecond a question."""
_LOCALE_MAX = 40
"""Longest name of a language."""
_LARGEST = (1 << 63) - 1
"""The largest number of the store. The bus type `t` has larger ones."""
_INTEGERS = "ynqiuxt"

_QUESTIONS = {"application": "s", "states": "as", "keys": "as", "languages": "as", "after": "s", "limit": "u"}
_HISTORY = {"application": "s", "question": "s", "outcomes": "as", "since": "t", "keys": "as"}
"""Keys of a query → their types."""
_SENTENCES = {"sources": "aa{sv}", "bins": "a(ss)", "figures": "as", "changes": "as"}
"""Key → type in `sentences`. All others are strings."""


class ViewMaker(Protocol):
    """Makes a list in pieces."""

    def __call__(self, make: Callable[[Queries], Iterator[T | None]]) -> Awaitable[list[T]]:
        """All rows that `make` gives."""


class Pages:
    """The handlers of the members that answer in pages."""

    def __init__(
        self, view: ViewMaker, dictionary: Callable[[Shown], dict[str, Variant]], report: Callable[[Shown], dict[str, Variant]]
    ) -> None:
        self._view, self._dictionary, self._report = view, dictionary, report

    def methods(self) -> dict[str, Handler]:
        """The handlers by member."""
        return {"Questions": self._questions, "HistoryPage": self._history_page}

    async def _questions(self, _caller: Caller, call: Message) -> Result:
        query = _values(call.body[0], _QUESTIONS)
        limit, selected = _limit(query.get("limit", LIMIT)), _question_query(query)
        rows, is_cut = await self._page(lambda views: map(self._question, views.selected_questions(selected)), limit)
        last = rows[-1] if is_cut and rows else None
        return [rows, f"{last['application'].value}/{last['id'].value}" if last else ""]

    async def _history_page(self, _caller: Caller, call: Message) -> Result:
        before, limit, body = call.body
        query = _values(body, _HISTORY)
        selection, wanted = _report_selection(before, _limit(limit), query), Wanted(_keys(query))
        rows, is_cut = await self._page(
            lambda views: (self._report(wanted.only(row)) for row in views.selected_history(selection)), selection.limit
        )
        return [rows, rows[-1]["id"].value if is_cut and rows else 0]

    async def _page(self, make: Callable[[Queries], Iterator[T | None]], limit: int) -> tuple[list[T], bool]:
        """The rows of a page, and whether there may be others behind them."""
        cuts: list[bool] = []

        def rows(views: Queries) -> Iterator[T | None]:
            cuts.clear()
            return page(make(views), limit, lambda: cuts.append(True))

        return await self._view(rows), bool(cuts)

    def _question(self, row: Shown | None) -> dict[str, Variant] | None:
        if row is None:
            return None
        sentences = row.pop("sentences", None)
        shown = self._dictionary(row)
        if sentences is not None:
            shown["sentences"] = Variant("a{sa{sv}}", {name: _sentences(texts) for name, texts in sentences.items()})
        return shown


def _sentences(texts: Mapping[str, Any]) -> dict[str, Variant]:
    """The sentences of one language."""
    plain = {key: value for key, value in texts.items() if key != "sources"}
    shown = {key: Variant(_SENTENCES.get(key, "s"), value) for key, value in plain.items()}
    if "sources" in texts:
        shown["sources"] = Variant("aa{sv}", [_sentences(source) for source in texts["sources"]])
    return shown


def _question_query(query: Mapping[str, Any]) -> QuestionQuery:
    application, _, question = query.get("after", "").partition("/")
    wanted = Wanted(_keys(query), _languages(query.get("languages", ())))
    return QuestionQuery(query.get("application", ""), frozenset(query.get("states", ())), (application, question), wanted)


def _report_selection(before: int, limit: int, query: Mapping[str, Any]) -> ReportSelection:
    """The reports of a page. A number that is too large for the store means its largest."""
    application, question = query.get("application", ""), query.get("question", "")
    if question and not application:
        raise InvalidArgumentsError("expected the application of the question too")
    since, outcomes = min(query.get("since", 0), _LARGEST), tuple(query.get("outcomes", ()))
    return ReportSelection(min(before or _LARGEST, _LARGEST), limit, application, question, since, outcomes)


def _keys(query: Mapping[str, Any]) -> frozenset[str] | None:
    return frozenset(query["keys"]) if "keys" in query else None


def _limit(limit: int) -> int:
    if limit > LIMIT:
        raise InvalidArgumentsError(f"expected a limit of at most {LIMIT}")
    return limit or LIMIT


def _languages(names: Sequence[str]) -> dict[str, Language]:
    """The languages, if they are few and each may be one. They name files, so nothing else is looked for."""
    if not names:
        return {}
    if len(names) > LANGUAGES_MAX:
        raise InvalidArgumentsError(f"expected at most {LANGUAGES_MAX} languages")
    from telemetryd.system import languages  # noqa: PLC0415 - only a client without our code asks for sentences

    if any(len(name) > _LOCALE_MAX or not languages.is_locale(name) for name in names):
        raise InvalidArgumentsError("expected languages such as 'de' or 'de_AT.UTF-8'")
    found = {name: languages.of((name,)) for name in names}
    own_package.refuse_if_changed()  # the catalogues that were just read are ours
    return found


def _values(query: Mapping[str, Variant], types: Mapping[str, str]) -> dict[str, Any]:
    """The plain values of a query. Integers may have any integer type, because callers' languages differ."""
    values: dict[str, Any] = {}
    for key, variant in query.items():
        if key not in types:
            raise InvalidArgumentsError("the keys of the query are " + ", ".join(types))
        is_number = types[key] in "ut" and variant.signature in _INTEGERS and variant.value >= 0
        if not is_number and variant.signature != types[key]:
            raise InvalidArgumentsError(f"expected a value of the type '{types[key]}' for {key}")
        values[key] = variant.value
    return values
