/* Calls both interfaces through what gdbus-codegen made of them. Argument: an application with an installed manifest. */
#include "control1.h"
#include "telemetry1.h"

static int failed(GError *error)
{
    g_printerr("%s\n", error->message);
    return 1;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    if (argc != 2)
        return 2;
    TelemetrydTelemetry1 *telemetry = telemetryd_telemetry1_proxy_new_for_bus_sync(
        G_BUS_TYPE_SESSION, G_DBUS_PROXY_FLAGS_NONE, "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", NULL, &error);
    TelemetrydControl1 *control = error ? NULL : telemetryd_control1_proxy_new_for_bus_sync(
        G_BUS_TYPE_SESSION, G_DBUS_PROXY_FLAGS_NONE, "org.telemetryd.Control1", "/org/telemetryd/Control1", NULL, &error);
    if (error)
        return failed(error);
    if (!telemetryd_telemetry1_call_push_sync(telemetry, argv[1], "startup", g_variant_new_variant(g_variant_new_double(700.5)), NULL, &error))
        return failed(error);
    GVariant *rows = NULL;
    if (!telemetryd_control1_call_history_sync(control, 0, 0, &rows, NULL, &error))
        return failed(error);
    g_print("%zu rows, level %u\n", g_variant_n_children(rows), telemetryd_control1_get_usage(control));
    g_variant_unref(rows);
    g_object_unref(telemetry);
    g_object_unref(control);
    return 0;
}
