import tomllib
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.definition import (
    Category,
    Combine,
    Detail,
    ManifestKind,
    PeriodKind,
    Source,
    SourceType,
    digest_of,
    digest_of_all,
)
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.core.system_facts import SOURCES
from telemetryd.errors import InvalidManifestError
from telemetryd.toml.manifest import parse

APPLICATION = """schema = 1
[application]
id = "org.kde.kate"
name = "Kate"
summary = "Text editor"
vendor = "kde"
contact = "https://kde.org/privacypolicy-apps"
"""
STARTUP = """
[[source]]
id = "startup"
type = "number"
description = "Time from process start to the first window"
unit = "ms"
combine = "median"
bins = [500, 2000]
"""
PLATFORM = """
[[source]]
id = "platform"
type = "choice"
description = "Window system that the application runs on"
values = ["x11", "wayland"]
"""
SAVES = """
[[source]]
id = "saves"
type = "count"
description = "Files saved"
bins = [1, 10.0]
"""
CRASHED = """
[[source]]
id = "crashed"
type = "flag"
description = "Whether it crashed"
combine = "any"
"""
QUESTION = """
[[question]]
id = "startup-by-memory"
purpose = "Is start-up too slow on machines with little memory?"
decision = "Whether the session restore is loaded lazily"
category = "usage"
detail = "basic"
sources = ["startup", "org.telemetryd.system/memory"]
coarser = { "org.telemetryd.system/memory" = [16, 4.0] }
period = "week"
starts = 2026-11-02
ends = 2027-06-27
"""
KATE = APPLICATION + STARTUP + QUESTION
SECOND = QUESTION.replace("startup-by-memory", "second")
SHARED = KATE.replace("summary", 'kind = "shared"\nsummary')
START = '[[question]] "startup-by-memory": '
PLACE = '[[source]] "startup": '
APP = "[application]: "


def asking(source, name):
    """A manifest with another source instead, and a question about it only."""
    lone = QUESTION.replace('["startup", "org.telemetryd.system/memory"]', f'["{name}"]')
    return APPLICATION + source + "\n".join(line for line in lone.splitlines() if not line.startswith("coarser"))


def refusal(text):
    """The error's text for a manifest."""
    with pytest.raises(InvalidManifestError) as caught:
        parse(text)
    return str(caught.value)


def test_whole_manifest():
    """The example gives exactly this declaration, with defaults, `coarser` and digests."""
    declaration = parse(KATE)
    application = declaration.application
    assert application == (
        "org.kde.kate",
        "Kate",
        "Text editor",
        "kde",
        "https://kde.org/privacypolicy-apps",
        ManifestKind.APPLICATION,
        (),
        "",
    )
    startup = Source("startup", SourceType.NUMBER, "Time from process start to the first window", Combine.MEDIAN, "ms", (500, 2000))
    assert declaration.sources == (startup,)
    (definition,) = declaration.definitions
    assert definition.application == application
    assert definition.fields == (startup, SOURCES["memory"]._replace(edges=(4, 16)))
    assert definition.question._asdict() == {
        "id": "startup-by-memory",
        "purpose": "Is start-up too slow on machines with little memory?",
        "decision": "Whether the session restore is loaded lazily",
        "category": Category.USAGE,
        "detail": Detail.BASIC,
        "sources": ("startup", "org.telemetryd.system/memory"),
        "coarser": (("org.telemetryd.system/memory", (4, 16)),),
        "period": PeriodKind.WEEK,
        "starts": date(2026, 11, 2),
        "ends": date(2027, 6, 27),
        "share": 1.0,
        "epsilon": 2.0,
        "expected_users": 0,
        "expected": (),
    }
    assert definition.digest == digest_of(application, definition.question, definition.fields)
    assert definition.cells == 10
    assert declaration.digest == digest_of_all(declaration.definitions)
    assert declaration.texts == {}


def test_everything_said():
    """Every default can be replaced."""
    keys = "share = 0.25\nepsilon = 3\nexpected_users = 20000\n"
    question = parse(KATE.replace('"basic"', '"detailed"').replace('"week"', '"day"') + keys).definitions[0].question
    assert (question.share, question.epsilon, question.expected_users) == (0.25, 3.0, 20000)
    assert (question.detail, question.period) == (Detail.DETAILED, PeriodKind.DAY)


