"""What is wrong with this installation: a stable word for each cause, and the sentence about it, in the language of the caller's words.

A problem without a cause is a mistake in a text that somebody wrote. Its text is the reader's, in English: it names keys. Policy: T1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.settings import Problem
from telemetryd.core.translation import ENGLISH, mark

if TYPE_CHECKING:
    from telemetryd.core.translation import Words


class ProblemCause(StrEnum):
    """The causes of problems, as on Control1."""

    DEVELOPER_IN_SYSTEM = "developer_in_system"
    USERS_LIMITS = "users_limits"
    USERS_REVIEW = "users_review"
    USERS_ENDPOINT = "users_endpoint"
    USERS_PROXY = "users_proxy"
    CAP = "cap"
    HOST_LETTERS = "host_letters"
    FORMAT = "format"
    PLAIN_HTTP = "plain_http"
    HALF_RELAY = "half_relay"
    RELAY_HOST = "relay_host"
    PROXY_IN_DEVELOPER = "proxy_in_developer"
    CA_FILE = "ca_file"
    OHTTP_KEYS = "ohttp_keys"
    NO_EXTRA = "no_extra"
    REPORTS_WAIT = "reports_wait"
    OVERRIDE = "override"
    NOT_CHECKED = "not_checked"
    NO_STORAGE = "no_storage"
    QUARANTINED = "quarantined"
    NOT_WRITTEN = "not_written"
    LEDGER_LOST = "ledger_lost"
    ERASURE_PENDING = "erasure_pending"
    MORE = "more"
    """No problem: the list was cut here."""


SENTENCES = {
    ProblemCause.DEVELOPER_IN_SYSTEM: mark("developer: belongs in a user's own file; it has no effect here"),
    ProblemCause.USERS_LIMITS: mark("[limits]: belongs in system files; it restricts here too"),
    ProblemCause.USERS_REVIEW: mark("[[review]]: belongs in system files; it has no effect here"),
    ProblemCause.USERS_ENDPOINT: mark(
        "[endpoint.{vendor}] belongs in system files; a user's file may name loopback endpoints in developer mode"
    ),
    ProblemCause.USERS_PROXY: mark("[endpoint.{vendor}] proxy: belongs in system files; the endpoint is not used"),
    ProblemCause.CAP: mark("{key}: expected at most {cap}, which stays the cap"),
    ProblemCause.HOST_LETTERS: mark("[endpoint.{vendor}] {keys}: expected the host's name in punycode (xn--…); the endpoint is not used"),
    ProblemCause.FORMAT: mark('[endpoint.{vendor}] format: expected "{format}", the only one that is supported; the endpoint is not used'),
    ProblemCause.PLAIN_HTTP: mark(
        "[endpoint.{vendor}] url: expected https; http is for loopback in developer mode; the endpoint is not used"
    ),
    ProblemCause.HALF_RELAY: mark("[endpoint.{vendor}] ohttp_relay, ohttp_keys: expected both or neither; the endpoint is not used"),
    ProblemCause.RELAY_HOST: mark(
        "[endpoint.{vendor}] ohttp_relay: expected a host other than the url's: that host would see address and answer; "
        "the endpoint is not used"
    ),
    ProblemCause.PROXY_IN_DEVELOPER: mark(
        "[endpoint.{vendor}] proxy: expected none, because reports of developer mode stay on this machine; the endpoint is not used"
    ),
    ProblemCause.CA_FILE: mark("[endpoint.{vendor}] ca_file: {why}; the endpoint is not used before that"),
    ProblemCause.OHTTP_KEYS: mark("[endpoint.{vendor}] ohttp_keys: {why}; the endpoint is not used before that"),
    ProblemCause.NO_EXTRA: mark(
        "[endpoint.{vendor}] ohttp_relay: expected the extra for relays (telemetryd[ohttp]) to be installed; "
        "the endpoint is not used before that"
    ),
    ProblemCause.REPORTS_WAIT: mark("[endpoint.{vendor}] reports wait: {why}"),
    ProblemCause.OVERRIDE: mark("the environment's {name} is in force"),
    ProblemCause.NOT_CHECKED: mark("they could not be checked, so everything is off to be safe; the journal says where"),
    ProblemCause.NO_STORAGE: mark("off, because nothing can be kept: {why}"),
    ProblemCause.QUARANTINED: mark(
        "your choices in this file could not be read, so everything was switched off and all of the privacy budget counts as used"
    ),
    ProblemCause.NOT_WRITTEN: mark(
        "what you switched off or refused is off, but not on disk yet; telemetryd tries again, and the choice is lost if it exits first"
    ),
    ProblemCause.LEDGER_LOST: mark("the privacy ledger was lost, so every budget counts as spent: no question will be answered any more"),
    ProblemCause.ERASURE_PENDING: mark(
        "erasure pending: the erased data is not used any more, but stays on the disk while another process reads the file"
    ),
    ProblemCause.MORE: mark("and {number} more"),
}
"""Cause → its sentence in English. A `why` in it is a message too, unless the system or a library said it."""
_MISTAKE = mark("there is a mistake in this file")


def problem_of(file: str, cause: ProblemCause, **args: str) -> Problem:
    """The problem with its sentence in English."""
    return Problem(file, SENTENCES[cause].format(**args), str(cause), tuple(args.items()))


def told(problem: Problem, words: Words = ENGLISH) -> str:
    """The sentence about a problem; the service's own text, in English, for a cause of a newer service."""
    if problem.cause not in SENTENCES:
        return problem.text if problem.cause else mistake(problem.text, words)
    values = {name: words.gettext(value) if name == "why" and value else value for name, value in problem.args}
    return words.gettext(SENTENCES[ProblemCause(problem.cause)]).format(**values)


def mistake(text: str, words: Words) -> str:
    """A mistake in a text that somebody wrote. Except in English, a sentence of ours comes first, and then the reader's own text."""
    if words is ENGLISH:
        return text
    return words.gettext("{sentence} ({detail})").format(sentence=words.gettext(_MISTAKE), detail=text)
