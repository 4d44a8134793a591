/* SPDX-License-Identifier: MIT
 * One push over sd-bus that waits for its reply, at most two seconds.
 *
 *   cc push_sd_bus.c -lsystemd
 */
#include <systemd/sd-bus.h>

static void push(sd_bus *bus, const char *source, unsigned value)
{
    /* An error is nobody's: where telemetryd is not installed, nothing else happens. */
    sd_bus_call_method(bus, "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", "org.telemetryd.Telemetry1", "Push",
                       NULL, NULL, "ssv", "org.example.Painter", source, "u", value);
}

int main(void)
{
    sd_bus *bus = NULL;
    if (sd_bus_open_user(&bus) < 0)
        return 0;
    sd_bus_set_method_call_timeout(bus, 2 * 1000 * 1000); /* microseconds; 25 s without this line */
    push(bus, "undo", 3);
    sd_bus_flush_close_unref(bus);
    return 0;
}
