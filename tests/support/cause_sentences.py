"""Every sentence that the tables of causes and states can give."""

from telemetryd.core.causes import TABLE, WORDS
from telemetryd.core.explanation import ENDS, EXACT, FRAMES, PLAIN, Situation, explain


def values(found):
    """Arguments for an entry, each with a value that is easily found."""
    args = {name: next(iter(WORDS[name]), "") if name in WORDS else f"<{name}>" for name in found.arguments}
    return args | dict([found.choice] if found.choice else [])


def sentences():
    """Every sentence that the tables can give: (situation, text)."""
    situations = [Situation(plain.state, "", {name: f"<{name}>" for name in plain.arguments}) for plain in PLAIN]
    for found in TABLE:
        outcomes = [("answered", ""), ("suspended", "")] if found.whole else []
        ends = list(ENDS) if found.then else []
        states = list(FRAMES) if found.now else []
        exact = [state for state, cause in EXACT if cause == found.cause]
        situations += [Situation(state, found.cause, values(found)) for state in dict.fromkeys([*states, *exact])]
        situations += [Situation(state, found.cause, values(found), outcome) for state, outcome in [*ends, *outcomes]]
    return [(situation, explain(situation)) for situation in situations]
