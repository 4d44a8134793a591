#!/bin/sh
# `reuse lint` in an environment of its own (build/reuse): the tool brings a dozen packages that nothing else needs.
set -eu
cd "$(dirname "$0")/.."
tool=build/reuse/bin/reuse
[ -x "$tool" ] || {
    .venv/bin/python -m venv build/reuse
    build/reuse/bin/python -m pip install --quiet --disable-pip-version-check 'reuse>=5'
}
"$tool" lint --quiet || { "$tool" lint; exit 1; }
