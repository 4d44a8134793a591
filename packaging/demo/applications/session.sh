#!/bin/sh
# Session: whether the desktop session is a Wayland one; in a shell, with dbus-send. Its manifest is installed, so it need not register.
set -eu

push() {
    dbus-send --session --print-reply --dest=org.telemetryd.Telemetry1 /org/telemetryd/Telemetry1 \
        org.telemetryd.Telemetry1.Push string:org.example.session "string:$1" "variant:$2" >/dev/null
}

if [ "${XDG_SESSION_TYPE-}" = wayland ] || [ -n "${WAYLAND_DISPLAY-}" ]; then
    wayland=true
else
    wayland=false
fi
echo "Session    looked: is this session a Wayland one? $wayland"
push wayland "boolean:$wayland"
push org.example.shared/used uint32:1
echo "Session    was answered: thank you, no more is said"
