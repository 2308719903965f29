/* uwsgi packets.  Input: the limit in units of 16 bytes, a byte; then a packet. */
#include "fuzz.h"
#include "proto/path.h"
#include "proto/uwsgi_packet.h"

static void check(const struct request *request, const char *packet, size_t size)
{
    const struct span spans[] = { request->method_name, request->target, request->path,
                                  request->query,       request->host,   request->remote };

    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        ensure(fuzz_inside(spans[i], packet, size));
    ensure(request->method_name.size && request->minor <= 1);
    ensure(!request->keep_alive && !request->chunked && !request->expect_continue);
    ensure(request->content_length == REQUEST_NO_LENGTH || request->content_length <= INT64_MAX);
    ensure(request->field_count <= REQUEST_FIELDS_MAX);
    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct field *field = &request->fields[i];

        ensure(field->name.data && field->name.size);
        ensure(fuzz_inside(field->value, packet, size));
        ensure(field->known == FIELD_UNKNOWN || field->known == request_known(field->name));
        ensure(field->next == 0 || field->next > i + 1);
    }
}

static void use_path(const struct request *request)
{
    char *path = malloc(request->path.size + 1);
    size_t path_size;

    ensure(path);
    if (path_normalize(request->path, request->decoded, path, &path_size) == 0)
        ensure(path[0] == '/' && strlen(path) == path_size && !strstr(path, "/../"));
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    size_t end = 0;
    char *packet;
    enum uwsgi_scan found;

    if (size < 1)
        return 0;
    packet = fuzz_copy(data + 1, size - 1);
    found = uwsgi_packet_scan(packet, size - 1, data[0] * 16u, &end);
    for (size_t cut = 0; cut < size - 1; cut++) {
        size_t unset = 0;
        enum uwsgi_scan before = uwsgi_packet_scan(packet, cut, data[0] * 16u, &unset);

        ensure(before == UWSGI_SCAN_MORE || before == found);
    }
    if (found != UWSGI_SCAN_REQUEST)
        end = size - 1; /* not for a connection, but it must not do harm */
    free(packet);
    packet = fuzz_copy(data + 1, end);
    memset(&request, 0xa5, sizeof request);
    if (uwsgi_packet_parse(packet, end, &request) == 0) {
        check(&request, packet, end);
        use_path(&request);
    }
    free(packet);
    return 0;
}
