/* Run a target over the files of the folders that are named: no fuzzer needed. */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static void replay_file(const char *folder, const char *name)
{
    static uint8_t data[INPUT_MAX];
    char path[4096];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    ensure(file);
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;

        ensure(folder);
        while ((entry = readdir(folder))) {
            if (entry->d_name[0] != '.') {
                replay_file(argv[i], entry->d_name);
                count++;
            }
        }
        closedir(folder);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%s: %d inputs\n", argv[0], count);
    return count ? 0 : 1;
}
