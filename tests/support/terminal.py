"""A terminal with a person at it, for commands that ask."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from support.machine import ROOT, WAIT_S, until


def on_terminal(machine, *arguments, answer="", **environ):
    """(exit status, everything that stood on the terminal) of a command that a person runs and answers."""
    ours, theirs = pty.openpty()
    environment = {**machine.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environ}
    command = ["setsid", "--ctty", sys.executable, "-m", "telemetryd.ctl", *arguments]
    output = b""
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT) as process:
        os.close(theirs)
        try:
            while chunk := _read(ours):
                output += chunk
                if answer and re.search(rb"\[.+/.+\]: $", output):  # in the letters of the language
                    until(lambda: _sleeps(process.pid))  # before, Python would only note a Ctrl-C
                    os.write(ours, answer.encode())
                    answer = ""
            return process.wait(WAIT_S), output.decode()
        finally:
            process.kill()
            os.close(ours)


def words_on_terminal(machine, *arguments, answer):
    """The same without colours, with what stood on the terminal as one line."""
    status, output = on_terminal(machine, *arguments, answer=answer, NO_COLOR="1")
    return status, " ".join(re.sub(r"\x1b\[[0-9;]*m", "", output).split())


def _sleeps(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's end of file on a terminal
        return b""
