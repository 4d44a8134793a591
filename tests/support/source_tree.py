"""Where programs under test find telemetryd if it is not installed: PYTHONPATH, as it is for the tests themselves."""

import os


def inherited():
    """The variable for a program's environment, if there is one."""
    return {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}


def behind(*folders):
    """The variable with these folders before what it has."""
    return {"PYTHONPATH": os.pathsep.join([*map(str, folders), *inherited().values()])}
