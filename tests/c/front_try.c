#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>
#include "faulty.h"
#include "scenes.h"
#include "stand.h"
int main(int argc, char **argv)
{
    int bad = 0;
    faulty_install(); faulty_hurry(10); play_prepare(); stand_prepare();
    for (size_t i = 0; i < front_scene_count; i++)
        for (int tcp = 0; tcp < 2; tcp++) {
            if (argc > 1 && strcmp(argv[1], front_scenes[i].name)) continue;
            bool harmed = false; uint64_t t = play_now_ms();
            int fds = play_count_fds(); struct faulty_trouble b = faulty_trouble();
            alarm(30);
            printf("%s/%s ... ", front_scenes[i].name, tcp ? "tcp" : "unix"); fflush(stdout);
            const char *w = front_scenes[i].run(tcp, &harmed);
            struct faulty_trouble a = faulty_trouble();
            printf("%s%s %lu ms fds %+d mem %+ld map %+ld bad %lu\n", w ? w : "ok", harmed ? " HARMED" : "", play_now_ms() - t, play_count_fds() - fds, a.memory - b.memory, a.mappings - b.mappings, a.bad_closes - b.bad_closes);
            bad += w || harmed;
        }
    return bad;
}