def test_expected_shares():
    """Expected shares are in the order of the sources and labels, 0 for omitted labels, and not part of a digest."""
    keys = """expected = { "org.telemetryd.system/memory" = { ">=16" = 1 }, startup = { "500..2000" = 0.3, "<500" = 0.70 } }\n"""
    declaration = parse(KATE + keys)
    expected = (("startup", (0.7, 0.3, 0.0)), ("org.telemetryd.system/memory", (0.0, 0.0, 1.0)))
    assert declaration.definitions[0].question.expected == expected
    assert declaration.digest == parse(KATE).digest
    assert declaration.definitions[0].digest == parse(KATE).definitions[0].digest
    alone = parse(KATE + "expected = { startup = { '<500' = 1.0 } }").definitions[0].question.expected
    assert alone == (("startup", (1.0, 0.0, 0.0)),)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            PLATFORM,
            Source("platform", SourceType.CHOICE, "Window system that the application runs on", Combine.LAST, values=("wayland", "x11")),
        ),
        (PLATFORM + 'combine = "mode"', Combine.MODE),
        (SAVES, Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(1, 10))),
        (SAVES + 'unit = "files"\ncombine = "sum"', "files"),
        (CRASHED, Source("crashed", SourceType.FLAG, "Whether it crashed", Combine.ANY)),
        (CRASHED.replace('"any"', '"all"'), Combine.ALL),
        (CRASHED.replace('combine = "any"', ""), Combine.LAST),
        (STARTUP.replace('combine = "median"', ""), Combine.LAST),
        (STARTUP.replace('"median"', '"min"'), Combine.MIN),
        (STARTUP.replace('"median"', '"max"'), Combine.MAX),
        (STARTUP.replace('unit = "ms"', "").replace("[500, 2000]", "[-1.5]"), ""),
    ],
)
def test_sources(source, expected):
    """Each type has its own keys, combinations and default; values are sorted as in the digest."""
    name = tomllib.loads(source)["source"][0]["id"]
    (parsed,) = parse(asking(source, name)).sources
    assert expected in {parsed, parsed.combine, parsed.unit}
    assert type(parsed.edges[-1]) is int if parsed.type is SourceType.COUNT else True


def test_equal_digests_are_equal_bins():
    """The order of values changes neither the digest nor the numbers of the bins."""
    declaration, reordered = (
        parse(asking(PLATFORM, "platform")),
        parse(asking(PLATFORM.replace('"x11", "wayland"', '"wayland", "x11"'), "platform")),
    )
    assert declaration.definitions == reordered.definitions


def test_texts_in_other_languages():
    """Translations are stored by language and key, and are not part of a digest."""
    text = KATE.replace('name = "Kate"', 'name = "Kate"\n"name[de]" = "Käte"\n"summary[pt_BR]" = "Editor"')
    text = text.replace('unit = "ms"', 'unit = "ms"\n"description[sr@latin]" = "Vreme"\n"description[es_419]" = "Tiempo"')
    text += '"purpose[de]" = "Zu langsam?"\n"decision[de]" = "Ob\u00a0nachgeladen wird"\n"decision[fa]" = "\u0645\u06cc\u200c\u062e"\n'
    declaration = parse(text)
    assert declaration.texts == {
        "de": {
            "name": "Käte",
            "question/startup-by-memory/purpose": "Zu langsam?",
            "question/startup-by-memory/decision": "Ob\u00a0nachgeladen wird",
        },
        "pt_BR": {"summary": "Editor"},
        "sr@latin": {"source/startup/description": "Vreme"},
        "es_419": {"source/startup/description": "Tiempo"},
        "fa": {"question/startup-by-memory/decision": "\u0645\u06cc\u200c\u062e"},
    }
    assert declaration[:4] == parse(KATE)[:4]


def test_texts_are_normalised():
    """A text is stored in NFC, the form in digests."""
    assert parse(KATE.replace('"Kate"', '"Ka\u0308te"')) == parse(KATE.replace('"Kate"', '"K\u00e4te"'))


def test_shared_manifest():
    """A shared manifest may count the applications that push; the caller decides whether it may be shared."""
    text = SHARED.replace(STARTUP, SAVES + 'combine = "applications"\n').replace('"startup"', '"saves"')
    declaration = parse(text)
    assert declaration.application.kind is ManifestKind.SHARED
    assert declaration.sources[0].combine is Combine.APPLICATIONS


