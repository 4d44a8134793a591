"""The whole flow on this machine, step by step; every step checks what it says, and the exit status is 0 only if all of it is true."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

import pages
from pages import check, command, heading, lines, say
from stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

STOPWATCH, DISKS, SESSION, SHARED = (f"org.example.{name}" for name in ("stopwatch", "disks", "session", "shared"))
WANTED = (STOPWATCH, SESSION, SHARED)
"""Whose questions the user of this demo accepts at first; Disks gets a no."""
LONGEST_S = 180
"""After so long the demo gives up: something hangs."""
BLANK_NONCE = "0" * 32


class Demo:
    """The steps, in order, over one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._shown: dict[str, list[dict[str, Any]]] = {}
        self._answers = ""
        self._preview: dict[str, bytes] = {}

    def declare(self) -> None:
        """What is declared, and why"""
        say(
            "Two applications start and register what they would like to measure; the manifests of Session and of the shared source "
            "were installed with them. Nothing can be asked without a purpose, a decision that the answer will change, and an end."
        )
        lines(self._stage.register(STOPWATCH) + self._stage.register(DISKS))
        for application in (STOPWATCH, DISKS, SESSION, SHARED):
            self._shown[application] = json.loads(self._stage.telemetryctl("show", application, "--json"))
            for question in self._shown[application]:
                pages.question(question)
        asked = [one for shown in self._shown.values() for one in shown]
        check(all(one["purpose"] and one["decision"] and one["ends"] for one in asked), "every question says why, and until when")
        check(all(one["consent"] == 0 for one in asked), "none of them is accepted yet")
        say("`telemetryctl show APP` says everything else: who asks, where it goes, an example of the very bytes.")

    def keep_nothing(self) -> None:
        """Nothing is stored before consent"""
        lines(pages.first_paragraph(self._ctl("status")))
        before = self._stage.files()
        say("The state directory holds everything that the daemon ever writes. Now:")
        pages.listing(before)
        say("Now three applications measure and push, each a process of its own:")
        told = self._stage.measure()
        lines(told)
        self._answers = _answers(told)
        after = self._stage.files()
        say("The state directory after these pushes:")
        pages.listing(after)
        check(before == after, "not one byte of it changed")
        check(json.loads(self._stage.telemetryctl("preview", "--json")) == [], "the preview is empty: nothing would be sent")
        check(not self._stage.receiver.requests, "the receiver got nothing")

    def consent(self) -> None:
        """Consent is given"""
        say("Levels are ceilings and accept nothing by themselves:")
        lines(pages.first_paragraph(self._ctl("consent", "global", "--system", "basic", "--usage", "basic")))
        say("Questions are accepted by the digest of what was shown; of a changed one nothing would be accepted:")
        for application in WANTED:
            digests = [f"{one['id']}={one['digest']}" for one in self._shown[application]]
            lines(pages.last_paragraph(self._ctl("consent", "accept", application, *digests, "--yes")))
        say("Disks gets a no, for its own question and for what it could add to the shared source:")
        self._ctl("consent", "application", DISKS, "--system", "off", "--usage", "off")
        states = {one["application"]: one["state"] for one in json.loads(self._stage.telemetryctl("show", DISKS, "--json"))}
        check(states[DISKS] == "pending", "the question of Disks collects nothing")

    def preview(self) -> None:
        """The preview: what would be sent"""
        say("The same applications measure again. None can tell that something has changed:")
        told = self._stage.measure()
        lines(told)
        check(_answers(told) == self._answers, "they were answered exactly as before the consent")
        lines(self._ctl("preview"))
        self._preview = {name: body.encode() for name, _, body in json.loads(self._stage.telemetryctl("preview", "--json"))}
        asked = sorted(f"{application}/{one['id']}" for application in WANTED for one in self._shown[application])
        check(sorted(self._preview) == asked, "the accepted questions are in it, and no other")
        check(not any("none" in _answer(body) for body in self._preview.values()), "each of them has an answer, bins only")
        counted = _answer(self._preview[f"{SHARED}/programs-used"])
        check(counted == ["2..3"], "of three applications that pushed into the shared source, the two with consent count")

    def submit(self) -> None:
        """What the receiver got, byte for byte"""
        say("In developer mode the periods can be closed at once; else each report leaves at a random moment of a later week.")
        lines(self._ctl("submit"))
        got = self._stage.receiver.requests
        for request in got:
            pages.request(request)
        check(len(got) == len(self._preview), "one request for each accepted question, and no other")
        check(len({request.body for request in got}) == len(got) and _nonces(got).isdisjoint({BLANK_NONCE}), "each has a nonce of its own")
        say(
            "The answers may be others than in the preview: each is told as it is with a chance that its question declares, else "
            "another of its answers (randomised response). So whatever a report says of you, you can deny it."
        )
        sent, previewed = sorted(_without_answer(body) for body in _blanked(got)), sorted(map(_without_answer, self._preview.values()))
        check(sent == previewed, "but for the nonce and this noise, the bytes are those of the preview")
        names = {name for request in got for name, _ in request.headers}
        check(names == {"Host", "Content-Type", "Content-Length", "Connection"}, "no header says anything of you or this machine")

    def history(self) -> None:
        """The history: what was sent"""
        lines(self._ctl("history"))
        kept = json.loads(self._stage.telemetryctl("history", "--json"))
        got = self._stage.receiver.requests
        check(sorted(one["body"].encode() for one in kept) == _blanked(got), "but for the nonce, its bytes are those that the receiver got")
        headers = sorted(request.headers for request in got)
        check(sorted([tuple(pair) for pair in one["headers"]] for one in kept) == headers, "and so are the headers")
        check(all(one["outcome"] == "accepted" for one in kept), "every report was accepted by the receiver")
        held = b"".join(self._stage.files().values())
        check(
            not any(nonce.encode() in held for nonce in _nonces(got)),
            "the nonces are gone from the disk: nobody can match it with a server",
        )

    def withdraw(self) -> None:
        """Withdrawing consent erases the rest"""
        say("Disks may answer too, for once. The receiver is switched off, so that new reports have to wait:")
        self._ctl("consent", "application", DISKS, "--system", "inherit", "--usage", "inherit", "--yes")
        lines(pages.last_paragraph(self._ctl("consent", "accept", DISKS, "--yes")))
        self._stage.receiver.stop()
        self._stage.measure()
        lines(self._ctl("submit"))
        self._stage.measure()
        waiting = [one for one in json.loads(self._stage.telemetryctl("history", "--json")) if one["outcome"] == "queued"]
        texts = [_trace(one["body"]) for one in waiting]
        check(len(waiting) == len(WANTED) + 1, f"{len(waiting)} reports wait, and their applications have pushed again since")
        check(_missing(self._stage, texts) == [], "by their nonces they are found in the files of the state directory")
        check(self._tallies() > 0, f"and so are {self._tallies()} tallies of the running period")
        lines(pages.first_paragraph(self._ctl("consent", "global", "--system", "off", "--usage", "off")))
        check(_missing(self._stage, texts) == texts, "after it, a search of all files, logs of the databases included, finds none of them")
        check(self._tallies() == 0, "no tally is left")
        check(json.loads(self._stage.telemetryctl("preview", "--json")) == [], "nothing waits, and nothing would be sent")
        lines(self._ctl("history"))
        say(
            "Of reports that reached nobody the history says `erased`, and keeps no byte. What remains: your own decisions, the "
            "texts of the questions, and the history of what was sent, which `telemetryctl erase --all` removes."
        )

    def leave(self) -> None:
        """The end"""
        check(self._stage.stop_daemon() == 0, "the daemon exits when it is told to, with status 0")

    def _ctl(self, *arguments: str) -> str:
        """Run telemetryctl as a person would, and show the command."""
        command("telemetryctl", *arguments)
        return self._stage.telemetryctl(*arguments)

    def _tallies(self) -> int:
        """Rows of running tallies, counted by another process than the daemon."""
        (path,) = self._stage.state.glob("*telemetry.sqlite")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM tally").fetchone()[0])


