/* SPDX-License-Identifier: MIT
 * One push over GDBus that waits for its reply, at most two seconds.
 *
 *   cc push_glib.c $(pkg-config --cflags --libs gio-2.0)
 *
 * While a main loop runs, g_dbus_connection_call with a callback of NULL will do. The last push before the exit is this one.
 */
#include <gio/gio.h>

static void push(GDBusConnection *bus, const char *source, GVariant *value)
{
    GVariant *reply = g_dbus_connection_call_sync(
        bus, "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", "org.telemetryd.Telemetry1", "Push",
        g_variant_new("(ssv)", "org.example.Painter", source, value), NULL, G_DBUS_CALL_FLAGS_NONE, 2000, NULL, NULL);
    if (reply != NULL)
        g_variant_unref(reply);
}

int main(void)
{
    GDBusConnection *bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
    if (bus == NULL)
        return 0;
    push(bus, "undo", g_variant_new_uint32(3));
    g_object_unref(bus);
    return 0;
}