@pytest.mark.parametrize("name", ["a.b.c", "org.kde.kate", "org.telemetrye.app", "z.z.z"])
def test_what_nobody_uses(name):
    """An application with an id before or behind ours is told which of both it may not use: system facts, or its own sources."""
    begin = APPLICATION.replace("org.kde.kate", name)
    refusals = [refusal(f'{begin}uses = ["{owner}/crash"]') for owner in (name, "org.telemetryd.system")]
    expected = f"{APP}uses: expected shared sources of other manifests, not "
    assert refusals == [expected + "its own sources", expected + "system facts, which telemetryd measures itself"]


def test_only_uses():
    """An application without questions may declare the shared sources that it pushes into."""
    declaration = parse(APPLICATION + 'uses = ["org.kde.frameworks/crash", "org.kde.frameworks/hang"]')
    assert declaration.application.uses == ("org.kde.frameworks/crash", "org.kde.frameworks/hang")
    assert declaration.definitions == declaration.sources == ()
    assert declaration.digest == digest_of_all(())


def test_snap_is_said_and_not_part_of_the_digest():
    """The declaration names the snap that may act for an application; no digest depends on it."""
    declaration = parse(KATE.replace('vendor = "kde"', 'vendor = "kde"\nsnap = "kate"'))
    assert declaration.application.snap == "kate"
    assert parse(KATE).application.snap == ""
    assert declaration.digest == parse(KATE).digest
    assert [definition.digest for definition in declaration.definitions] == [definition.digest for definition in parse(KATE).definitions]


@pytest.mark.parametrize("name", ["", "Kate", "-kate", "kate-", "ka--te", "123", "1-2", "ka te", "snap.kate", "kate_1", "x" * 41, "kät"])
def test_a_snap_has_a_snaps_name(name):
    """Only a valid snap name is accepted."""
    assert "snap: expected a snap's name" in refusal(KATE.replace('vendor = "kde"', f'vendor = "kde"\nsnap = "{name}"'))


def test_no_snap_acts_for_a_shared_manifest():
    """A shared manifest names no snap, because no program pushes in its name."""
    text = SHARED.replace("[application]", '[application]\nsnap = "kate"')
    assert refusal(text).startswith("[application]: snap: expected none in a shared manifest")


def test_only_system_facts():
    """A question about system facts alone is of the system category."""
    text = APPLICATION + QUESTION.replace('"startup", ', "")
    assert refusal(text) == f"{START}category: expected system: the question asks for system facts only"
    assert parse(text.replace('"usage"', '"system"')).definitions[0].fields == (SOURCES["memory"]._replace(edges=(4, 16)),)