def _answers(told: str) -> str:
    return "\n".join(line for line in told.splitlines() if "answered" in line)


def _answer(body: bytes | str) -> list[str]:
    return list(json.loads(body)["answer"])


def _nonces(requests: list[Any]) -> set[str]:
    return {json.loads(request.body)["nonce"] for request in requests}


def _blanked(requests: list[Any]) -> list[bytes]:
    """The bodies, each with zeros in the place of its nonce."""
    return sorted(request.body.replace(json.loads(request.body)["nonce"].encode(), BLANK_NONCE.encode()) for request in requests)


def _without_answer(body: bytes) -> str:
    """What the noise has no part in."""
    return json.dumps({key: value for key, value in json.loads(body).items() if key != "answer"})


def _trace(body: str) -> str:
    """What a search of the disk can find a waiting report by: no other holds its nonce."""
    return str(json.loads(body)["nonce"])


def _missing(stage: Stage, texts: list[str]) -> list[str]:
    """Those texts that no file of the state directory holds."""
    held = b"".join(stage.files().values())
    return [text for text in texts if text.encode() not in held]


def _play() -> None:
    with Stage() as stage:
        pages.title(stage.receiver.url, str(stage.folder), is_tracking_refused=bool(os.environ.get("DO_NOT_TRACK")))
        demo = Demo(stage)
        steps: list[Callable[[], None]] = [
            demo.declare,
            demo.keep_nothing,
            demo.consent,
            demo.preview,
            demo.submit,
            demo.history,
            demo.withdraw,
            demo.leave,
        ]
        for number, step in enumerate(steps, 1):
            heading(f"{number}. {step.__doc__}")
            _take(step)
    check(not stage.folder.exists(), "its folder is gone")


def _take(step: Callable[[], None]) -> None:
    """One step; one that fails is named."""
    try:
        step()
    except AssertionError as failure:
        pages.failed(f"{step.__doc__}: it is not true that {failure}")
    except subprocess.CalledProcessError as failure:
        pages.failed(f"{step.__doc__}: {' '.join(map(str, failure.cmd))} ended with {failure.returncode}: {failure.stdout}")
    except Exception as failure:  # noqa: BLE001 - whatever it is, it belongs to this step
        pages.failed(f"{step.__doc__}: {type(failure).__name__}: {failure}")


def _give_up(*_: object) -> NoReturn:
    sys.exit(f"FAILED: it was told to stop, or did not end within {LONGEST_S} s")


def main() -> int:
    """Run the demo; the exit status."""
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, _give_up)
    signal.alarm(LONGEST_S)
    _play()
    say("Every line marked ✓ was checked just now.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
