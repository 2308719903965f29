#include "task/ending.h"

#include "base/ensure.h"

enum { SHUTTING, SETTLING, LINGERING, CLOSING, ABORTING, PUSHING, RETURNING, ENDED };

void ending_init(struct ending *ending, bool give_back, bool settle, bool failed)
{
    *ending = (struct ending){
        .state = give_back ? PUSHING
                 : failed  ? ABORTING
                           : SHUTTING,
        .settle = settle,
    };
}

void ending_leave(struct ending *ending)
{
    *ending = (struct ending){ .state = CLOSING };
}

bool ending_next(const struct ending *ending, struct op *op)
{
    static const uint8_t wants[] = {
        [SHUTTING] = OP_SHUTDOWN, [SETTLING] = OP_SETTLE, [LINGERING] = OP_LINGER,
        [CLOSING] = OP_CLOSE,     [ABORTING] = OP_ABORT,  [PUSHING] = OP_PUSH,
        [RETURNING] = OP_RETURN,  [ENDED] = OP_NONE,
    };

    *op = (struct op){ .kind = wants[ending->state] };
    return ending->state != ENDED;
}

static void ending_lose(struct ending *ending, int error)
{
    ending->lost = true;
    ending->error = (int16_t)error;
    ending->state = ABORTING;
}

void ending_step(struct ending *ending, const struct op_result *result)
{
    switch (ending->state) {
    case SHUTTING:
    case SETTLING:
        if (result->error)
            ending_lose(ending, result->error);
        else if (ending->state == SHUTTING && ending->settle)
            ending->state = SETTLING;
        else
            ending->state = ending->plain ? CLOSING : LINGERING;
        return;
    case LINGERING:
    case PUSHING:
        ending->state++;
        return;
    case CLOSING:
    case ABORTING:
    case RETURNING:
        ending->state = ENDED;
        return;
    default:
        ensure(!"a result after the end");
    }
}