REFUSED = [
    ("schema = 1", "", "expected schema = 1, the only one that this version knows"),
    ("schema = 1", "schema = 2\nplugins = 3", "expected schema = 1, the only one that this version knows"),
    ("schema = 1", "schema = true", "expected schema = 1"),
    ("schema = 1", "schema = 1.0", "expected schema = 1"),
    ("schema = 1", "schema = 1\nplugins = 3", "plugins: unknown key; known keys: schema, application, source, question"),
    ("schema = 1", 'schema = 1\nschema_ = 1\n"a b" = 2', "schema_: unknown key; known keys: schema, "),
    ("schema = 1", 'schema = 1\n"a b" = 1', "(a key with other characters): unknown key; known keys: schema, "),
    ("schema = 1", "schema = ", "not valid TOML: line 1, column 10: Invalid value"),
    # The application.
    ("[application]", "[[application]]", "application: expected a table"),
    ('"org.kde.kate"', '"kate"', f"{APP}id: expected an application id in reverse-DNS form such as org.example.Editor"),
    ('"org.kde.kate"', '"kde.kate"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', '"org.kde..kate"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', '"org.kde.1kate"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', '"org.kde.kate/x"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', '"org.kde.kate\\n"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', f'"org.kde.{"k" * 121}"', f"{APP}id: expected an application id"),
    ('"org.kde.kate"', '"org.telemetryd.system"', f"{APP}id: expected an id outside of org.telemetryd, which is telemetryd's own"),
    ('"org.kde.kate"', '"Org.Telemetryd.x"', f"{APP}id: expected an id outside of org.telemetryd"),
    ('"Kate"', '""', f"{APP}name: expected one line of text that is not empty"),
    ('"Kate"', '" Kate"', f"{APP}name: expected one line of text"),
    ('"Kate"', '"Kate\\nfree"', f"{APP}name: expected one line of text"),
    ('"Kate"', '"Kate\\u202Efree"', f"{APP}name: expected one line of text"),
    ('"Kate"', '"\\u200d"', f"{APP}name: expected one line of text"),
    ('"Kate"', f'"{"K" * 81}"', f"{APP}name: expected at most 80 characters"),
    ('"Kate"', "3", f"{APP}name: expected a text"),
    ('"kde"', '"KDE"', f"{APP}vendor: expected an id: 1 to 64 of a-z 0-9 _ -, beginning with a letter"),
    ('vendor = "kde"', "", f"{APP}vendor: is missing"),
    ("https://kde.org/privacypolicy-apps", "http://kde.org", f"{APP}contact: expected an https: or mailto: URL"),
    ("https://kde.org/privacypolicy-apps", "mailto:nobody", f"{APP}contact: expected an https: or mailto: URL"),
    ("https://kde.org/privacypolicy-apps", "https://", f"{APP}contact: expected an https: or mailto: URL"),
    ("summary", 'kind = "shared"\nuses = ["org.kde.frameworks/crash"]\nsummary', f"{APP}uses: expected none in a shared manifest"),
    ("summary", 'kind = "other"\nsummary', f"{APP}kind: expected 'application' or 'shared'"),
    ("summary", 'uses = ["crash"]\nsummary', f"{APP}uses: item 1: expected a shared source as application/source"),
    ("summary", "uses = []\nsummary", f"{APP}uses: expected one or more entries, each once"),
    ("summary", 'uses = ["a.b.c/d", "a.b.c/d"]\nsummary', f"{APP}uses: expected one or more entries, each once"),
    ("summary", 'uses = ["org.kde.kate/startup"]\nsummary', f"{APP}uses: expected shared sources of other manifests, not its own sources"),
    ("summary", 'uses = ["org.telemetryd.system/os"]\nsummary', f"{APP}uses: expected shared sources of other manifests, not system facts"),
    (
        "summary",
        '"kind[de]" = "x"\nsummary',
        f"{APP}kind[de]: unknown key; known keys: id, name, summary, vendor, contact, kind, uses, snap, name[LANG",
    ),
    ("summary", '"name[DE]" = "x"\nsummary', f"{APP}name[DE]: unknown key"),
    ("summary", '"name[de]" = ""\nsummary', f"{APP}name[de]: expected one line of text"),
    ("summary", f'"name[de]" = "{"x" * 301}"\nsummary', f"{APP}name[de]: expected at most 300 characters"),
    ('name = "Kate"', 'name.de = "x"', f'{APP}name: expected a text; write a translation as a key in quotes: "name[de]"'),
    # Sources.
    ('"number"', '"string"', f"{PLACE}type: expected flag, choice, number or count; there is no type for texts"),
    ('"number"', "[1]", f"{PLACE}type: expected flag, choice, number or count"),
    ('type = "number"', "", f"{PLACE}type: is missing; expected flag, choice, number or count"),
    ('"number"', '"flag"', f"{PLACE}unit: unknown key; known keys: id, description, type, combine, description[LANGUAGE]"),
    ('"median"', '"sum"', f"{PLACE}combine: expected 'last', 'min', 'max' or 'median'"),
    ("[500, 2000]", "[2000, 500]", f"{PLACE}bins: expected one or more edges in rising order, each once"),
    ("[500, 2000]", "[500, 500.0]", f"{PLACE}bins: expected one or more edges in rising order, each once"),
    ("[500, 2000]", "[]", f"{PLACE}bins: expected one or more edges in rising order, each once"),
    ("[500, 2000]", "500", f"{PLACE}bins: expected a list"),
    ("[500, 2000]", "[1, nan]", f"{PLACE}bins: item 2: expected a finite number of at most 2^53"),
    ("[500, 2000]", "[1, inf]", f"{PLACE}bins: item 2: expected a finite number"),
    ("[500, 2000]", "[true]", f"{PLACE}bins: item 1: expected a finite number"),
    ("[500, 2000]", '["500"]', f"{PLACE}bins: item 1: expected a finite number"),
    ("[500, 2000]", "[9007199254740993]", f"{PLACE}bins: item 1: expected a finite number"),
    ("[500, 2000]", "[" + "9" * 5000 + "]", "not valid TOML: a number is too long"),
    ("[500, 2000]", "[" * 5000, "line 15: expected lists and tables nested at most 4 deep"),
    ('id = "startup"', 'id = "Startup"', "[[source]] number 1: id: expected an id"),
    ('id = "startup"', f'id = "{"s" * 65}"', "[[source]] number 1: id: expected an id"),
    ('unit = "ms"', f'unit = "{"m" * 17}"', f"{PLACE}unit: expected at most 16 characters"),
    ("description", "descriptions", f"{PLACE}descriptions: unknown key; known keys: id, description, type, combine, unit, bins, desc"),
    (STARTUP, STARTUP + STARTUP, f"{PLACE}id: expected an id that no other source has"),
    (STARTUP, STARTUP + SAVES, '[[source]] "saves": expected a question that asks for it: nothing is collected without one'),
    (STARTUP, "[[source]]\n" + STARTUP, "[[source]] number 1: type: is missing"),
    # Questions.
    (QUESTION, QUESTION + QUESTION, f"{START}id: expected an id that no other question has"),
    (STARTUP + QUESTION, "", "[[question]]: expected one or more questions, or shared sources in uses of an application"),
    ('decision = "Whether the session restore is loaded lazily"', "", f"{START}decision: is missing"),
    ('category = "usage"', "", f"{START}category: is missing"),
    ('"usage"', '"both"', f"{START}category: expected 'system' or 'usage'"),
    ('detail = "basic"', "", f"{START}detail: is missing"),
    ('"basic"', "1", f"{START}detail: expected 'basic' or 'detailed'"),
    ('"week"', '"year"', f"{START}period: expected 'day', 'week' or 'month'"),
    ("ends = 2027-06-27", "", f"{START}ends: is missing"),
    ("2027-06-27", '"2027-06-27"', f"{START}ends: expected a date without quotes, such as 2026-11-24"),
    ("2027-06-27", "2027-06-27T00:00:00", f"{START}ends: expected a date without a time"),
    ("2027-06-27", "2027-06-27T00:00:00Z", f"{START}ends: expected a date without a time"),
    ("2027-06-27", "2027-12-02", f"{START}ends: expected a date at most one year after starts, 2027-11-02 or earlier"),
    ("2027-06-27", "2026-11-01", f"{START}ends: expected a date that is not before starts"),
    ("2027-06-27", "2026-11-07", f"{START}ends: expected at least one whole calendar week (UTC) from starts to ends"),
    ("2027-06-27", "9999-12-31", f"{START}ends: expected a date in the years 2000 to 2999"),
    ("2026-11-02", "1999-12-31", f"{START}starts: expected a date in the years 2000 to 2999"),
    (
        '"org.telemetryd.system/memory"]\ncoarser = { "org.telemetryd.system/memory" = [16, 4.0] }',
        '"org.zeta.system/memory"]',
        f"{START}sources: org.zeta.system/memory: another manifest's source is asked about in that manifest",
    ),
    ("2027-06-27", "3000-01-01", f"{START}ends: expected a date in the years 2000 to 2999"),
    ("2027-06-27", "2999-12-31", f"{START}ends: expected a date at most one year after starts"),
    ('["startup", "org.telemetryd.system/memory"]', "[]", f"{START}sources: expected one or more entries, each once"),
    ('["startup", ', '["startup", "startup", ', f"{START}sources: expected one or more entries, each once"),
    ('["startup", ', '["startup", "a", "b", "c", ', f"{START}sources: expected at most 4 entries"),
    (
        '["startup", ',
        '["startup", "Platform", ',
        f"{START}sources: item 2: expected the id of a source of this manifest, or org.telemetryd.sys",
    ),
    ('["startup", ', '["startup", "platform", ', f"{START}sources: platform: expected a [[source]] with this id"),
    (
        '["startup", ',
        '["startup", "org.kde.kate/startup", ',
        f"{START}sources: org.kde.kate/startup: expected startup: own sources go by th",
    ),
    ('["startup", ', '["startup", "org.kde.frameworks/crash", ', f"{START}sources: org.kde.frameworks/crash: another manifest's source is"),
    (
        '["startup", ',
        '["startup", "org.telemetryd.system/serial", ',
        f"{START}sources: org.telemetryd.system/serial: unknown system fact; known facts: memory, cpu_count, architecture, os, ",
    ),
    ("[16, 4.0]", "[]", f"{START}coarser: org.telemetryd.system/memory: expected one or more of the source's bins, each once"),
    ("[16, 4.0]", "[16, 5]", f"{START}coarser: org.telemetryd.system/memory: expected one or more of the source's bins, each once"),
    ("[16, 4.0]", "[16, 16]", f"{START}coarser: org.telemetryd.system/memory: expected one or more of the source's bins, each once"),
    ("[16, 4.0]", '["16"]', f"{START}coarser: org.telemetryd.system/memory: expected one or more of the source's bins, each once"),
    ("[16, 4.0]", "[true]", f"{START}coarser: org.telemetryd.system/memory: item 1: expected a finite number"),
    ("[16, 4.0]", "[16], os = [1]", f"{START}coarser: expected sources that the question asks for"),
    ("ends =", "share = 0\nends =", f"{START}share: expected a number above 0 and at most 1"),
    ("ends =", "share = 1.1\nends =", f"{START}share: expected a number above 0 and at most 1"),
    ("ends =", "share = nan\nends =", f"{START}share: expected"),
    ("ends =", "epsilon = 0.0\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = 4.1\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = 2.05\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = nan\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = inf\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = -inf\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = 1e30\nends =", f"{START}epsilon: expected 0.1 to 4.0 in steps of 0.1"),
    ("ends =", "epsilon = 1\nends =", None),
    ("ends =", "epsilon = 0.1\nends =", f"{START}sources: expected at most"),
    (
        "ends =",
        "epsilon = 0.9\nends =",
        f"{START}sources: expected at most 9 possible answers at epsilon 0.9, not 10: fewer sources, fewer bins",
    ),
    ("ends =", "expected_users = 0\nends =", f"{START}expected_users: expected a whole number from 1 to 2^53"),
    ("ends =", "expected = 3\nends =", f"{START}expected: expected a table"),
    ("ends =", "expected = { startup = 3 }\nends =", f"{START}expected: startup: expected a table"),
    ("ends =", "expected = { startup = {} }\nends =", f"{START}expected: startup: expected shares that add up to 1 (± 0.01)"),
    (
        "ends =",
        'expected = { startup = { "<500" = 0.5, ">=2000" = 0.489 } }\nends =',
        f"{START}expected: startup: expected shares that add up to 1 (± 0.01)",
    ),
    (
        "ends =",
        'expected = { startup = { "<500" = 0.5, ">=2000" = 0.511 } }\nends =',
        f"{START}expected: startup: expected shares that add up to 1 (± 0.01)",
    ),
    (
        "ends =",
        'expected = { startup = { "<500" = -0.5, ">=2000" = 1.5 } }\nends =',
        f"{START}expected: startup: <500: expected a finite number of at least 0",
    ),
    ("ends =", 'expected = { startup = { "<500" = nan } }\nends =', f"{START}expected: startup: <500: expected a finite number"),
    ("ends =", 'expected = { startup = { "<500" = inf } }\nends =', f"{START}expected: startup: <500: expected a finite number"),
    ("ends =", 'expected = { startup = { "<500" = true } }\nends =', f"{START}expected: startup: <500: expected a number"),
    ("ends =", "expected = { platform = { x11 = 1 } }\nends =", f"{START}expected: expected sources that the question asks for"),
    (
        "ends =",
        'expected = { startup = { "<500" = 0.5, none = 0.5 } }\nends =',
        f"{START}expected: startup: expected labels of its bins: <500, 500..2000, >=2000",
    ),
    (
        "ends =",
        'expected = { "org.telemetryd.system/memory" = { "8..16" = 1 } }\nends =',
        f"{START}expected: org.telemetryd.system/memory: expected labels of its bins: <4, 4..16, >=16",
    ),
    ("ends =", "expected = {}\nends =", None),
    ("ends =", 'expected = { startup = { "<500" = 0.5, ">=2000" = 0.49 } }\nends =', None),
    ("ends =", 'expected = { startup = { "<500" = 0.5, ">=2000" = 0.51 } }\nends =', None),
    ("ends =", 'draw = "uniform"\nends =', f"{START}draw: unknown key; known keys: id, purpose"),
    ("purpose =", '"purpose[de]" = 3\npurpose =', f"{START}purpose[de]: expected a text"),
]


