/*
 * A disk that hangs: fdatasync does not come back while the file SHIM_HANG is there.
 *
 * cc -shared -fPIC -o hang_sync.so hang_sync.c -ldl, then LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd) {
    const char *hang = getenv("SHIM_HANG");
    while (hang && access(hang, F_OK) == 0) usleep(10000);
    return ((__typeof__(&fdatasync))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
