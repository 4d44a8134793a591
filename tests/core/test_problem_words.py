"""What is wrong with an installation: every cause has its sentence, and clients can say it in another language."""

import string

import pytest

from telemetryd.core.problem_words import SENTENCES, ProblemCause, mistake, problem_of, told
from telemetryd.core.settings import Problem
from telemetryd.core.translation import ENGLISH

KEYS = {"vendor", "why", "key", "cap", "keys", "format", "name", "number"}


class Shouted:
    """A language in which every word of a message is in capitals."""

    def gettext(self, message):
        """The message in capitals, its places as they are."""
        parts = string.Formatter().parse(message)
        return "".join(text.upper() + (f"{{{name}}}" if name else "") for text, name, *_ in parts)

    def ngettext(self, singular, plural, count):
        """The plural in capitals."""
        return self.gettext(singular if count == 1 else plural)

    def pgettext(self, _context, message):
        """The message in capitals."""
        return self.gettext(message)


def names(sentence):
    """The places of a sentence."""
    return {name for _, name, *_ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("cause", ProblemCause)
def test_every_cause_has_a_sentence(cause):
    """Each cause has one sentence, whose arguments are documented; a problem holds it in English, and is told in another language."""
    wanted = names(SENTENCES[cause])
    assert wanted <= KEYS
    problem = problem_of("/a.toml", cause, **dict.fromkeys(wanted, "x1"))
    assert problem.text == told(problem, ENGLISH) == SENTENCES[cause].format(**dict.fromkeys(wanted, "x1"))
    assert told(problem, Shouted()) == Shouted().gettext(SENTENCES[cause]).format(
        **{name: "X1" if name == "why" else "x1" for name in wanted}
    )
    assert problem.vendor == ("x1" if "vendor" in wanted else "")


def test_a_cause_of_a_newer_service():
    """A cause that is not known is told as the service told it."""
    assert told(Problem("/a.toml", "the text", "new_cause"), Shouted()) == "the text"


def test_a_mistake_in_a_text():
    """Without a cause a problem is a mistake in a text: in English the reader's own text, otherwise behind a sentence."""
    problem = Problem("/a.toml", "enabled: expected true or false")
    assert told(problem) == problem.text
    assert told(problem, Shouted()) == mistake(problem.text, Shouted()) == f"THERE IS A MISTAKE IN THIS FILE ({problem.text})"


def test_a_reason_of_the_system_stays():
    """An empty reason stays empty: gettext has its header under the empty message."""
    assert told(problem_of("", ProblemCause.NO_STORAGE, why=""), Shouted()) == "OFF, BECAUSE NOTHING CAN BE KEPT: "