@pytest.mark.parametrize(
    ("names", "instead"),
    [
        ("bool Boolean", 'for true or false write "flag"'),
        ("enum list array", 'for one of a few values write "choice"'),
        ("int float duration", 'for what is measured write "number"'),
        ("counter event", 'for how often something happens write "count"'),
        ("map dict", "a source holds one value: write a [[source]] for each entry"),
        ("text string", "there is no type for texts, because no free text is ever collected"),
    ],
)
def test_what_to_write_instead_of_a_type(names, instead):
    """Type names of other systems get a hint with our name; any other name is only refused."""
    expected = f"{PLACE}type: expected flag, choice, number or count"
    for name in names.split():
        assert refusal(KATE.replace('"number"', f'"{name}"')).startswith(f"{expected}; {instead}")
    assert refusal(KATE.replace('"number"', '"colour"')) == expected


_TYPES = "expected flag, choice, number or count"
_COMBINES = "'last', 'any', 'all', 'mode', 'min', 'max', 'median', 'sum' or 'applications'"
_SOURCE_KEYS = "type, id, description, combine, values, unit, bins, description[LANGUAGE]"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({'type = "number"': "", "Time from": " Time from"}, [f"type: is missing; {_TYPES}", "description: expected one line of text"]),
        (
            {'"number"': '"colour"', "unit =": "units =", '"median"': '"average"'},
            [f"units: unknown key; known keys: {_SOURCE_KEYS}", f"type: {_TYPES}", f"combine: expected {_COMBINES}"],
        ),
        (
            {'"number"': "3", "unit =": '"description[de]" = ""\nunit =', "description =": "descriptions ="},
            [
                f"descriptions: unknown key; known keys: {_SOURCE_KEYS}",
                f"type: {_TYPES}",
                "description: is missing",
                "description[de]: expected one line of text",
            ],
        ),
        ({'"number"': '"colour"', "[500, 2000]": '["x"]\nvalues = 3', '"ms"': "5"}, [f"type: {_TYPES}"]),
    ],
)
def test_a_wrong_type_hides_no_other_fault(changes, errors):
    """With a wrong type, all is told that is wrong whatever the type would be; what only some types have is not judged."""
    text = KATE
    for old, new in changes.items():
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    told = refusal(text).split(f"; {PLACE}")
    assert [one.removeprefix(PLACE).startswith(error) for one, error in zip(told, errors, strict=True)] == [True] * len(errors)


