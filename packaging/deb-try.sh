#!/bin/sh
# Inside a root: the packages are installed, answer their first call, are upgraded, removed and purged. usage: deb-try.sh FOLDER
set -eu
packages=$1
files() {
    find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /srv -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache \
        -o -path /var/log -o -path /etc/ld.so.cache \) -prune -o ! -type d -print | sort
}
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }; }
first_call() {
    # shellcheck disable=SC2016
    runuser -u ada -- env HOME=/home/ada dbus-run-session -- sh -c 'busctl --address="$DBUS_SESSION_BUS_ADDRESS" call \
        org.telemetryd.Control1 /org/telemetryd/Control1 org.telemetryd.Control1 ListApplications' 2>/dev/null
}

apt update
# What the packages need stays when they go: only files of their own count.
apt install --no-install-recommends $(dpkg-deb -f "$packages"/telemetryd_*.deb Depends | tr -d '\n' | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')
useradd --create-home ada
files >/tmp/before
apt install --no-install-recommends "$packages"/telemetryd_*.deb "$packages"/telemetryd-off_*.deb
echo "installed: $(dpkg-query -W telemetryd telemetryd-off | tr '\t\n' '  ')"
echo "first call: $(first_call)"
runuser -u ada -- telemetryctl check / | tail -n 3
echo "timer for everybody: $(systemctl --global is-enabled telemetryd-tick.timer)"
man --warnings --where telemetryd telemetryctl telemetryd.toml >/dev/null
apt remove telemetryd-off
# The same version again goes through the maintainer's scripts as an upgrade does.
apt install --reinstall "$packages"/telemetryd_*.deb
echo "first call after an upgrade: $(first_call)"
apt remove telemetryd
! command -v telemetryd || exit 1
dpkg --purge telemetryd >/dev/null
files >/tmp/after
diff /tmp/before /tmp/after | grep -v '^[0-9]' | grep -v ' /home/ada/' >/tmp/left || true
if [ -s /tmp/left ]; then
    echo 'left behind, or gone:'
    cat /tmp/left
    exit 1
fi
echo 'purged: no file is left but those of the user'
