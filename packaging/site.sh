#!/bin/sh
# The documents as a site, in build/site/html. Its tools are in an environment of their own (build/site/venv), in the versions and with the hashes
# of packaging/constraints.txt. A warning of Sphinx, a link that leads nowhere or anything that a page would load from elsewhere ends it with an error.
set -eu
cd "$(dirname "$0")/.."
venv=$PWD/build/site/venv
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; return 1; }; }
now=$({ printf '%s\n' "$PWD"; cat pyproject.toml packaging/constraints.txt; } | sha256sum)
if [ "$(cat "$venv/.ready" 2>/dev/null)" != "$now" ]; then
    mkdir -p build/site
    quietly .venv/bin/python -m venv --clear "$venv"
    awk '/^[^ #]/ { is_pip = /^pip==/ } is_pip' packaging/constraints.txt >"$venv/pip.txt"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check install --require-hashes --only-binary :all: --requirement "$venv/pip.txt"
    quietly "$venv/bin/python" -m pip install --require-hashes --only-binary :all: --constraint packaging/constraints.txt --group site
    printf '%s\n' "$now" >"$venv/.ready"
fi
exec "$venv/bin/python" packaging/site/website.py build/site
