"""How many small mistakes in the code the tests would miss: mutants made by cosmic-ray, each tried with the tests of its module.

usage: python tests/mutants.py [--sample 600] [--minutes 30] [--seed N] [MODULE…]      (a part of `make campaign`; modules as paths)

Each worker mutates a copy of the tree under build/mutants. What survives the module's own tests is tried with the wider ones. Survivors
are printed with what was changed, if mutants_explained.py does not explain them. More than 5 % of them are an error. The same seed and tree
give the same sample. Of the two tools that are kept up, cosmic-ray hands out single mutations, of which a sample can be drawn; mutmut 3
tries all of a file.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from cosmic_ray.commands.init import init
from cosmic_ray.work_db import use_db
from mutants_explained import Mutant, explanation

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build/mutants"
PURE = ("core", "toml", "describe", "authoring")
"""Packages that are nothing but rules, and whose tests lie in folders of the same names."""
TESTS = {
    "telemetryd/engine/samples/period_close.py": ["tests/engine/samples/test_period_close.py"],
    "telemetryd/engine/samples/tallies.py": ["tests/engine/samples/test_tallies.py"],
    "telemetryd/store/consents.py": ["tests/store/test_consents.py"],
    "telemetryd/bus/dispatch.py": ["tests/bus/test_dispatch.py", "tests/bus/test_parity.py"],
    "telemetryd/bus/callers.py": ["tests/bus/test_callers.py", "tests/bus/test_identity.py"],
}
"""Modules outside of these, and the tests that are theirs."""
WIDER = {
    "telemetryd/engine/samples/period_close.py": ["tests/flow/test_report.py"],
    "telemetryd/store/consents.py": ["tests/engine/choices/test_decisions.py"],
    "telemetryd/authoring/models.py": ["tests/toml/test_schema.py"],
}
"""Modules, and the tests of other packages that are for them too."""
EQUAL = ("ReplaceBinaryOperator_BitOr", "ReplaceUnaryOperator_Delete_Not_None", "RemoveDecorator")
"""Operators of which nearly every mutant is the same program: `int | None` in an annotation, `@property` (which nothing then finds)."""
PYTEST = ("-m", "pytest", "-q", "-x")
ENVIRON = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(PLACE / "home")}
TIMEOUT_S = 120.0
UNEXPLAINED_MOST = 0.05
"""The largest part of the sample that may survive without an explanation."""
WORKERS = 2


def sample(modules, count, seed):
    """So many mutations of these modules, drawn evenly over all that there are."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with use_db(str(PLACE / "session.sqlite")) as found:
        init([Path(one) for one in modules], found, {})
        every = sorted(
            (item.mutations[0] for item in found.work_items), key=lambda one: (str(one.module_path), one.operator_name, one.occurrence)
        )
    every = [one for one in every if not one.operator_name.startswith(tuple(f"core/{name}" for name in EQUAL))]
    return random.Random(seed).sample(every, min(count, len(every))), len(every)


def _pure():
    found = [one for package in PURE for one in (ROOT / "telemetryd" / package).rglob("[!_]*.py")]
    return [str(one.relative_to(ROOT)) for one in sorted(found)]


def tests(module):
    """The tests of a module's own, then wider ones."""
    if module in TESTS:
        return [TESTS[module], *([WIDER[module]] if module in WIDER else [])]
    package = Path(module).parent.relative_to("telemetryd")
    own = f"tests/{package}/test_{Path(module).stem}.py"
    wider = [f"tests/{package.parts[0]}", *WIDER.get(module, ())]
    return [*([[own]] if (ROOT / own).exists() else []), wider]


def copy(number):
    """A tree of a worker's own, as git has it."""
    tree = PLACE / str(number)
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    _give_interpreter(tree)
    return tree


def _give_interpreter(tree):
    """An interpreter of the tree's own: its telemetryd, and this environment's packages. Uploaders take nothing from PYTHONPATH."""
    venv.create(tree / ".venv")
    (packages,) = (tree / ".venv/lib").glob("python*/site-packages")
    (packages / "tree.pth").write_text(f"{tree}\n{sysconfig.get_path('purelib')}\n")


def _python(tree):
    return str(tree / ".venv/bin/python")


TRY = """
import json, sys
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec
spec = json.loads(sys.argv[1])
done = mutate_and_test([MutationSpec(**spec)], sys.argv[2], float(sys.argv[3]))
outcome = done.test_outcome.value if done.test_outcome else ""
print(json.dumps([done.output == "timeout" and "timeout" or outcome, done.diff or ""]))
"""


def try_unchanged(modules, tree):
    """Without a mutation the tests pass in a copy: else every mutant would count as found."""
    chosen = sorted({one for module in modules for group in tests(module) for one in group})
    done = subprocess.run([_python(tree), *PYTEST, *chosen], cwd=tree, env=ENVIRON, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout[-2000:]}\nThe tests fail without any mutation.")


def attempt(spec, tree):
    """`killed`, `timeout`, `survived` or `incompetent`, and the difference."""
    told = {"module_path": str(spec.module_path), "operator_name": spec.operator_name, "occurrence": spec.occurrence}
    told |= {"start_pos": spec.start_pos, "end_pos": spec.end_pos, "operator_args": spec.operator_args}
    outcome, difference = "survived", ""
    for chosen in tests(str(spec.module_path)):
        command = " ".join([_python(tree), *PYTEST, *chosen])
        done = subprocess.run(
            [_python(tree), "-c", TRY, json.dumps(told), command, str(TIMEOUT_S)],
            cwd=tree,
            env=ENVIRON,
            capture_output=True,
            text=True,
            check=True,
        )
        outcome, difference = json.loads(done.stdout.splitlines()[-1])
        if outcome != "survived":
            break
    return outcome, difference


def run(specs, minutes):
    """Each mutation that there was time for, with its outcome and difference."""
    trees, end = Queue(), time.monotonic() + minutes * 60
    for number in range(WORKERS):
        trees.put(copy(number))

    def work(spec):
        if time.monotonic() > end:
            return None
        tree = trees.get()
        try:
            return (spec, *attempt(spec, tree))
        finally:
            trees.put(tree)

    with ThreadPoolExecutor(WORKERS) as pool:
        return [one for one in pool.map(work, specs) if one]


def explained(spec):
    """Why this mutant's survival is no gap; nothing if it may be one."""
    return explanation(Mutant(str(spec.module_path), tuple(spec.start_pos), spec.operator_name), ROOT)


def main():
    """Print the survivors and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=600)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    modules = given.modules or [*_pure(), *TESTS]
    try_unchanged(modules, copy(0))
    specs, population = sample(modules, given.sample, given.seed)
    tried = run(specs, given.minutes)
    survived = [one for one in tried if one[1] == "survived"]
    unexplained = [one for one in survived if not explained(one[0])]
    for spec, _, difference in unexplained:
        changed = [line for line in difference.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
        sys.stdout.write(f"{spec.module_path}:{spec.start_pos[0]}: {spec.operator_name}\n" + "".join(f"    {line}\n" for line in changed))
    part, late = len(unexplained) / max(1, len(tried)), sum(one[1] == "timeout" for one in tried)
    sys.stdout.write(
        f"{len(tried)} of {len(specs)} drawn from {population} mutants tried, {late} ran into the limit of {TIMEOUT_S:.0f} s;"
        f" seed {given.seed}\n"
        f"{len(survived)} survived, {len(survived) - len(unexplained)} of them explained, {len(unexplained)} unexplained ({part:.1%})\n"
    )
    sys.exit(part > UNEXPLAINED_MOST)


if __name__ == "__main__":
    main()
