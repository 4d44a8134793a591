/* Pushes as the last act of a program, over sd-bus. Argument: bare (sent, flushed, exit), queued (not even flushed), after (a call was
   awaited before). */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME "org.telemetryd.Telemetry1"
#define PATH "/org/telemetryd/Telemetry1"

static int answered(sd_bus_message *reply, void *data, sd_bus_error *error)
{
    (void)reply, (void)data, (void)error;
    return 0;
}

int main(int argc, char **argv)
{
    sd_bus *bus = NULL;
    if (argc != 2 || sd_bus_open_user(&bus) < 0)
        return 2;
    const char *way = argv[1];
    int done = 0;
    if (strcmp(way, "after") == 0)
        done = sd_bus_call_method(bus, NAME, PATH, NAME, "Push", NULL, NULL, "ssv", "org.example.Painter", "undo", "u", 1);
    if (done >= 0)
        done = sd_bus_call_method_async(bus, NULL, NAME, PATH, NAME, "Push", answered, NULL, "ssv", "org.example.Painter", "undo", "u", 3);
    if (done >= 0 && strcmp(way, "queued") != 0)
        done = sd_bus_flush(bus);
    return done < 0;
}
