#!/bin/sh
# Inside a root: the packages are installed, answer their first call, open their window, are upgraded, removed and purged. usage: deb-try.sh FOLDER
set -eu
packages=$1
files() {
    find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /srv -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache \
        -o -path /var/log -o -path /etc/ld.so.cache \) -prune -o ! -type d -print | sort
}
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }; }
# What a package depends on, but for telemetryd itself: names only, the first of alternatives.
depends() { dpkg-deb -f "$1" Depends | tr -d '\n' | sed 's/([^)]*)//g; s/|[^,]*//g' | tr ',' '\n' | grep -v telemetryd; }
session() {
    # shellcheck disable=SC2016
    runuser -u ada -- env HOME=/home/ada XDG_RUNTIME_DIR=/run/ada QT_QPA_PLATFORM=offscreen LC_ALL=C.UTF-8 dbus-run-session -- sh -euc \
        'bus() { busctl --address="$DBUS_SESSION_BUS_ADDRESS" "$@"; }; '"$1" 2>/tmp/session.log || { cat /tmp/session.log >&2; return 1; }
}
first_call() { session 'bus call org.telemetryd.Control1 /org/telemetryd/Control1 org.telemetryd.Control1 ListApplications'; }

apt update
# What the packages need stays when they go: only files of their own count.
# shellcheck disable=SC2046
apt install --no-install-recommends $(for one in telemetryd telemetryd-settings; do depends "$packages"/${one}_*.deb; done)
useradd --create-home ada
install -d -o ada -m 0700 /run/ada
files >/tmp/before
apt install --no-install-recommends "$packages"/telemetryd_*.deb "$packages"/telemetryd-off_*.deb
echo "installed: $(dpkg-query -W telemetryd telemetryd-off | tr '\t\n' '  ')"
echo "first call: $(first_call)"
runuser -u ada -- telemetryctl check / | tail -n 3
echo "timer for everybody: $(systemctl --global is-enabled telemetryd-tick.timer)"
man --warnings --where telemetryd telemetryctl telemetryd.toml >/dev/null
! command -v telemetryd-settings || exit 1
apt remove telemetryd-off

apt install --no-install-recommends "$packages"/telemetryd-settings_*.deb
# Each file lies where a desktop looks for it, and in the window's package.
for file in bin/telemetryd-settings lib/systemd/user/telemetryd-notify.timer lib/systemd/user/telemetryd-notify.service \
    share/applications/org.telemetryd.Settings.desktop share/metainfo/org.telemetryd.Settings.metainfo.xml \
    share/icons/hicolor/scalable/apps/org.telemetryd.Settings.svg share/dbus-1/services/org.telemetryd.Settings.service \
    share/plasma/systemsettings/externalmodules/telemetryd-settings.desktop share/kservices5/telemetryd-settings.desktop \
    share/man/man1/telemetryd-settings.1.gz; do
    [ "$(dpkg-query -S "/usr/$file" 2>&1)" = "telemetryd-settings: /usr/$file" ] && [ -s "/usr/$file" ] || { echo "not there: /usr/$file"; exit 1; }
done
for file in share/bash-completion/completions/telemetryctl share/zsh/site-functions/_telemetryctl \
    share/fish/vendor_completions.d/telemetryctl.fish share/man/man1/telemetryctl.1.gz share/man/man5/telemetryd.toml.5.gz \
    share/man/man8/telemetryd.8.gz share/dbus-1/interfaces/org.telemetryd.Control1.xml; do
    [ "$(dpkg-query -S "/usr/$file" 2>&1)" = "telemetryd: /usr/$file" ] && [ -s "/usr/$file" ] || { echo "not there: /usr/$file"; exit 1; }
done
man --warnings --where telemetryd-settings >/dev/null
grep -qx 'Exec=/usr/bin/telemetryd-settings --service' /usr/share/dbus-1/services/org.telemetryd.Settings.service
echo "window's files: in their places, of one package"
echo "notifications for everybody: $(systemctl --global is-enabled telemetryd-notify.timer)"
# The bus starts the window, as a desktop has it do; the window has the bus start the daemon. Both run what was installed.
# shellcheck disable=SC2016
window='
pid() { bus call org.freedesktop.DBus / org.freedesktop.DBus GetConnectionUnixProcessID s "$1" 2>/dev/null | sed "s/u //"; }
bus call org.telemetryd.Settings /org/telemetryd/Settings org.freedesktop.Application Activate "a{sv}" 0
for try in $(seq 100); do [ -z "$(pid org.telemetryd.Control1)" ] || break; sleep 0.1; done
for name in Settings Control1; do printf "%s\n" "$(tr "\0" " " <"/proc/$(pid org.telemetryd.$name)/cmdline")"; done
sleep 1
kill -0 "$(pid org.telemetryd.Settings)"
kill "$(pid org.telemetryd.Settings)"'
session "$window" >/tmp/window
grep -q '/usr/bin/telemetryd-settings --service' /tmp/window && grep -q '/usr/bin/telemetryd ' /tmp/window || { cat /tmp/window; exit 1; }
! grep -i 'traceback\|error' /tmp/session.log || exit 1
echo "window: opened by a call, without a word of complaint: $(tr '\n' ';' </tmp/window)"

# The same version again goes through the maintainer's scripts as an upgrade does.
apt install --reinstall "$packages"/telemetryd_*.deb "$packages"/telemetryd-settings_*.deb
echo "first call after an upgrade: $(first_call)"
apt remove telemetryd-settings
echo "without the window: $(first_call)"
apt remove telemetryd
! command -v telemetryd || exit 1
dpkg --purge telemetryd telemetryd-settings >/dev/null 2>&1
files >/tmp/after
diff /tmp/before /tmp/after | grep -v '^[0-9]' | grep -v ' /home/ada/\| /run/ada/' >/tmp/left || true
if [ -s /tmp/left ]; then
    echo 'left behind, or gone:'
    cat /tmp/left
    exit 1
fi
echo 'purged: no file is left but those of the user'
