/* conditions: judged in the order of RFC 9110 section 13.2.2.
 *
 *   If-Match            -- not listed ---> 412
 *   else If-Unmodified-Since -- later ---> 412
 *   If-None-Match       -- listed -------> 304     -- not listed ---> met
 *   else If-Modified-Since -- not later -> 304
 *   Range, GET only     -- If-Range of another state ---> as if there were no Range
 */
#include "site/conditions.h"

#include "proto/date.h"
#include "proto/etag.h"

/* The value of a field that must stand alone; data NULL when it is missing or repeated. */
static struct span conditions_single(const struct request *request, enum known_field known)
{
    uint8_t first = request->first[known];

    if (first == 0 || request->fields[first - 1].next)
        return (struct span){ NULL, 0 };
    return request->fields[first - 1].value;
}

static bool conditions_date(const struct request *request, enum known_field known,
                            int64_t now_seconds, int64_t *date)
{
    struct span value = conditions_single(request, known);

    return value.data && date_parse(value, now_seconds, date);
}

enum conditions conditions_judge(const struct request *request, const struct validators *validators,
                                 int64_t now_seconds)
{
    int64_t date;

    if (request->first[FIELD_IF_MATCH]) {
        if (!etag_listed(request, FIELD_IF_MATCH, validators->tag, false))
            return CONDITIONS_FAILED;
    } else if (conditions_date(request, FIELD_IF_UNMODIFIED_SINCE, now_seconds, &date)) {
        if (validators->modified > date)
            return CONDITIONS_FAILED;
    }
    if (request->first[FIELD_IF_NONE_MATCH]) {
        if (etag_listed(request, FIELD_IF_NONE_MATCH, validators->tag, true))
            return CONDITIONS_NOT_MODIFIED;
    } else if (conditions_date(request, FIELD_IF_MODIFIED_SINCE, now_seconds, &date)) {
        if (validators->modified <= date)
            return CONDITIONS_NOT_MODIFIED;
    }
    return CONDITIONS_MET;
}

/* A date is as good as a strong tag only when the file had a second to change after it without
 * showing it: both are whole seconds, so it takes a difference of two to be sure of one. */
static bool conditions_same_state(const struct request *request,
                                  const struct validators *validators, int64_t now_seconds)
{
    struct span value = conditions_single(request, FIELD_IF_RANGE);
    int64_t date;

    if (value.size > 0 && value.data[0] == '"')
        return span_is(value, validators->tag);
    return value.data && date_parse(value, now_seconds, &date) && date == validators->modified &&
           date <= now_seconds - 2;
}

struct span conditions_range(const struct request *request, const struct validators *validators,
                             int64_t now_seconds)
{
    if (request->method != METHOD_GET)
        return (struct span){ NULL, 0 };
    if (request->first[FIELD_IF_RANGE] && !conditions_same_state(request, validators, now_seconds))
        return (struct span){ NULL, 0 };
    return conditions_single(request, FIELD_RANGE);
}
