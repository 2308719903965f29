#include "proto/response.h"

#include "proto/bytes.h"

/* "100 Unknown" to "599 Unknown", each of the same size. */
#define UNKNOWN(digits) digits " Unknown"
#define UNKNOWN_TEN(digits)                                                                 \
    UNKNOWN(digits "0"), UNKNOWN(digits "1"), UNKNOWN(digits "2"), UNKNOWN(digits "3"),     \
        UNKNOWN(digits "4"), UNKNOWN(digits "5"), UNKNOWN(digits "6"), UNKNOWN(digits "7"), \
        UNKNOWN(digits "8"), UNKNOWN(digits "9")
#define UNKNOWN_HUNDRED(digit)                                                  \
    UNKNOWN_TEN(digit "0"), UNKNOWN_TEN(digit "1"), UNKNOWN_TEN(digit "2"),     \
        UNKNOWN_TEN(digit "3"), UNKNOWN_TEN(digit "4"), UNKNOWN_TEN(digit "5"), \
        UNKNOWN_TEN(digit "6"), UNKNOWN_TEN(digit "7"), UNKNOWN_TEN(digit "8"), \
        UNKNOWN_TEN(digit "9")

enum { STATUS_FIRST = 100, STATUS_LAST = 599 };

static const char response_unknown[][sizeof(UNKNOWN("000"))] = {
    UNKNOWN_HUNDRED("1"), UNKNOWN_HUNDRED("2"), UNKNOWN_HUNDRED("3"),
    UNKNOWN_HUNDRED("4"), UNKNOWN_HUNDRED("5"),
};

#define STATUS(number, text) \
    case number:             \
        return SPAN(#number " " text)

struct span response_status_text(int status)
{
    switch (status) {
        STATUS(100, "Continue");
        STATUS(101, "Switching Protocols");
        STATUS(103, "Early Hints");
        STATUS(200, "OK");
        STATUS(201, "Created");
        STATUS(202, "Accepted");
        STATUS(203, "Non-Authoritative Information");
        STATUS(204, "No Content");
        STATUS(205, "Reset Content");
        STATUS(206, "Partial Content");
        STATUS(300, "Multiple Choices");
        STATUS(301, "Moved Permanently");
        STATUS(302, "Found");
        STATUS(303, "See Other");
        STATUS(304, "Not Modified");
        STATUS(307, "Temporary Redirect");
        STATUS(308, "Permanent Redirect");
        STATUS(400, "Bad Request");
        STATUS(401, "Unauthorized");
        STATUS(402, "Payment Required");
        STATUS(403, "Forbidden");
        STATUS(404, "Not Found");
        STATUS(405, "Method Not Allowed");
        STATUS(406, "Not Acceptable");
        STATUS(407, "Proxy Authentication Required");
        STATUS(408, "Request Timeout");
        STATUS(409, "Conflict");
        STATUS(410, "Gone");
        STATUS(411, "Length Required");
        STATUS(412, "Precondition Failed");
        STATUS(413, "Content Too Large");
        STATUS(414, "URI Too Long");
        STATUS(415, "Unsupported Media Type");
        STATUS(416, "Range Not Satisfiable");
        STATUS(417, "Expectation Failed");
        STATUS(421, "Misdirected Request");
        STATUS(422, "Unprocessable Content");
        STATUS(425, "Too Early");
        STATUS(426, "Upgrade Required");
        STATUS(428, "Precondition Required");
        STATUS(429, "Too Many Requests");
        STATUS(431, "Request Header Fields Too Large");
        STATUS(451, "Unavailable For Legal Reasons");
        STATUS(500, "Internal Server Error");
        STATUS(501, "Not Implemented");
        STATUS(502, "Bad Gateway");
        STATUS(503, "Service Unavailable");
        STATUS(504, "Gateway Timeout");
        STATUS(505, "HTTP Version Not Supported");
        STATUS(507, "Insufficient Storage");
        STATUS(511, "Network Authentication Required");
    default:
        break;
    }
    if (status < STATUS_FIRST || status > STATUS_LAST)
        return SPAN("500 Internal Server Error");
    return (struct span){ response_unknown[status - STATUS_FIRST], sizeof(UNKNOWN("000")) - 1 };
}

void response_bytes(struct response *response, struct span bytes)
{
    if (response->failed || bytes.size > response->size - response->used) {
        response->failed = true;
        return;
    }
    if (bytes.size)
        memcpy(response->data + response->used, bytes.data, bytes.size);
    response->used += bytes.size;
}

void response_begin(struct response *response, int status)
{
    response_bytes(response, SPAN("HTTP/1.1 "));
    response_bytes(response, response_status_text(status));
    response_end(response);
}

void response_field(struct response *response, struct span name, struct span value)
{
    response_bytes(response, name);
    response_bytes(response, SPAN(": "));
    response_bytes(response, value);
    response_end(response);
}

void response_number(struct response *response, struct span name, uint64_t value)
{
    enum { DIGITS_MAX = 20 };
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    response_field(response, name, (struct span){ digits + at, DIGITS_MAX - at });
}

void response_end(struct response *response)
{
    response_bytes(response, SPAN("\r\n"));
}

bool response_token_ok(struct span name)
{
    return name.size && bytes_are(name, BYTE_TOKEN);
}

bool response_value_ok(struct span value)
{
    return bytes_are_text(value);
}
