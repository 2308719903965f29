/* task/op.h */
enum op_kind {
    OP_NONE, OP_SEND, OP_SEND_FILE, OP_PREFETCH, OP_SPLICE, OP_RECEIVE, OP_WRITE, OP_WAIT, OP_MORE,
    OP_PUSH, OP_SHUTDOWN, OP_SETTLE, OP_LINGER, OP_CLOSE, OP_ABORT, OP_RETURN, OP_COUNT, ...
};
enum endpoint { END_NONE, END_CLIENT, END_PEER, END_FILE, END_DISK, END_MEMORY, ... };
struct op {
    uint8_t kind;
    bool more;
    union {
        const void *data;
        int64_t offset;
        uint64_t until_us;
    };
    uint64_t length;
    ...;
};
struct op_result {
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint8_t side;
    int error;
    ...;
};

/* task/task.h */
struct instruction {
    uint8_t kind;
    uint8_t flags;
    int32_t fd;
    uint64_t count;
    union {
        int64_t offset;
        const void *data;
    };
    ...;
};
struct task {
    struct op want;
    uint64_t left;
    uint32_t held;
    int16_t outcome;
    uint8_t side;
    ...;
};
struct task_type {
    const char *name;
    const char *summary;
    uint8_t kind;
    bool known_size;
    ...;
};
const struct task_type *task_type_of(uint32_t kind);
void task_open(struct task *task, const struct instruction *instruction);
void task_step(struct task *task, const struct op_result *result);
bool wb_task_done(const struct task *task);
int wb_task_state(const struct task *task);
const struct task_type *wb_task_type(unsigned index);

/* task/limits.h */
struct limits {
    uint64_t started_us;
    uint64_t progress_us;
    uint64_t moved;
    uint32_t deadline_ms;
    uint32_t no_progress_ms;
    ...;
};
struct rate_floor {
    uint64_t rate;
    uint32_t window_ms;
    ...;
};
struct pace {
    uint64_t rate;
    uint64_t tokens;
    uint64_t filled_us;
    ...;
};
void limits_start(struct limits *limits, uint64_t now_us);
int limits_judge(struct limits *limits, struct rate_floor *floor, uint64_t now_us, uint64_t moved,
                 bool owed);
uint64_t limits_next_us(const struct limits *limits, const struct rate_floor *floor,
                        uint64_t now_us);
void rate_floor_start(struct rate_floor *floor, uint64_t now_us);
int64_t wb_rate_floor_lump(void);
void pace_start(struct pace *pace, uint64_t now_us);
uint64_t pace_allowance(struct pace *pace, uint64_t now_us);
uint64_t pace_next_us(const struct pace *pace, uint64_t now_us);
void pace_spend(struct pace *pace, uint64_t bytes);

/* task/program.h */
struct program {
    const struct instruction *list;
    uint32_t count;
    uint32_t at;
    struct task task;
    uint64_t bytes_queued;
    uint64_t bytes_received;
    int error;
    uint8_t outcome;
    uint8_t stopped;
    ...;
};
void program_init(struct program *program, const struct instruction *list, uint32_t count,
                  bool growing);
bool program_next(struct program *program, struct pace *pace, uint64_t now_us, struct op *op);
void program_step(struct program *program, struct pace *pace, const struct op *op,
                  const struct op_result *result);
void program_stop(struct program *program, uint8_t outcome, int error);
void program_grow(struct program *program, const struct instruction *list, uint32_t count,
                  uint32_t at);
void program_finish(struct program *program);
bool program_waiting(const struct program *program);
bool program_is_bulk(const struct program *program);
int wb_program_state(const struct program *program);

/* task/ending.h */
struct ending {
    int16_t error;
    ...;
};
void ending_init(struct ending *ending, bool give_back, bool settle, bool failed);
bool ending_next(const struct ending *ending, struct op *op);
void ending_step(struct ending *ending, const struct op_result *result);
int wb_ending_state(const struct ending *ending);
bool wb_ending_lost(const struct ending *ending);

/* base */
struct slots {
    uint32_t capacity;
    uint32_t taken_count;
    ...;
};
size_t slots_memory_size(uint32_t capacity);
void slots_init(struct slots *slots, void *memory, uint32_t capacity);
int32_t slots_take(struct slots *slots);
void slots_put(struct slots *slots, uint32_t slot);
uint32_t slots_top(const struct slots *slots, uint32_t from);

struct timer {
    uint64_t at_ms;
    ...;
};
struct timers {
    uint64_t now_ms;
    ...;
};
void timers_init(struct timers *timers, uint64_t now_ms);
void timer_init(struct timer *timer);
void timers_set(struct timers *timers, struct timer *timer, uint64_t at_ms);
void timers_clear(struct timer *timer);
uint64_t timers_next(struct timers *timers);
struct timer *wb_timers_take(struct timers *timers, uint64_t now_ms);

/* include/uwoffload.h */
enum uwo_kind { UWO_SEND, UWO_SEND_FILE, UWO_SPLICE, UWO_RECEIVE_FILE, ... };
enum uwo_outcome {
    UWO_FINISHED, UWO_CANCELLED, UWO_DEADLINE, UWO_NO_PROGRESS, UWO_TOO_SLOW, UWO_CLIENT_GONE,
    UWO_SOURCE_SHORT, UWO_SOURCE_FAILED, UWO_UPLOAD_SHORT, UWO_DISK_FAILED, UWO_NO_RESOURCE, ...
};
