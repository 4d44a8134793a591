"""The merged configuration files: the strictest value wins, and an unreadable file is a kill switch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.settings import Budgets, Endpoint, KillSwitch, Lock, Origin, Settings
from telemetryd.toml.config import parse_configuration
from telemetryd.toml.settings_in_force import ConfigFile, ForeignFile, merge

KDE = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.example/v1"\n'
LOCAL = '[endpoint.kde]\nname = "Local"\nurl = "{}"\n'


def system(text="", path="/etc/a.toml"):
    """A system file with this text."""
    return ConfigFile(path, Origin.SYSTEM, parse_configuration(text))


def user(text="", path="/home/u.toml"):
    """A user's file with this text."""
    return ConfigFile(path, Origin.USER, parse_configuration(text))


def merged(*files, do_not_track="", kde=()):
    """The settings of these files."""
    return merge(files, do_not_track=do_not_track, kuserfeedback=kde)


def texts(settings):
    """The file and the first words of each problem."""
    return [(problem.file, problem.text.split(":")[0]) for problem in settings.problems]


def told(settings):
    """The file and the sentence of each problem."""
    return tuple((problem.file, problem.text) for problem in settings.problems)


def test_nothing_installed():
    """Without any file: on, no endpoint, nothing locked, default caps, no problem."""
    assert merged() == Settings()
    assert merged(system(), user()) == Settings()


# --- kill switches


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_enabled_false_anywhere_switches_off(order):
    """One `enabled = false` of the system or the user is enough, and its file is named. Policy: C4."""
    off, on = "enabled = false", "enabled = true"
    assert merged(*[system(off), user(on)][order]).kill_switches == (KillSwitch("enabled", "/etc/a.toml"),)
    assert merged(*[system(on), user(off)][order]).kill_switches == (KillSwitch("enabled", "/home/u.toml"),)
    assert merged(*[system(on), user(on)][order]).kill_switches == ()


@pytest.mark.parametrize("origin", Origin)
def test_an_unreadable_file_switches_off(origin):
    """An unreadable or invalid file is a kill switch and a problem with a reason; the other files still count."""
    settings = merged(ConfigFile("/x", origin, None, "Permission denied"), system("[limits]\nusage = 0"))
    assert settings.kill_switches == (KillSwitch("unreadable", "/x"),)
    assert told(settings) == (("/x", "Permission denied"),)
    assert settings.ceiling("usage") == 0


def test_a_masked_file_says_nothing():
    """A file without content and without problem changes nothing."""
    assert merged(ConfigFile("/etc/telemetryd.toml", Origin.SYSTEM, None)) == Settings()


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "off", "NO WAY", " ", "2", "\N{LATIN SMALL LETTER DOTLESS I}"])
def test_do_not_track(value):
    """DO_NOT_TRACK switches off unless it is empty, 0, false or no; no file is named."""
    assert merged(do_not_track=value).kill_switches == (KillSwitch("DO_NOT_TRACK", ""),)


@pytest.mark.parametrize("value", ["", "0", "false", "False", "FALSE", "no", "No"])
def test_tracking_not_refused(value):
    """Empty, 0, false and no, in any case, are not a kill switch."""
    assert merged(do_not_track=value).kill_switches == ()


def test_kuserfeedback_files():
    """KUserFeedback's "off" is a kill switch; an unreadable or invalid file of it is `unreadable`. Policy: C4."""
    files = [
        ForeignFile("/1", "[UserFeedback]\nEnabled=false\n"),
        ForeignFile("/2", "[UserFeedback]\nEnabled=true\n"),
        ForeignFile("/3", "", "Permission denied"),
        ForeignFile("/4", "[UserFeedb"),
    ]
    settings = merged(kde=files)
    assert settings.kill_switches == (KillSwitch("unreadable", "/3"), KillSwitch("unreadable", "/4"), KillSwitch("kuserfeedback", "/1"))
    assert told(settings) == (("/3", "Permission denied"), ("/4", "line 1: expected a [group] or key=value"))


# --- limits and budgets


def test_limits_of_system_files_are_locks():
    """Each ceiling below "everything" is a lock with its file; the strictest is in force."""
    settings = merged(
        system('[limits]\nsystem = 1\nusage = 2\nnew_questions = "ask"', "/etc/a"),
        system('[limits]\nsystem = 0\nnew_questions = "refuse"', "/b"),
    )
    assert settings.locks == (
        Lock("system", 1, "/etc/a"),
        Lock("new_questions", 1, "/etc/a"),
        Lock("system", 0, "/b"),
        Lock("new_questions", 0, "/b"),
    )
    assert [settings.ceiling(setting) for setting in ("system", "usage", "new_questions")] == [0, 2, 0]
    assert settings.problems == ()
    assert merged(system('[limits]\nnew_questions = "accept"')).locks == ()


