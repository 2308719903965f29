#include <string.h>

#include "base/ensure.h"
#include "engine/engine.h"

static const uint64_t SLOT_MASK = (UINT64_C(1) << ID_SLOT_BITS) - 1;
static const uint64_t SEQUENCE_MASK = (UINT64_C(1) << (63 - ID_SLOT_BITS - EVENT_TAG_BITS)) - 1;

/* Below this many slots nothing is trimmed: 1 MiB of arena or so. */
enum { TRIM_FROM = 4096, PAGE = 4096 };

struct transfer *transfer_find(struct uwo_engine *engine, uint64_t id)
{
    uint64_t slot = id & SLOT_MASK;

    if (slot >= engine->options.transfers_max || id == 0)
        return NULL;

    struct transfer *transfer = &engine->arena[slot];

    return atomic_load_explicit(&transfer->id, memory_order_relaxed) == id ? transfer : NULL;
}

struct transfer *transfer_reserve(struct uwo_engine *engine)
{
    int32_t slot = slots_take(&engine->slots);

    if (slot < 0)
        return NULL;
    if ((uint32_t)slot >= engine->arena_top)
        engine->arena_top = (uint32_t)slot + 1;
    engine->sequence = (engine->sequence + 1) & SEQUENCE_MASK;
    if (engine->sequence == 0)
        engine->sequence = 1;

    struct transfer *transfer = &engine->arena[slot];

    /* All but the id, at which a loop with a stale event may be looking. */
    memset((char *)transfer + sizeof transfer->id, 0, sizeof *transfer - sizeof transfer->id);
    transfer->client_fd = -1;
    transfer->was_nonblocking = true; /* until it is made so, there is nothing to restore */
    timer_init(&transfer->timer);
    atomic_store_explicit(&transfer->id, engine->sequence << ID_SLOT_BITS | (uint64_t)slot,
                          memory_order_relaxed);
    return transfer;
}

/* After a burst: give the pages above three quarters of emptiness back to the system. */
static void transfer_trim(struct uwo_engine *engine)
{
    if (engine->arena_top < TRIM_FROM || engine->slots.taken_count > engine->arena_top / 4)
        return;
    if (++engine->freed < engine->arena_top / 64) /* the look below takes as many steps */
        return;
    engine->freed = 0;

    uint32_t top = slots_top(&engine->slots, engine->arena_top - 1);
    uintptr_t start = (uintptr_t)&engine->arena[top];
    uintptr_t end = (uintptr_t)&engine->arena[engine->arena_top];

    start = (start + PAGE - 1) / PAGE * PAGE;
    end = (end + PAGE - 1) / PAGE * PAGE;
    if (top > engine->arena_top / 2 || start >= end)
        return;
    engine->sys->arena_trim((void *)start, end - start);
    engine->arena_top = top;
}

void transfer_free(struct uwo_engine *engine, struct transfer *transfer)
{
    ensure(!transfer->extra && transfer->client_fd < 0);
    atomic_store_explicit(&transfer->id, 0, memory_order_relaxed);
    slots_put(&engine->slots, (uint32_t)(transfer - engine->arena));
    transfer_trim(engine);
}

bool transfer_own(struct uwo_engine *engine, int client_fd)
{
    uint64_t bit = UINT64_C(1) << (client_fd % 64);

    if (client_fd >= OWNED_MAX)
        return true;
    if (engine->owned[client_fd / 64] & bit)
        return false;
    engine->owned[client_fd / 64] |= bit;
    return true;
}

void transfer_disown(struct uwo_engine *engine, int client_fd)
{
    if (client_fd >= 0 && client_fd < OWNED_MAX)
        engine->owned[client_fd / 64] &= ~(UINT64_C(1) << (client_fd % 64));
}

