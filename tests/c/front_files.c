/* front_files: the cache of open files by itself, and what a front makes of files that change, are
 * not in memory, or cannot be opened. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/files.h"
#include "faulty.h"
#include "gate.h"
#include "play.h"
#include "stand.h"

enum { NOW_US = 1000000000, VALID_US = 1000000, UNUSED_US = 20000000 };

/* ---- the cache by itself ---- */

static struct files cache;

static void cache_open(uint32_t max, uint64_t valid_us)
{
    if (files_init(&cache, sys_default, max, valid_us) < 0)
        play_give_up("a cache");
}

static struct sys_found found_file(uint64_t inode, uint64_t size, int64_t mtime_ns)
{
    return (struct sys_found){
        .fd = play_file(NULL, 0), .inode = inode, .size = size, .mtime_ns = mtime_ns
    };
}

static struct open_file *cache_learn(const char *name, struct sys_found found, uint64_t now_us)
{
    return files_learn(&cache, 1, 0, name, strlen(name), &found, now_us);
}

static struct open_file *cache_find(const char *name, uint64_t now_us)
{
    return files_find(&cache, 1, 0, name, strlen(name), now_us);
}

static void claim_believed_for_a_while(void)
{
    struct open_file *file;

    cache_open(10, VALID_US);
    CLAIM(!cache_find("a", NOW_US), "nothing is known at first");
    file = cache_learn("a", found_file(1, 2, 3), NOW_US);
    CLAIM(cache_find("a", NOW_US + VALID_US - 1) == file && file->info.kind == SITE_REGULAR,
          "a file is believed as long as it is valid");
    CLAIM(!cache_find("a", NOW_US + VALID_US), "and then looked up anew");
    CLAIM(!files_find(&cache, 2, 0, "a", 1, NOW_US) && !files_find(&cache, 1, 1, "a", 1, NOW_US) &&
              !cache_find("b", NOW_US) && !cache_find("aa", NOW_US),
          "another site, root or name is another file");
    files_deinit(&cache);
    files_deinit(&cache);
}

/* The errors of a look-up, and how long each is believed. */
static void claim_failures(void)
{
    static const struct {
        int error;
        uint8_t kind;
    } cases[] = {
        { ENOENT, SITE_MISSING }, { ENOTDIR, SITE_MISSING },  { ELOOP, SITE_MISSING },
        { EXDEV, SITE_MISSING },  { EACCES, SITE_FORBIDDEN }, { EPERM, SITE_FORBIDDEN },
        { EMFILE, SITE_FAILED },  { ENFILE, SITE_FAILED },    { ENOMEM, SITE_FAILED },
        { EIO, SITE_FAILED },     { ESTALE, SITE_FAILED },    { EAGAIN, SITE_FAILED },
        { EINTR, SITE_FAILED },
    };

    for (int shortly = 0; shortly < 2; shortly++) {
        uint64_t valid_us = shortly ? 20000 : VALID_US;

        cache_open(10, valid_us);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct sys_found none = { .fd = -1, .error = cases[i].error };
            bool failed = cases[i].kind == SITE_FAILED;
            uint64_t believed_us = failed && !shortly ? 50000 : valid_us;
            struct open_file *file = cache_learn("a", none, NOW_US);

            CLAIM(file->info.kind == cases[i].kind &&
                      cache_find("a", NOW_US + believed_us - 1) == file &&
                      !cache_find("a", NOW_US + believed_us),
                  "%s is kind %d, believed for %llu us", strerror(cases[i].error), cases[i].kind,
                  (unsigned long long)believed_us);
            files_forget(&cache, file);
        }
        files_deinit(&cache);
    }
}

static void claim_other_file(void)
{
    const struct {
        uint64_t inode, size;
        int64_t mtime_ns;
        const char *what;
    } cases[] = { { 9, 2, 3, "another inode" },
                  { 1, 9, 3, "another size" },
                  { 1, 2, 9, "another time" } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fds = play_count_fds();
        struct open_file *file;
        struct open_file *other;

        cache_open(10, VALID_US);
        file = cache_learn("a", found_file(1, 2, 3), NOW_US);
        CLAIM(cache_learn("a", found_file(1, 2, 3), NOW_US + VALID_US) == file &&
                  cache_find("a", NOW_US + VALID_US + 1) == file && play_count_fds() == fds + 1,
              "the same file found again is valid again, with one descriptor");
        files_pin(file);
        other = cache_learn("a", found_file(cases[i].inode, cases[i].size, cases[i].mtime_ns),
                            NOW_US);
        CLAIM(other != file && cache_find("a", NOW_US) == other && cache.count == 1 &&
                  play_count_fds() == fds + 2,
              "%s is another file; who sends the old one keeps it", cases[i].what);
        files_forget(&cache, file);
        files_unpin(&cache, file);
        CLAIM(play_count_fds() == fds + 1, "until it is sent");
        other = cache_learn("a", (struct sys_found){ .fd = -1, .error = ENOENT }, NOW_US);
        CLAIM(other->info.kind == SITE_MISSING && play_count_fds() == fds,
              "and a name that is gone is no file");
        files_deinit(&cache);
    }
}