@pytest.mark.parametrize(("old", "new", "error"), REFUSED)
def test_refused(old, new, error):
    """An invalid manifest is refused with the place, the fault and what was expected."""
    assert old in KATE
    text = KATE.replace(old, new, 1)
    if error:
        assert refusal(text).startswith(error)
    else:
        assert parse(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (asking(PLATFORM.replace('"x11"', '"other"'), "platform"), '[[source]] "platform": values: expected values without other and none'),
        (asking(PLATFORM.replace('"x11"', '"none"'), "platform"), '[[source]] "platform": values: expected values without other and none'),
        (
            asking(PLATFORM.replace('"x11"', '"wayland"'), "platform"),
            '[[source]] "platform": values: expected one or more entries, each once',
        ),
        (asking(PLATFORM.replace('"x11"', '"my file"'), "platform"), '[[source]] "platform": values: item 1: expected a value: 1 to 32 of'),
        (asking(PLATFORM.replace('"x11"', f'"{"x" * 33}"'), "platform"), '[[source]] "platform": values: item 1: expected a value'),
        (asking(SAVES.replace("10.0", "10.5"), "saves"), '[[source]] "saves": bins: item 2: expected a whole number of at least 0'),
        (asking(SAVES.replace("[1", "[-1"), "saves"), '[[source]] "saves": bins: item 1: expected a whole number of at least 0'),
        (
            asking(SAVES + 'combine = "applications"', "saves"),
            '[[source]] "saves": combine: expected sum: applications counts the programs',
        ),
        (asking(CRASHED, "crashed") + "\ncoarser = { crashed = [0] }", f"{START}coarser: crashed: expected a source that is not a flag"),
        (
            asking(PLATFORM, "platform") + '\ncoarser = { platform = ["x11", "mir"] }',
            f"{START}coarser: platform: expected one or more of the source's values, each once",
        ),
        (
            asking(STARTUP.replace("[500, 2000]", str(list(range(31)))), "startup") + "\nepsilon = 4.0",
            f"{START}sources: expected at most 32 possible answers at epsilon 4.0, not 33",
        ),
        (asking(STARTUP.replace("[500, 2000]", "[1e-320, 2e-320, 3e-320]"), "startup") + "\nepsilon = 4.0", None),
        (
            KATE.replace("[500, 2000]", "[1e-320, 2e-320]").replace('"startup", ', '"startup", "b", ')
            + STARTUP.replace('"startup"', '"b"'),
            f"{START}sources: expected at most 24 possible answers at epsilon 2.0, not 28",
        ),
        (
            KATE + SECOND + QUESTION.replace("startup-by-memory", "third").replace("2027-06-27", "2028-06-27"),
            '[[question]] "third": ends: ',
        ),
        ("schema = 1", "application: is missing"),
        ("schema = 1\nsource = 3\nquestion = [3]\n[application]", f"{APP}id: is missing; {APP}name: is missing; {APP}vendor: is missing; "),
        (APPLICATION + STARTUP, f"{PLACE}expected a question that asks for it"),
        (APPLICATION.replace("summary", 'kind = "shared"\nsummary'), "[[question]]: expected one or more questions"),
        (KATE + "[application]", "not valid TOML: line 28, column 13: a key or table appears twice"),
        (KATE + "x = {secret = 1, secret = 2}", "not valid TOML: line 28, column 28: a key or table appears twice"),
        (KATE + "ends = 2027-06-27", "not valid TOML: end of document: a key or table appears twice"),
        ("", "expected schema = 1"),
        ("\x00", "not valid TOML: line 1, column 1: "),
    ],
)
def test_refused_in_other_manifests(text, error):
    """The same for faults that need another source or a completely different text."""
    if error:
        assert refusal(text).startswith(error)
    else:
        assert parse(text)


