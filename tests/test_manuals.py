"""The manual pages and completions that a build makes (packaging/manuals): complete, without a fault, and readable as they were written."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from telemetryd.ctl.__main__ import cli
from telemetryd.toml.config_keys import CONFIGURATION, ENDPOINT
from telemetryd.toml.manifest_keys import QUESTION, SOURCE

ROOT = Path(__file__).parents[1]
COMMANDS = cli.list_commands(click.Context(cli, **cli.context_settings))


def _program():
    """`packaging/manuals/write.py` as a module."""
    spec = importlib.util.spec_from_file_location("write_manuals", ROOT / "packaging/manuals/write.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_manuals"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with all files, made as a release makes them."""
    folder = tmp_path_factory.mktemp("share")
    os.environ["SOURCE_DATE_EPOCH"] = "1796083200"
    try:
        _program().write(folder)
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
    return folder


def shown(path):
    """A page as a reader sees it, in one line, without emphasis."""
    done = subprocess.run(["mandoc", "-Tutf8", "-O", "width=1000", path], capture_output=True, text=True, check=True)
    return " ".join(re.sub(".\b", "", done.stdout).split())


def test_there_is_a_page_for_everything(written):
    """Each program, each command, each file format and each interface has a page, and its source says when and of what version it is."""
    pages = {path.name: path for path in written.glob("man/man*/*")}
    programs = {"telemetryd.8", "telemetryd-upload.8", "telemetryctl.1", "telemetryd-settings.1"}
    formats = {"telemetryd.toml.5", "telemetryd-manifest.5", "org.telemetryd.Telemetry1.5", "org.telemetryd.Control1.5"}
    assert set(pages) == programs | formats | {f"telemetryctl-{name}.1" for name in COMMANDS}
    assert len(COMMANDS) > 20
    for name, path in pages.items():
        assert path.parent.name == f"man{name[-1]}"
        head = path.read_text().splitlines()[1]
        assert head.startswith(f'.TH {name[:-2].upper()} {name[-1]} "2026-12-01" "telemetryd ')
        path.read_text().encode("ascii")


def test_mandoc_finds_no_fault(written):
    """There is nothing for mandoc to say of any page, and would say it."""
    pages = sorted(map(str, written.glob("man/man*/*")))
    done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", *pages], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    broken = written / "broken.8"
    broken.write_text(Path(pages[0]).read_text() + ".RE\n")
    assert "RE" in subprocess.run(["mandoc", "-Tlint", broken], capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_groff_finds_no_fault(written):
    """Of no page does groff, which most systems show pages with, warns of nothing."""
    pages = sorted(map(str, written.glob("man/man*/*")))
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", *pages], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_told_whole(written, name):
    """The page of a command has its usage, its whole help, and every option with its help; so for the commands below it."""
    text = shown(written / f"man/man1/telemetryctl-{name}.1")
    top = click.Context(cli, info_name="telemetryctl", **cli.context_settings)
    command = cli.commands[name]
    for one, context in every(command, click.Context(command, top, name)):
        assert " ".join([context.command_path, *one.collect_usage_pieces(context)]) in text
        for paragraph in (one.help or "").split("\n\n"):
            said = " ".join(paragraph.replace("\b", "").replace("`", "").split())
            assert said in text
        for option in one.params:
            record = option.get_help_record(context)
            assert record is None or (record[0] in text and " ".join(record[1].replace("`", "").split()) in text)


def every(command, context):
    """A command and those below it."""
    yield command, context
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        yield command.commands[name], click.Context(command.commands[name], context, name)


def test_every_key_is_told(written):
    """The pages of the two formats name every key of their tables."""
    configuration, manifest = (shown(written / f"man/man5/{name}.5") for name in ("telemetryd.toml", "telemetryd-manifest"))
    assert [key for key in (*CONFIGURATION.keys, *ENDPOINT.keys) if f" {key} " not in configuration] == []
    assert [key for key in (*QUESTION.keys, *SOURCE.tables["number"].keys) if f" {key} " not in manifest] == []


def test_every_member_is_told(written):
    """The page of an interface has each of its members."""
    for name in ("Telemetry1", "Control1"):
        text = shown(written / f"man/man5/org.telemetryd.{name}.5")
        members = re.findall(r'<(?:method|signal|property) name="(\w+)"', (ROOT / f"dbus/org.telemetryd.{name}.xml").read_text())
        assert len(members) > 3
        assert [member for member in members if member not in text] == []


def test_what_roff_would_read_is_escaped(tmp_path):
    """Dots and quotes at the beginning of a line, backslashes, dashes, tildes and letters outside of ASCII come out as they went in."""
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        from manuals.roff import Page, Title  # noqa: PLC0415 - after the path
    finally:
        sys.path.pop(0)
    lines = [".B no macro", "'quoted'", r"a\b --c ~/d ^e `f`", "§ ε → “g”"]
    page = Page(Title("sample", 7, "a sample", "1", "2026-12-01"))
    page.heading("TEXT")
    page.verbatim("\n".join(lines))
    page.markdown(f"`{lines[2].replace('`', '')}` and\n**bold** [link](https://example.org/a-b), {lines[3]}\n\n- one\n  two\n  - three")
    (tmp_path / "sample.7").write_text(page.text)
    assert subprocess.run(["mandoc", "-Tlint", tmp_path / "sample.7"], capture_output=True, text=True, check=False).stdout == ""
    text = shown(tmp_path / "sample.7")
    for line in lines:
        assert line in text
    assert r"a\b --c ~/d ^e f and bold link <https://example.org/a-b>, § ε → “g” • one two • three" in text


def test_bash_completes(written):
    """In bash the file that is installed completes a command, a command below it, and an option."""
    file = written / "bash-completion/completions/telemetryctl"
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '_telemetryctl_completion telemetryctl; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def completed(*words):
        command = ["bash", "-c", script, "bash", str(file), "telemetryctl", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()

    assert completed("unin") == ["uninstall"]
    assert "accept" in completed("consent", "a")
    assert "--user" in completed("install", "--u")


def test_zsh_and_fish_find_their_files(written):
    """The files for zsh and fish are for this command, and call it as click answers."""
    zsh, fish = (written / name for name in ("zsh/site-functions/_telemetryctl", "fish/vendor_completions.d/telemetryctl.fish"))
    assert zsh.read_text().startswith("#compdef telemetryctl\n")
    assert "_TELEMETRYCTL_COMPLETE=zsh_complete" in zsh.read_text()
    assert "_TELEMETRYCTL_COMPLETE=fish_complete" in fish.read_text()
