/* counted_exit: preloaded in coverage builds, so that processes that leave by _exit are counted.
 *
 * Workers end by os._exit, as every forked child should, and would lose their counters.  Every
 * library that was built with counters has a __gcov_dump of its own; all of them are called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The program itself has the name "", which dlopen takes for NULL. */
static int dump(struct dl_phdr_info *info, size_t size, void *last)
{
    void *library = dlopen(info->dlpi_name[0] ? info->dlpi_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
    void (*gcov_dump)(void) = NULL;

    (void)size;
    if (library)
        *(void **)&gcov_dump = dlsym(library, "__gcov_dump");
    if (gcov_dump && (void *)gcov_dump != *(void **)last) {
        gcov_dump();
        *(void **)last = (void *)gcov_dump;
    }
    if (library)
        dlclose(library);
    return 0;
}

_Noreturn void _exit(int status)
{
    void *last = NULL;

    dl_iterate_phdr(dump, &last);
    for (;;)
        syscall(SYS_exit_group, status);
}
