/*
 * A slow disk: fdatasync takes SHIM_SLOW_MS milliseconds longer.
 *
 * cc -shared -fPIC -o slow_sync.so slow_sync.c -ldl, then LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd) {
    const char *slow = getenv("SHIM_SLOW_MS");
    if (slow) usleep(1000 * (useconds_t)atoi(slow));
    return ((__typeof__(&fdatasync))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
