#!/bin/sh
# SPDX-License-Identifier: MIT
# One push from a shell script, with whichever program is there. Each waits for the reply, at most two seconds, and its failure is nobody's.
with_busctl() {
    busctl --user --timeout=2 call org.telemetryd.Telemetry1 /org/telemetryd/Telemetry1 org.telemetryd.Telemetry1 \
        Push ssv org.example.Painter undo u 3
}
with_gdbus() {
    gdbus call --session --timeout 2 --dest org.telemetryd.Telemetry1 --object-path /org/telemetryd/Telemetry1 \
        --method org.telemetryd.Telemetry1.Push org.example.Painter undo '<uint32 3>'
}
with_dbus_send() {
    dbus-send --session --print-reply --reply-timeout=2000 --dest=org.telemetryd.Telemetry1 /org/telemetryd/Telemetry1 \
        org.telemetryd.Telemetry1.Push string:org.example.Painter string:undo variant:uint32:3
}
"${1:-with_busctl}" >/dev/null 2>&1 || true
