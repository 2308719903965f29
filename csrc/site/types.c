/* types: a binary search over the sorted table. */
#include "site/types.h"

/* What stands behind the last dot of the last component. */
static struct span types_ending(struct span name)
{
    for (size_t at = name.size; at > 0 && name.data[at - 1] != '/'; at--) {
        if (name.data[at - 1] == '.')
            return (struct span){ name.data + at, name.size - at };
    }
    return (struct span){ NULL, 0 };
}

/* Like strcmp: `ending` in lower case against an entry's. */
static int types_compare(struct span ending, const char *entry)
{
    for (size_t i = 0; i < ending.size; i++) {
        int difference = (unsigned char)span_lower(ending.data[i]) - (unsigned char)entry[i];

        if (difference || entry[i] == '\0')
            return difference ? difference : 1; /* an ending that goes on behind a NUL of its own */
    }
    return entry[ending.size] == '\0' ? 0 : -1;
}

struct span types_of(const struct types *types, struct span name)
{
    struct span ending = types_ending(name);
    uint32_t low = 0;
    uint32_t high = types->count;

    while (low < high && ending.size > 0) {
        uint32_t middle = low + (high - low) / 2;
        int order = types_compare(ending, types->entries[middle].ending);

        if (order == 0) {
            const char *type = types->entries[middle].type;
            return (struct span){ type, strlen(type) };
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SPAN("application/octet-stream");
}