struct extra *transfer_extra(const struct sys *sys, struct transfer *transfer)
{
    if (!transfer->extra) {
        transfer->extra = sys->alloc(sizeof *transfer->extra);
        if (!transfer->extra)
            return NULL;
        *transfer->extra = (struct extra){
            .peer_fd = -1,
            .promised = UNPROMISED,
            .job.owner = transfer,
        };
        list_init(&transfer->extra->starved);
    }
    return transfer->extra;
}

void transfer_release(const struct sys *sys, struct transfer *transfer, uint32_t end)
{
    struct instruction *list = (struct instruction *)(uintptr_t)transfer->program.list;

    for (; transfer->released < end; transfer->released++) {
        struct instruction *instruction = &list[transfer->released];

        if (instruction->flags & OWNS_DATA)
            sys->release((void *)(uintptr_t)instruction->data);
        if (instruction->flags & OWNS_FD)
            sys->close(instruction->fd);
        instruction->flags = 0;
    }
}

void transfer_forget(const struct sys *sys, struct transfer *transfer)
{
    struct extra *extra = transfer->extra;

    transfer_release(sys, transfer, transfer->program.count);
    if (transfer->program.list != transfer->first)
        sys->release((void *)(uintptr_t)transfer->program.list);
    transfer->program.list = transfer->first;
    if (!extra)
        return;
    if (extra->inbox) { /* appended and never begun */
        transfer->released = 0;
        program_grow(&transfer->program, extra->inbox, extra->inbox_count, 0);
        extra->inbox = NULL;
        transfer_forget(sys, transfer);
        return;
    }
    if (extra->leftover_used < extra->leftover_size)
        return; /* goes with the DONE event */
    sys->release(extra->leftover);
    sys->release(extra);
    transfer->extra = NULL;
}

int transfer_unsent(const struct sys *sys, const struct transfer *transfer)
{
    /* A UNIX socket counts the memory of what it holds, hundreds of bytes for the smallest piece,
     * and gives the last of each back only after it has told us that there is room. */
    enum { CRUMBS = 64 };
    int unsent = transfer->client_fd >= 0 ? sys->unsent(transfer->client_fd) : -EBADF;

    if (unsent > 0 && !transfer->tcp && unsent < CRUMBS)
        return 0;
    if (unsent > 0 && transfer->tcp && atomic_load(&transfer->shut))
        return unsent - 1; /* our FIN counts as a byte */
    return unsent;
}

int transfer_lost(const struct sys *sys, struct transfer *transfer)
{
    if (!transfer->tcp && transfer->client_fd >= 0 && !atomic_load(&transfer->lost)) {
        int error = sys->error(transfer->client_fd);

        if (error)
            atomic_store(&transfer->lost, (uint8_t)error);
    }
    return atomic_load(&transfer->lost);
}

uint64_t transfer_acked(const struct sys *sys, struct transfer *transfer)
{
    uint64_t acked = atomic_load_explicit(&transfer->bytes_acked, memory_order_relaxed);
    uint64_t queued = atomic_load_explicit(&transfer->bytes_queued, memory_order_relaxed);
    int unsent = transfer_unsent(sys, transfer);
    uint64_t now_acked;

    if (unsent < 0)
        return acked;
    /* What a UNIX socket no longer holds was read, or dropped when its peer went; then it says so,
     * and did before it dropped them. */
    if (transfer_lost(sys, transfer))
        return acked;
    now_acked = (uint64_t)unsent < queued ? queued - (uint64_t)unsent : 0;
    /* Not a counter of this socket alone: never let it go back. */
    while (now_acked > acked &&
           !atomic_compare_exchange_weak(&transfer->bytes_acked, &acked, now_acked))
        ;
    return now_acked > acked ? now_acked : acked;
}

bool transfer_post(struct uwo_engine *engine, struct transfer *transfer, uint32_t flag)
{
    struct mailbox *box = &engine->loops[transfer->thread].mailbox;

    if (atomic_fetch_or(&transfer->mail_flags, flag) != 0)
        return false; /* it is in the box already */
    return mailbox_post(box, &transfer->mail);
}