static void claim_eviction(void)
{
    int fds = play_count_fds();
    struct open_file *kept;
    char name[16];

    cache_open(3, VALID_US);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%d", i);
        cache_learn(name, found_file((uint64_t)i, 1, 1), NOW_US);
    }
    kept = cache_find("0", NOW_US); /* used last */
    files_pin(kept);
    files_trim(&cache, NOW_US);
    CLAIM(cache.count == 3 && play_count_fds() == fds + 3 && cache_find("0", NOW_US) == kept &&
              !cache_find("1", NOW_US) && !cache_find("2", NOW_US) && cache_find("3", NOW_US),
          "above the limit those go that were used longest ago");
    files_shrink(&cache, 16);
    CLAIM(cache.count == 0 && play_count_fds() == fds + 1, "all but the pinned give way at once");
    files_unpin(&cache, kept);
    CLAIM(play_count_fds() == fds, "and that one when it is done with");
    files_deinit(&cache);
}

static void claim_expiry(void)
{
    enum { MANY = 150, A_TURN = 64 };
    int fds = play_count_fds();
    char name[16];

    cache_open(1000, VALID_US);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d", i);
        cache_learn(name, found_file((uint64_t)i, 1, 1), NOW_US + (i == MANY - 1));
    }
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US - 1);
    CLAIM(cache.count == MANY, "what was asked for within twenty seconds stays");
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US);
    CLAIM(cache.count == MANY - A_TURN, "then so many go in a turn");
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US);
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US);
    CLAIM(cache.count == 1 && play_count_fds() == fds + 1, "but none before its time");
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US + 1);
    CLAIM(cache.count == 0 && play_count_fds() == fds, "and at last all");
    files_trim(&cache, NOW_US + VALID_US + UNUSED_US + 1);
    files_deinit(&cache);
}

static void claim_no_memory(void)
{
    const struct fault none = { .call = CALL_alloc, .number = 1, .times = 1, .error = ENOMEM };
    int fds = play_count_fds();

    faulty_arm(&none);
    CLAIM(files_init(&cache, sys_default, 10, VALID_US) == -ENOMEM, "a cache needs memory");
    files_deinit(&cache);
    cache_open(10, VALID_US);
    for (int file = 0; file < 2; file++) {
        struct sys_found missing = { .fd = -1, .error = ENOENT };

        faulty_arm(&none);
        CLAIM(!cache_learn("a", file ? found_file(1, 2, 3) : missing, NOW_US) &&
                  !cache_find("a", NOW_US) && play_count_fds() == fds,
              "what there is no memory for is not known, and closed");
    }
    faulty_disarm();
    files_deinit(&cache);
}

/* So many names that some have the same hash, by sites, roots and texts. */
static void claim_collisions(void)
{
    enum { NAMES = 400000 };
    struct sys_found missing = { .fd = -1, .error = ENOENT };
    uint32_t lost = 0;
    char name[24];

    cache_open(1 << 20, VALID_US);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < NAMES; i++) {
            size_t size = (size_t)snprintf(name, sizeof name, "%0*u", 4 + (int)(i % 5), i / 30);
            uint64_t site = i % 2;
            uint32_t root = i % 3;
            struct open_file *file;

            if (turn == 0)
                files_learn(&cache, site, root, name, size, &missing, NOW_US);
            file = files_find(&cache, site, root, name, size, NOW_US);
            lost += !file || file->site != site || file->root != root || file->path_size != size ||
                    memcmp(file->path, name, size) != 0;
        }
    }
    CLAIM(lost == 0, "%d names, and each is found as itself", NAMES);
    files_deinit(&cache);
}

/* ---- a front and its files ---- */