def test_limits_of_a_user():
    """A user's `[limits]` can restrict but never permit more, and give a problem about the wrong file."""
    settings = merged(system("[limits]\nusage = 1"), user("[limits]\nusage = 2\nsystem = 0"))
    assert [settings.ceiling("usage"), settings.ceiling("system")] == [1, 0]
    assert texts(settings) == [("/home/u.toml", "[limits]")]
    assert [lock.origin for lock in settings.locks] == [Origin.SYSTEM, Origin.USER]


def test_budgets_only_sink():
    """The lowest cap of all files and our own is in force; a higher one gives a problem and no cap."""
    settings = merged(
        system("budget_source = 2.0\nbudget_epsilon = 100.0"),
        user("budget_source = 3.0\nbudget_year = 0.0\nbudget_epsilon = 8.5", "/home/u.toml"),
    )
    assert settings.budgets == Budgets(source=2.0, year=0.0, life=8.5)
    assert told(settings) == (("/etc/a.toml", "budget_epsilon: expected at most 64.0, which stays the cap"),)


# --- endpoints


def test_the_first_system_file_names_the_endpoint():
    """The first system file that names a vendor decides. Policy: C6."""
    gnome = '[endpoint.gnome]\nname = "GNOME"\nurl = "https://gnome.example/"\nca_file = "/ca"\nresults = "https://gnome.example/results"\n'
    settings = merged(system(KDE), system(KDE.replace("kde.example", "other.example") + gnome))
    assert settings.endpoints == (
        Endpoint("kde", "KDE", "https://telemetry.kde.example/v1"),
        Endpoint("gnome", "GNOME", "https://gnome.example/", "report", "/ca", "https://gnome.example/results"),
    )
    assert settings.problems == ()


@pytest.mark.parametrize("url", ["https://telemetry.kde.example/v1", "https://localhost/", "http://127.0.0.1:8080/"])
def test_no_endpoint_of_a_user(url):
    """Outside of developer mode a user's file names no endpoint, not even on loopback. Policy: C6."""
    settings = merged(system("developer = true"), user(LOCAL.format(url)))
    assert settings.endpoints == ()
    assert texts(settings)[-1] == (
        "/home/u.toml",
        "[endpoint.kde] belongs in system files; a user's file may name loopback endpoints in developer mode",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "https://LOCALHOST:8443/v1",
        "http://127.0.0.1:8080/v1",
        "https://127.255.0.99/",
        "http://[::1]/",
        "http://[::1]:80/x",
    ],
)
@pytest.mark.parametrize("write", [system, user])
def test_loopback_in_developer_mode(url, write):
    """In developer mode loopback endpoints of the system's and the user's files count, with http too."""
    settings = merged(user("developer = true"), write(LOCAL.format(url), "/f"))
    assert [endpoint.name for endpoint in settings.endpoints] == ["Local"]
    assert settings.problems == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost.example/",
        "https://127.0.0.1.example/",
        "https://127.0.0.256/",
        "https://127.1/",
        "https://127.0.0.01/",
        "https://128.0.0.1/",
        "https://[::2]/",
        "https://a.example/http://localhost/",
        "https://telemetry.kde.example/v1",
    ],
)
def test_only_loopback_in_developer_mode(url):
    """In developer mode no report leaves the machine: other system endpoints do not count, those of the user are refused. Policy: C6."""
    of_system = merged(system(LOCAL.format(url)), user("developer = true"))
    assert (of_system.endpoints, of_system.problems) == ((), ())
    of_user = merged(user("developer = true\n" + LOCAL.format(url)))
    assert of_user.endpoints == ()
    assert len(of_user.problems) == 1


def test_a_developers_endpoint_stands_in_for_one_elsewhere():
    """In developer mode a user's loopback endpoint replaces the vendor's real one, but not a loopback one of the system."""
    mine = user("developer = true\n" + LOCAL.format("http://localhost:1/"))
    assert merged(system(KDE), mine).endpoints == (Endpoint("kde", "Local", "http://localhost:1/"),)
    assert merged(system(LOCAL.format("https://localhost:2/")), mine).endpoints == (Endpoint("kde", "Local", "https://localhost:2/"),)