def test_coarser_values():
    """A choice with fewer values in one question: the others become `other` there, and the source keeps all values."""
    declaration = parse(asking(PLATFORM, "platform") + '\ncoarser = { platform = ["x11"] }')
    assert declaration.sources[0].labels == ("wayland", "x11", "other")
    assert declaration.definitions[0].fields[0].labels == ("x11", "other")
    assert declaration.definitions[0].question.coarser == (("platform", ("x11",)),)


def test_expected_shares_of_too_many_bins():
    """A question with far too many bins is refused for these, and none of their labels is made to look at its expected shares."""
    many = KATE.replace("bins = [500, 2000]", f"bins = {list(range(1, 200))}")
    for more in ("", 'expected = { startup = { "x" = 1 } }'):
        assert ": sources: expected at most 24 possible answers" in refusal(f"{many}{more}\n")


def test_size():
    """A manifest has at most 64 KiB. The error names the limit, and a longer text is not parsed."""
    filler = "#" * (MANIFEST_BYTES - len(KATE) - 1)
    assert parse(f"{KATE}{filler}\n") == parse(KATE)
    for text in (f"{KATE}{filler}#\n", f"{KATE}{filler[1:]}\u00e4\n", "[" * 10_000_000):
        assert refusal(text) == "expected at most 65536 bytes"
    assert refusal(f'{KATE}x = "\ud800"').startswith(f"{START}x: unknown key")


