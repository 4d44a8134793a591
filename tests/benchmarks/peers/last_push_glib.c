/* Pushes as the last act of a program, over GDBus. Argument: bare (sent, flushed, exit), queued (not even flushed), after (a call was
   awaited before). */
#include <gio/gio.h>
#include <string.h>

#define NAME "org.telemetryd.Telemetry1"
#define PATH "/org/telemetryd/Telemetry1"

static GVariant *sample(guint value)
{
    return g_variant_new("(ssv)", "org.example.Painter", "undo", g_variant_new_uint32(value));
}

int main(int argc, char **argv)
{
    GDBusConnection *bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
    if (argc != 2 || bus == NULL)
        return 2;
    if (strcmp(argv[1], "after") == 0)
        g_dbus_connection_call_sync(bus, NAME, PATH, NAME, "Push", sample(1), NULL, G_DBUS_CALL_FLAGS_NONE, 5000, NULL, NULL);
    g_dbus_connection_call(bus, NAME, PATH, NAME, "Push", sample(3), NULL, G_DBUS_CALL_FLAGS_NONE, 5000, NULL, NULL, NULL);
    if (strcmp(argv[1], "queued") != 0)
        g_dbus_connection_flush_sync(bus, NULL, NULL);
    return 0;
}