RELAY = 'ohttp_relay = "https://relay.example/kde"\nohttp_keys = "/etc/telemetryd/kde.keys"\n'


def test_a_share():
    """An endpoint may ask a part of the users only; otherwise all."""
    assert [endpoint.share for endpoint in merged(system(KDE + "share = 0.46\n")).endpoints] == [0.46]
    assert [endpoint.share for endpoint in merged(system(KDE)).endpoints] == [1.0]


def test_a_relay():
    """An endpoint with a relay and its gateway's keys has both."""
    (endpoint,) = merged(system(KDE + RELAY)).endpoints
    assert endpoint == Endpoint(
        *("kde", "KDE", "https://telemetry.kde.example/v1"),
        ohttp_relay="https://relay.example/kde",
        ohttp_keys="/etc/telemetryd/kde.keys",
    )


@pytest.mark.parametrize(
    ("lines", "objection"),
    [
        ('ohttp_relay = "https://relay.example/"\n', "ohttp_relay, ohttp_keys: expected both or neither"),
        ('ohttp_keys = "/keys"\n', "ohttp_relay, ohttp_keys: expected both or neither"),
        (
            'ohttp_relay = "https://telemetry.kde.example:8443/relay"\nohttp_keys = "/keys"\n',
            "ohttp_relay: expected a host other than the url's",
        ),
    ],
)
def test_half_a_relay(lines, objection):
    """A relay without keys, keys without a relay, or a relay on the endpoint's host gives no endpoint, nor one of another file."""
    settings = merged(system(KDE + lines, "/a"), system(KDE, "/b"))
    assert settings.endpoints == ()
    assert [(problem.file, problem.text.startswith(f"[endpoint.kde] {objection}")) for problem in settings.problems] == [("/a", True)]
    assert settings.problems[0].text.endswith("the endpoint is not used")


def test_a_relay_in_developer_mode():
    """In developer mode the relay must be on loopback too. Policy: C6."""
    mine = user("developer = true\n" + LOCAL.format("http://localhost:1/") + RELAY)
    assert merged(mine).endpoints == ()
    here = RELAY.replace("relay.example", "localhost:2")
    (endpoint,) = merged(user("developer = true\n" + LOCAL.format("http://localhost:1/") + here)).endpoints
    assert endpoint.ohttp_relay == "https://localhost:2/kde"


PROXY = 'proxy = "http://Proxy.example:3128/"\n'


def test_a_proxy():
    """A system file may name a proxy for an endpoint, directly or before a relay. Without a port it is 80."""
    for lines in ("", RELAY):
        (endpoint,) = merged(system(KDE + lines + PROXY)).endpoints
        assert (endpoint.proxy, bool(endpoint.ohttp_relay)) == ("http://proxy.example:3128", bool(lines))
        assert endpoint.route_id == merged(system(KDE + lines)).endpoints[0].route_id
    assert merged(system(KDE + PROXY.replace(":3128/", ""))).endpoints[0].proxy == "http://proxy.example:80"
    assert merged(system(KDE)).endpoints[0].proxy == ""


def test_no_proxy_of_the_users():
    """A user's file names no proxy, not even for the user's own machine: it could send the report elsewhere. Policy: C6."""
    settings = merged(user("developer = true\n" + LOCAL.format("http://localhost:1/") + PROXY))
    assert (settings.endpoints, texts(settings)) == ((), [("/home/u.toml", "[endpoint.kde] proxy")])


def test_no_proxy_in_developer_mode():
    """What stays on this machine goes to no proxy: plain http would give it the report. Policy: C7."""
    settings = merged(system(LOCAL.format("http://localhost:1/") + PROXY), user("developer = true"))
    assert (settings.endpoints, texts(settings)) == ((), [("/etc/a.toml", "[endpoint.kde] proxy")])


@pytest.mark.parametrize("url", ["http://telemetry.kde.example/", "http://localhost/"])
def test_no_plain_http(url):
    """Plain http outside of developer mode gives a problem and no endpoint, nor one of a later file. Policy: C7."""
    settings = merged(system(LOCAL.format(url)), system(KDE, "/usr/share/b.toml"))
    assert settings.endpoints == ()
    assert told(settings) == (
        ("/etc/a.toml", "[endpoint.kde] url: expected https; http is for loopback in developer mode; the endpoint is not used"),
    )


def test_no_plain_http_elsewhere_in_developer_mode():
    """Plain http to another machine is refused in developer mode too. Policy: C7."""
    assert texts(merged(system(LOCAL.format("http://telemetry.kde.example/")), user("developer = true"))) == [
        ("/etc/a.toml", "[endpoint.kde] url")
    ]


