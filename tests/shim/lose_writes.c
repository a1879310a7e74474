/*
 * A disk that lies. Files below SHIM_UNDER whose names end with SHIM_SUFFIX are copied into memory when they are opened for
 * writing, and everything goes on there: writes and syncs succeed, lengths and contents are as they should be, and all of it
 * is gone when the process ends. SHIM_COUNTS names a file of three counters that outlives the process: files taken, writes,
 * syncs.
 *
 * cc -shared -fPIC -o lose_writes.so lose_writes.c -ldl, then LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TAKEN, WRITES, SYNCS, COUNTERS };
enum { FILES = 65536 };

static unsigned char in_memory[FILES];
static uint64_t nowhere[COUNTERS];
static uint64_t *counters = nowhere;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void count(int which) { __sync_fetch_and_add(&counters[which], 1); }

static int is_taken(int fd) { return fd >= 0 && fd < FILES && in_memory[fd]; }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_COUNTS");
    int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    counters = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counters == MAP_FAILED) abort();
    REAL(close)(fd);
}

static int is_wanted(const char *path, int flags) {
    const char *under = getenv("SHIM_UNDER"), *suffix = getenv("SHIM_SUFFIX");
    size_t length = strlen(path);
    struct stat status;
    if (!under || !suffix || (flags & O_ACCMODE) == O_RDONLY || (flags & (O_EXCL | O_TRUNC | O_DIRECTORY))) return 0;
    if (strncmp(path, under, strlen(under)) != 0 || length < strlen(suffix)) return 0;
    if (strcmp(path + length - strlen(suffix), suffix) != 0) return 0;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int take(const char *path) {
    static char bytes[1 << 16];
    int from = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    int to = memfd_create("lost", MFD_CLOEXEC);
    ssize_t got;
    if (from < 0 || to < 0 || to >= FILES) abort();
    while ((got = read(from, bytes, sizeof bytes)) > 0) {
        if (REAL(write)(to, bytes, (size_t)got) != got) abort();
    }
    REAL(close)(from);
    if (lseek(to, 0, SEEK_SET) != 0) abort();
    in_memory[to] = 1;
    count(TAKEN);
    return to;
}

static int open_either(const char *path, int flags, mode_t mode) {
    return is_wanted(path, flags) ? take(path) : REAL(open)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_either(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_either(path, flags, mode);
}

int close(int fd) {
    if (is_taken(fd)) in_memory[fd] = 0;
    return REAL(close)(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (is_taken(fd)) count(WRITES);
    return REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    if (is_taken(fd)) count(WRITES);
    return REAL(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    if (is_taken(fd)) count(WRITES);
    return REAL(pwrite64)(fd, bytes, length, at);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int number, off_t at) {
    if (is_taken(fd)) count(WRITES);
    return REAL(pwritev)(fd, pieces, number, at);
}

int fsync(int fd) {
    if (!is_taken(fd)) return REAL(fsync)(fd);
    count(SYNCS);
    return 0;
}

int fdatasync(int fd) {
    if (!is_taken(fd)) return REAL(fdatasync)(fd);
    count(SYNCS);
    return 0;
}
