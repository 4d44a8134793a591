#!/bin/sh
# Installs telemetryd in every way that its users have, each in a fresh copy of a root of Debian 13, and lets busctl make the first call:
# `make install` for all users, pip --user, pipx and uv tool. The last three end with `telemetryctl install --user`.
# usage: packaging/installs.sh [WAY…]     (system user pipx uv) As root, with Debian's mmdebstrap and the package registry of Python.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo 'A root of Debian 13 is made and entered as root.' >&2; exit 1; }
here=$PWD
clean=$here/build/installs-root
packages='ca-certificates,passwd,dbus,dbus-bin,systemd,python3,python3-pip,python3-venv,pipx,python3-installer,python3-dbus-fast,python3-click,python3-platformdirs,python3-aiohttp,python3-pydantic'
packaging/bootstrap.sh test
.venv/bin/python -m hatchling build --target wheel --directory build/wheel >/dev/null 2>&1
if [ "$(cat "$clean/.packages" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$clean"
    mmdebstrap --quiet --variant=apt --include="$packages" trixie "$clean"
    chroot "$clean" useradd --create-home ada
    printf '%s\n' "$packages" >"$clean/.packages"
fi

# What each way is, as a shell's command: of root for `system`, of the user for the others.
system='python3 /srv/packaging/install.py --prefix /usr/local /srv/wheel/*.whl'
user='pip install --quiet --user --break-system-packages --no-warn-script-location /srv/wheel/*.whl && ~/.local/bin/telemetryctl install --user'
pipx='pipx install --quiet /srv/wheel/*.whl && ~/.local/bin/telemetryctl install --user'
uv='export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt; pip install --quiet --target ~/uv uv && ~/uv/bin/uv tool install --quiet --python /usr/bin/python3 /srv/wheel/*.whl && ~/.local/bin/telemetryctl install --user'
# shellcheck disable=SC2016
call='dbus-run-session -- sh -c '\''busctl --address="$DBUS_SESSION_BUS_ADDRESS" call org.telemetryd.Control1 /org/telemetryd/Control1 \
    org.telemetryd.Control1 ListApplications 2>&1'\'' 2>/dev/null'

for way in ${*:-system user pipx uv}; do
    root=$here/build/installs-$way
    rm -rf "$root"
    cp -a "$clean" "$root"
    mkdir -p "$root/srv/telemetryd"
    cp -r build/wheel packaging systemd dbus telemetryd "$root/srv/"
    # The registry is reached as this machine reaches it: by its names, its authorities, its settings of pip.
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
    eval "command=\$$way"
    # shellcheck disable=SC2154
    [ "$way" = system ] && as=root || as=ada
    # shellcheck disable=SC2016
    unshare --mount --pid --fork sh -euc '
        mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs -o mode=1777 tmp "$0/tmp"
        run() { chroot "$0" runuser -u "$1" -- env -i HOME="$(chroot "$0" sh -c "eval echo ~$1")" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 sh -euc "$2"; }
        run "$1" "$2" >"$0/tmp/log" 2>&1 || { cat "$0/tmp/log"; exit 1; }
        printf "%s: " "$3"
        run ada "$4"' "$root" "$as" "$command" "$way" "$call"
    rm -rf "$root"
done