@pytest.mark.parametrize("name", ["otlp", "kuserfeedback"])
def test_other_formats(name):
    """An endpoint with an unsupported format gives a problem, and is not used."""
    settings = merged(system(KDE + f'format = "{name}"'))
    assert settings.endpoints == ()
    assert texts(settings) == [("/etc/a.toml", "[endpoint.kde] format")]


def test_an_endpoint_by_vendor():
    """An endpoint is found by its vendor. Consents name its host, with the port if there is one."""
    settings = merged(system(KDE.replace("example/", "example:8443/")))
    assert settings.endpoint("gnome") is None
    assert settings.endpoint("kde").host == "telemetry.kde.example:8443"


# --- the rest


def test_developer_mode_is_the_users():
    """Only a user's file turns developer mode on, and the first one decides; in a system file it gives a problem."""
    assert merged(user("developer = true")).developer
    assert merged(user("idle_exit_minutes = 1"), user("developer = true")).developer
    assert not merged(user("developer = false"), user("developer = true")).developer
    settings = merged(system("developer = true"))
    assert not settings.developer
    assert texts(settings) == [("/etc/a.toml", "developer")]


def test_idle_exit():
    """The user's idle time precedes the system's; the default is 0: stay."""
    assert merged(system("idle_exit_minutes = 5"), user("idle_exit_minutes = 0")).idle_exit_minutes == 0
    assert merged(system("enabled = true"), system("idle_exit_minutes = 5"), system("idle_exit_minutes = 6"), user()).idle_exit_minutes == 5
    assert merged(system()).idle_exit_minutes is None


FILES = st.builds(
    lambda origin, lines, limits: ConfigFile("/f", origin, parse_configuration("\n".join([*lines, "[limits]", *limits]))),
    st.sampled_from(Origin),
    st.lists(
        st.sampled_from(
            ["enabled = true", "enabled = false", "developer = true", "budget_year = 3.0", "budget_source = 9.0", "budget_epsilon = 0.5"]
        ),
        unique_by=lambda line: line.split()[0],
    ),
    st.lists(
        st.sampled_from(["system = 0", "system = 2", "usage = 1", "usage = 0", 'new_questions = "ask"', 'new_questions = "accept"']),
        unique_by=lambda line: line.split()[0],
    ),
) | st.just(ConfigFile("/f", Origin.USER, None, "no TOML"))


@given(st.lists(FILES, max_size=4), FILES, st.integers(0, 4))
def test_a_further_file_only_restricts(files, further, place):
    """No file removes a kill switch, or raises a ceiling or a cap. Policy: C1, C4."""
    before, after = merged(*files), merged(*files[:place], further, *files[place:])
    assert len(after.kill_switches) >= len(before.kill_switches)
    assert all(after.ceiling(setting) <= before.ceiling(setting) for setting in ("system", "usage", "new_questions"))
    assert all(new <= old <= ours for new, old, ours in zip(after.budgets, before.budgets, Budgets(), strict=True))


@pytest.mark.parametrize(
    ("keys", "named_keys"),
    [
        ('url = "https://bücher.example/v1"', "url"),
        ('url = "https://BÜCHER.example:8443"', "url"),
        ('url = "https://a.example"\nresults = "https://例え.テスト/x"', "results"),
        ('url = "https://ä.example"\nohttp_relay = "https://ö.example/"\nohttp_keys = "/k"', "url, ohttp_relay"),
    ],
)
@pytest.mark.parametrize("origin", [system, user])
def test_a_host_that_is_not_ascii_disables_its_endpoint_only(keys, named_keys, origin):
    """The endpoint is not used, and the problem says what to write; the file and its other endpoints are in force."""
    settings = merged(origin(f'developer = true\n[endpoint.shop]\nname = "Shop"\n{keys}\n' + LOCAL.format("https://localhost/")))
    assert [endpoint.vendor for endpoint in settings.endpoints] == ["kde"]
    assert settings.kill_switches == ()
    (problem,) = [problem for problem in settings.problems if "punycode" in problem.text]
    assert problem.text == f"[endpoint.shop] {named_keys}: expected the host's name in punycode (xn--…); the endpoint is not used"
    plain = merged(system(f'[endpoint.shop]\nname = "Shop"\n{keys}\n' + KDE))
    assert [endpoint.vendor for endpoint in plain.endpoints] == ["kde"]