SECRET = "S3cret.Value"


@pytest.mark.parametrize("line", [line for line in KATE.splitlines() if "=" in line and not line.startswith("id")])
def test_errors_repeat_no_value(line):
    """An error repeats keys and ids only, never a misplaced value."""
    key = line.partition("=")[0]
    for wrong in (
        f'{key}= " {SECRET}"',
        f'{key}= ["{SECRET}"]',
        f'{key}= {{ key = "{SECRET} " }}',
        f"{key}= {SECRET}",
        f'{key}= "{SECRET}',
    ):
        assert SECRET not in refusal(KATE.replace(line, wrong, 1))


NUMBERS = st.integers(-(10**20), 10**20) | st.floats()
LEAVES = st.booleans() | NUMBERS | st.text(max_size=5) | st.dates() | st.datetimes()
TREES = st.recursive(
    LEAVES, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.text(max_size=5), deeper, max_size=3), max_leaves=6
)


def toml(value):
    """A value in TOML's inline form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08X}" for letter in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return value.isoformat() if isinstance(value, date) else repr(value)


LINES = [number for number, line in enumerate(KATE.splitlines()) if "=" in line]


@given(st.sampled_from(LINES), TREES)
def test_any_value_anywhere(number, value):
    """With any value for any key the text is admitted, or refused with InvalidManifestError."""
    lines = KATE.splitlines()
    lines[number] = f"{lines[number].partition('=')[0]}= {toml(value)}"
    with suppress(InvalidManifestError):
        parse("\n".join(lines))


@given(st.text(max_size=100), st.integers(0, len(KATE)), st.integers(0, 60))
def test_any_text(text, start, length):
    """After any cut or insertion the text is admitted, or refused with InvalidManifestError."""
    with suppress(InvalidManifestError):
        parse(KATE[:start] + text + KATE[start + length :])
