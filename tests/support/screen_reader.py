"""Does in the window what a screen reader does, over the accessibility bus. Runs on the system's Python, which has the library for it.

screen_reader.py tree [--until NAME | --until-checked NAME]     every object of the window, a JSON list from the top
screen_reader.py ask-too-much --until NAME                      [how many objects there are, how many of the children too many are there]
screen_reader.py press NAME                                     the first action of the object of this name
screen_reader.py hear NAME                                      the same; then the first text that the window has read out
"""

import argparse
import contextlib
import json
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 - only after the version is chosen

WAIT_S = 30
PROGRAM = "telemetryd-settings"


def main():
    """Do what the arguments say, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("act", choices=["tree", "press", "hear", "ask-too-much"])
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--until", default="")
    parser.add_argument("--until-checked", default="")
    chosen = parser.parse_args()
    wanted = chosen.name or chosen.until or chosen.until_checked
    state = Atspi.StateType.CHECKED if chosen.until_checked else Atspi.StateType.SHOWING
    found = wait_for(wanted, state)
    answer = found.get_action_iface().do_action(0) if chosen.act == "press" else tree()
    if chosen.act == "hear":
        answer = hear(found)
    elif chosen.act == "ask-too-much":
        answer = ask_too_much()
    sys.stdout.write(json.dumps(answer))


def hear(found):
    """Press an object, and the text that is announced by it."""
    loop, heard = GLib.MainLoop(), []

    def on_event(event):
        heard.append(str(event.any_data))
        loop.quit()

    listener = Atspi.EventListener.new(on_event)
    listener.register("object:announcement")
    found.get_action_iface().do_action(0)
    GLib.timeout_add_seconds(WAIT_S, loop.quit)
    loop.run()
    return heard


def tree():
    """The rows of the window, read again where an object was made anew meanwhile."""
    while True:
        with contextlib.suppress(GLib.Error):
            return [row(one) for one in walk(window())]


def ask_too_much():
    """Ask every object for children beyond its last, as a reader does that counted them before the page changed."""
    objects = list(walk(window()))
    beyond = [one.get_child_at_index(one.get_child_count() + more) for one in objects for more in range(4)]
    return len(objects), sum(child is not None for child in beyond)


def window():
    """The top of the program's window, or None."""
    desktop = Atspi.get_desktop(0)
    programs = [desktop.get_child_at_index(index) for index in range(desktop.get_child_count())]
    found = [one for one in programs if one and one.get_name() == PROGRAM and one.get_child_count()]
    return found[0].get_child_at_index(0) if found else None


def walk(top):
    """The object and all below it that are shown."""
    if top is None or not top.get_state_set().contains(Atspi.StateType.VISIBLE):
        return
    yield top
    for index in range(top.get_child_count()):
        yield from walk(top.get_child_at_index(index))


def wait_for(name, state):
    """The shown object of a name in a state, once it is there."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            found = [one for one in walk(window()) if (not name or one.get_name() == name) and one.get_state_set().contains(state)]
        except GLib.Error:  # it was made anew meanwhile
            found = []
        if found:
            return found[0]
        time.sleep(0.1)
    names = [one.get_name() for one in walk(window())]
    sys.exit(f"{name} was not there in time; there is: {names}")


def row(one):
    """What a reader can say of an object."""
    states = [state.value_nick for state in one.get_state_set().get_states()]
    return {"role": one.get_role_name(), "name": one.get_name(), "states": states}


if __name__ == "__main__":
    main()