static void open_or_give_up(struct stand *stand, const struct stand_options *options)
{
    if (!stand_open(stand, true, false, options))
        play_give_up("a front without faults");
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
    char path[200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", stand_docroot(), name);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        play_give_up(path);
    close(fd);
}

static void drop_page(const char *name, off_t offset)
{
    char path[200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", stand_docroot(), name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    fsync(fd);
    posix_fadvise(fd, offset, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static void ask(struct guest *guest, const char *name, int status, size_t size)
{
    guest_say(guest, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", name);
    guest_want(guest, status, status == 200 ? play_bytes(size) : NULL, size);
}

/* On a connection of its own. */
static void claim_asked(struct stand *stand, const char *name, int status, size_t size,
                        const char *what)
{
    struct guest guest;
    bool all;

    guest_open(&guest, stand_connect(stand), true, false);
    ask(&guest, name, status, size);
    all = guests_run(&guest, 1, STAND_PATIENCE_MS);
    CLAIM(all && !guest.trouble[0], "%s%s%s", what, guest.trouble[0] ? ": " : "", guest.trouble);
    guest_close(&guest);
}

/* Within its validity a file is not looked up again: what is sent shows that it is another. */
static void claim_changed_in_place(void)
{
    const struct stand_options options = { .no_application = true,
                                           .front = { .files_valid_ms = 600000 } };
    const size_t sizes[] = { 1000, 100000 };
    struct stand stand;

    for (int i = 0; i < 2; i++) {
        open_or_give_up(&stand, &options);
        write_file("changes", play_bytes(sizes[i]), sizes[i]);
        claim_asked(&stand, "changes", 200, sizes[i], "a file");
        write_file("changes", play_bytes(sizes[i] + 500), sizes[i] + 500);
        claim_asked(&stand, "changes", 200, sizes[i] + 500, "one that has grown: the new one");
        write_file("changes", play_bytes(sizes[i] - 500), sizes[i] - 500);
        claim_asked(&stand, "changes", 200, sizes[i] - 500, "one that has shrunk: the new one");
        stand_close(&stand);
    }
}

/* Of a small file a page is missing: nothing has changed, it is read by a helper. */
static void claim_half_in_memory(void)
{
    const struct stand_options options = { .no_application = true };
    const struct fault shortly = {
        .call = CALL_read_now, .number = 1, .times = FAULT_FOR_EVER, .error = SHORT_LESS
    };
    struct stand stand;

    write_file("half", play_bytes(6000), 6000);
    open_or_give_up(&stand, &options);
    for (int i = 0; i < 5; i++) {
        drop_page("half", i < 3 ? 4096 : 0);
        claim_asked(&stand, "half", 200, 6000, "a file of which a page is not in memory");
    }
    faulty_arm(&shortly);
    claim_asked(&stand, "small.txt", 200, SMALL_SIZE, "or never comes there");
    faulty_disarm();
    stand_close(&stand);
}

/* A file that is never what it was a moment ago, for whoever looks. */
static void claim_never_the_same(void)
{
    const struct stand_options options = { .no_application = true };
    const struct fault changing = {
        .call = CALL_file_stamp, .number = 1, .times = FAULT_FOR_EVER, .error = ESTALE
    };
    struct stand stand;
    struct guest guest;

    open_or_give_up(&stand, &options);
    guest_open(&guest, stand_connect(&stand), true, false);
    faulty_arm(&changing);
    ask(&guest, "large.bin", 503, 0);
    CLAIM(guests_run(&guest, 1, STAND_PATIENCE_MS) && !guest.trouble[0],
          "after eight look-ups it is told so: %s", guest.trouble);
    CLAIM(faulty_disarm() == 9, "and not looked at for ever");
    guest_close(&guest);
    claim_asked(&stand, "large.bin", 200, LARGE_SIZE, "once it stands still it is sent");
    stand_close(&stand);
}

/* Descriptors have run out: the cache gives up some, and the request is answered. */
static void claim_starved(void)
{
    struct fault starved = { .call = CALL_look, .number = 1, .times = 1, .error = EMFILE };
    const struct stand_options options = { .no_application = true,
                                           .front = { .files_valid_ms = 600000 } };
    struct stand stand;

    for (int cold = 0; cold < 2; cold++) {
        open_or_give_up(&stand, &options);
        faulty_arm(&starved);
        claim_asked(&stand, "middle.bin", 503, 0, "no descriptor, and nothing to give up");
        faulty_disarm();
        claim_asked(&stand, "small.txt", 200, SMALL_SIZE, "with one again");
        faulty_cold(cold);
        faulty_arm(&starved);
        claim_asked(&stand, "large.bin", 200, LARGE_SIZE, "an open file is given up for another");
        faulty_disarm();
        faulty_cold(false);
        stand_close(&stand);
    }
}

/* ---- a helper that looks ---- */

/* The loop has taken another site: what the one before knows is not found any more. */
static void claim_swap_seen(struct stand *stand, struct uwo_site *site)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
    bool seen = false;

    uwo_front_swap_site(stand->front, site);
    while (!seen && play_now_ms() < until_ms) {
        struct guest guest;

        guest_open(&guest, stand_connect(stand), true, true);
        ask(&guest, "small.txt", 404, 0);
        guests_run(&guest, 1, STAND_PATIENCE_MS);
        seen = guest.in_size > 12 && memcmp(guest.in + 9, "404", 3) == 0;
        guest_close(&guest);
    }
    CLAIM(seen, "another site for those who come");
}

/* What was found belongs to the site that was asked, not to the one that has come since. */
static void claim_swapped_meanwhile(void)
{
    const struct uwo_site_options empty = { .size = sizeof empty };
    const struct stand_options options = { .no_application = true,
                                           .front = { .files_valid_ms = 600000 } };
    static const char *const names[] = { "middle.bin", "nothing" };
    struct uwo_site *site;
    struct stand stand;
    struct guest guest;

    for (int i = 0; i < 2; i++) {
        int fds = play_count_fds();

        open_or_give_up(&stand, &options);
        if (uwo_site_create(&empty, &site, NULL) < 0)
            play_give_up("a site");
        claim_asked(&stand, "small.txt", 200, SMALL_SIZE, "a file that is known from now on");
        faulty_cold(true);
        gate_close(CALL_look, "uwo-disk");
        guest_open(&guest, stand_connect(&stand), true, false);
        ask(&guest, names[i], 404, 0);
        guests_turn(&guest, 1, 1);
        gate_await(1);
        claim_swap_seen(&stand, site);
        gate_open();
        CLAIM(guests_run(&guest, 1, STAND_PATIENCE_MS) && !guest.trouble[0],
              "and for who was waiting for a look-up%s", guest.trouble);
        guest_close(&guest);
        faulty_cold(false);
        uwo_site_destroy(site);
        CLAIM(!stand_close(&stand) && play_count_fds() == fds, "and nothing is left open");
    }
}

/* Neither a site nor an application: nobody is left to answer. */
static void claim_no_site(void)
{
    const struct stand_options options = { .no_application = true };
    const struct uwo_site_options asks_python = { .size = sizeof asks_python, .application = true };
    struct uwo_site *sites[2] = { NULL };
    struct stand stand;

    if (uwo_site_create(&asks_python, &sites[1], NULL) < 0)
        play_give_up("a site");
    for (int i = 0; i < 2; i++) {
        open_or_give_up(&stand, &options);
        uwo_front_swap_site(stand.front, sites[i]);
        claim_asked(&stand, "no-such-thing", 404, 0, "without a site and Python nothing is found");
        stand_close(&stand);
    }
    uwo_site_destroy(sites[1]);
}

/* A file and a directory named without a slash, from where the process stands. */
static void claim_relative_targets(void)
{
    const struct stand_options options = { .no_application = true };
    const struct uwo_mount mounts[] = {
        { .size = sizeof *mounts, .prefix = "/file", .target = "small.txt" },
        { .size = sizeof *mounts, .prefix = "/here", .target = "." },
    };
    const struct uwo_site_options wanted = { .size = sizeof wanted,
                                             .mounts = mounts,
                                             .mount_count = 2 };
    struct uwo_site *site = NULL;
    struct stand stand;

    open_or_give_up(&stand, &options);
    if (chdir(stand_docroot()) < 0 || uwo_site_create(&wanted, &site, NULL) < 0)
        play_give_up("a site");
    claim_swap_seen(&stand, site);
    claim_asked(&stand, "file", 200, SMALL_SIZE, "a file beside us");
    claim_asked(&stand, "here/middle.bin", 200, MIDDLE_SIZE, "and what is below this place");
    claim_asked(&stand, "file/x", 404, 0, "but nothing below a file");
    uwo_site_destroy(site);
    stand_close(&stand);
    if (chdir("/") < 0)
        play_give_up("chdir");
}

int main(void)
{
    faulty_install();
    play_prepare();
    stand_prepare();
    claim_believed_for_a_while();
    claim_failures();
    claim_other_file();
    claim_eviction();
    claim_expiry();
    claim_no_memory();
    claim_collisions();
    claim_changed_in_place();
    claim_half_in_memory();
    claim_never_the_same();
    claim_starved();
    claim_swapped_meanwhile();
    claim_no_site();
    claim_relative_targets();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
