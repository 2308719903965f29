#include "engine/instructions.h"

#include <string.h>

static int instructions_copy_one(const struct sys *sys, const struct uwo_instruction *from,
                                 struct instruction *to)
{
    if (from->kind == UWO_SEND) {
        to->data = from->data;
        if (from->flags & UWO_BORROW || to->count == 0)
            return 0;

        void *copy = sys->alloc(to->count);

        if (!copy)
            return -ENOMEM;
        to->data = memcpy(copy, from->data, to->count);
        to->flags |= OWNS_DATA;
        return 0;
    }
    to->offset = from->offset;
    to->fd = from->fd;
    if (from->flags & UWO_KEEP_FD) {
        to->fd = sys->duplicate(from->fd);
        if (to->fd < 0)
            return to->fd;
        to->flags |= OWNS_FD;
    }
    return 0;
}

void instructions_release(const struct sys *sys, const struct instruction *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].flags & OWNS_DATA)
            sys->release((void *)(uintptr_t)list[i].data);
        if (list[i].flags & OWNS_FD)
            sys->close(list[i].fd);
    }
}

/* Fill `list`; what was duplicated and copied is released again on failure. */
int instructions_copy(const struct sys *sys, const struct uwo_program *program,
                      const struct checked *checked, struct instruction *list)
{
    for (size_t i = 0; i < program->count; i++) {
        const struct uwo_instruction *from = &program->instructions[i];

        list[i] = (struct instruction){
            .kind = (uint8_t)from->kind,
            .flags = checked[i].from_pipe ? FROM_PIPE : 0,
            .fd = -1,
            .count = checked[i].count,
        };

        int status = instructions_copy_one(sys, from, &list[i]);

        if (status == 0)
            continue;
        instructions_release(sys, list, i);
        return status;
    }
    return 0;
}

/* From now on the descriptors that move are ours. */
void instructions_take(struct instruction *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].fd >= 0)
            list[i].flags |= OWNS_FD;
    }
}

/* Bytes that count against the high-water mark. */
uint64_t instructions_bytes(const struct instruction *list, uint32_t count)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (task_type_of(list[i].kind)->known_size)
            bytes += list[i].count;
    }
    return bytes;
}
