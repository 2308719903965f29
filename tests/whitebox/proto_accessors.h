/* What cffi compiles of csrc/proto. */
#include "proto/accept.h"
#include "proto/date.h"
#include "proto/etag.h"
#include "proto/http_body.h"
#include "proto/http_head.h"
#include "proto/path.h"
#include "proto/range.h"
#include "proto/request.h"
#include "proto/response.h"
#include "proto/uwsgi_packet.h"

static struct span wb_request_field(const struct request *request, enum known_field known)
{
    return request_field(request, known);
}
