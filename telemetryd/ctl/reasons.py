"""Why a question stands where it stands, which the service says in English, in the person's language. Policy: T1.

What is not known here (a newer service, what a person wrote) is shown as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.core.translation import ENGLISH, mark

if TYPE_CHECKING:
    from telemetryd.core.translation import Words

_REASONS = (
    mark("paused: {why}"),
    mark("DO_NOT_TRACK is set in the environment"),
    mark("{file} cannot be read, which counts as off"),
    mark("{file} switches KUserFeedback off"),
    mark("{file} says enabled = false"),
    mark("the administrator limits {axis} in {file}"),
    mark("{axis} is below {level} for {application}"),
    mark("{axis} is below {level}"),
    mark("you refused this question"),
    mark("the definition changed since you accepted it"),
    mark("new questions are refused"),
    mark("you have not accepted this question"),
    mark("the manifest of {application} is gone"),
    mark("the manifest of {application} is unreadable"),
    mark("{application} no longer asks this question"),
    mark("{application} has not registered for 90 days"),
    mark("{application} has to register again: too many others did"),
    mark("the question has been answered ({where}): {text}"),
    mark("the question has been answered ({where})"),
    mark("the question is suspended ({where}): {text}"),
    mark("the question is suspended ({where})"),
    mark("a file of reviews cannot be read"),
    mark("no review of this definition is installed"),
    mark("no review of this definition can be read"),
    mark("reports would go another way than the one consented to"),
    mark("the server says that the question is answered"),
    mark("the server says that the question is suspended"),
    mark("no whole period is left before it ends"),
    mark("you were not drawn: only a part of the users is asked"),
    mark("the period that was drawn for you had begun when you accepted"),
    mark("it was shut when its period began ({why})"),
    mark("no budget: the budget of {whose} for {year} is spent"),
    mark("no budget: the budget of {whose} is spent"),
    mark("no budget"),
    mark("no endpoint"),
    mark("sent"),
    mark("erased"),
    mark("forgotten"),
    mark("lost"),
    mark("damaged"),
    mark("kill switch"),
    mark("DO_NOT_TRACK is set"),
    mark("configuration unreadable"),
    mark("lock"),
    mark("level"),
    mark("application level"),
    mark("definition changed"),
    mark("not accepted"),
    mark("manifest gone"),
    mark("manifest unreadable"),
    mark("no longer asked"),
    mark("no longer registered"),
    mark("registration made room"),
    mark("reviews unreadable"),
    mark("review unreadable"),
    mark("not reviewed"),
    mark("developer mode"),
    mark("endpoint changed"),
    mark("refused"),
    mark("stopped"),
    mark("suspended"),
)
"""Every reason that the service gives; of two that fit a text, the first counts."""
_PART = re.compile(r"\\{(\w+)\\}")
"""A part of a message that is named, after `re.escape`."""
_WORDS = {"System": mark("System"), "Usage": mark("Usage"), "basic": mark("basic"), "detailed": mark("detailed")}


def reason(text: str, words: Words) -> str:
    """The reason in the language of `words`; as it is if it is none of this version's."""
    if words is ENGLISH:
        return text
    for message in _REASONS:
        found = re.fullmatch(_PART.sub(r"(?P<\1>.+?)", re.escape(message)), text, re.DOTALL)
        if found:
            return words.gettext(message).format(**{name: _told(name, part, words) for name, part in found.groupdict().items()})
    return text


def _told(name: str, part: str, words: Words) -> str:
    """A part of a reason: a reason again, one of the daemon's words, or a name."""
    if name == "why":
        return reason(part, words)
    return words.gettext(_WORDS.get(part, part)) if name in {"axis", "level"} else part
