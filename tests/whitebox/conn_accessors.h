/* What cffi compiles of csrc/conn. */
#include "conn/conn.h"

static void wb_conn_limit_heads(struct conn_limits *limits, uint32_t head_size,
                                uint32_t target_size, uint32_t field_count)
{
    limits->head = (struct http_limits){ head_size, target_size, field_count };
}

static uint64_t wb_conn_passed(const struct conn *conn)
{
    return conn->body.passed;
}
