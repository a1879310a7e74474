/*
 * A disk that says "synced" and does nothing: syncs of files and directories below SHIM_UNDER are swallowed. SHIM_COUNTS
 * names a file with one counter that outlives the process: how many were.
 *
 * cc -shared -fPIC -o swallow_syncs.so swallow_syncs.c -ldl, then LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nowhere;
static uint64_t *swallowed = &nowhere;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_COUNTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    swallowed = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (swallowed == MAP_FAILED) abort();
    close(fd);
}

static int is_wanted(int fd) {
    const char *under = getenv("SHIM_UNDER");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!under || length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, under, strlen(under)) != 0) return 0;
    __sync_fetch_and_add(swallowed, 1);
    return 1;
}

int fsync(int fd) { return is_wanted(fd) ? 0 : REAL(fsync)(fd); }

int fdatasync(int fd) { return is_wanted(fd) ? 0 : REAL(fdatasync)(fd); }

int syncfs(int fd) { return is_wanted(fd) ? 0 : REAL(syncfs)(fd); }

int sync_file_range(int fd, off64_t from, off64_t length, unsigned int flags) {
    return is_wanted(fd) ? 0 : REAL(sync_file_range)(fd, from, length, flags);
}
