/* The yardstick: a service on sd-bus that takes the same calls as telemetryd and answers each with an empty reply. It looks at nothing.
 *
 *     service NAME PATH INTERFACE
 *
 * Says "ready" on its standard output once it owns the name.
 */
#include <stdio.h>
#include <systemd/sd-bus.h>

static int answer(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    (void) userdata;
    (void) error;
    return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable members[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Push", "ssv", "", answer, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("PushMany", "sa{sv}", "", answer, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(int argc, char **argv) {
    sd_bus *bus = NULL;
    int result;

    if (argc != 4)
        return 2;
    if ((result = sd_bus_open_user(&bus)) < 0 || (result = sd_bus_add_object_vtable(bus, NULL, argv[2], argv[3], members, NULL)) < 0 ||
        (result = sd_bus_request_name(bus, argv[1], 0)) < 0) {
        fprintf(stderr, "service: error %d\n", -result);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (result >= 0)
        result = sd_bus_process(bus, NULL) ? result : sd_bus_wait(bus, UINT64_MAX);
    return 0;
}
