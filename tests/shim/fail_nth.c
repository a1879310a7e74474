/*
 * A disk that fails once. Calls that change something below SHIM_UNDER are counted by their kind, and the call number SHIM_NTH
 * of the kind SHIM_KIND fails with SHIM_ERRNO and does nothing. SHIM_COUNTS names a file of counters that outlives the
 * process: one for each kind, in the order below, and how often a call was failed.
 *
 * cc -shared -fPIC -o fail_nth.so fail_nth.c -ldl, then LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, SYNC, RANGE, OPEN, RENAME, CUT, REMOVE, KINDS, FAILED = KINDS, COUNTERS };

static uint64_t nowhere[COUNTERS];
static uint64_t *counters = nowhere;
static uint64_t kind = KINDS, nth;
static int error;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_COUNTS");
    int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || !getenv("SHIM_UNDER")) abort();
    counters = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counters == MAP_FAILED) abort();
    close(fd);
    kind = number("SHIM_KIND");
    nth = number("SHIM_NTH");
    error = (int)number("SHIM_ERRNO");
}

static int is_under(const char *path) {
    const char *under = getenv("SHIM_UNDER");
    return strncmp(path, under, strlen(under)) == 0;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static int is_file_under(int fd) {
    char path[PATH_MAX];
    int before = errno, found = path_of(fd, path) && is_under(path);
    errno = before;
    return found;
}

static int is_name_under(int dir, const char *name) {
    char path[PATH_MAX];
    if (name[0] == '/') return is_under(name);
    return dir != AT_FDCWD && path_of(dir, path) && is_under(path);
}

/* Whether this very call is to fail. */
static int strikes(uint64_t which) {
    if (__sync_add_and_fetch(&counters[which], 1) != nth || which != kind) return 0;
    __sync_fetch_and_add(&counters[FAILED], 1);
    errno = error;
    return 1;
}

#define FILE_CALL(which, fd, call) (is_file_under(fd) && strikes(which) ? -1 : (call))
#define NAME_CALL(which, dir, name, call) (is_name_under(dir, name) && strikes(which) ? -1 : (call))

ssize_t write(int fd, const void *from, size_t length) { return FILE_CALL(WRITE, fd, REAL(write)(fd, from, length)); }

ssize_t writev(int fd, const struct iovec *pieces, int many) { return FILE_CALL(WRITE, fd, REAL(writev)(fd, pieces, many)); }

ssize_t pwrite(int fd, const void *from, size_t length, off_t at) {
    return FILE_CALL(WRITE, fd, REAL(pwrite)(fd, from, length, at));
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at) {
    return FILE_CALL(WRITE, fd, REAL(pwrite64)(fd, from, length, at));
}

ssize_t pwritev(int fd, const struct iovec *pieces, int many, off_t at) {
    return FILE_CALL(WRITE, fd, REAL(pwritev)(fd, pieces, many, at));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned int flags) {
    return FILE_CALL(WRITE, to, REAL(copy_file_range)(from, from_at, to, to_at, length, flags));
}

int fsync(int fd) { return FILE_CALL(SYNC, fd, REAL(fsync)(fd)); }

int fdatasync(int fd) { return FILE_CALL(SYNC, fd, REAL(fdatasync)(fd)); }

int sync_file_range(int fd, off64_t from, off64_t length, unsigned int flags) {
    return FILE_CALL(RANGE, fd, REAL(sync_file_range)(fd, from, length, flags));
}

static int open_at(int dir, const char *name, int flags, mode_t mode) {
    int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    if (!changes) return REAL(openat)(dir, name, flags, mode);
    return NAME_CALL(OPEN, dir, name, REAL(openat)(dir, name, flags, mode));
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...) {
    MODE(flags, mode)
    return open_at(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE(flags, mode)
    return open_at(AT_FDCWD, name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...) {
    MODE(flags, mode)
    return open_at(dir, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...) {
    MODE(flags, mode)
    return open_at(dir, name, flags, mode);
}

int mkdir(const char *name, mode_t mode) { return NAME_CALL(OPEN, AT_FDCWD, name, REAL(mkdir)(name, mode)); }

int rename(const char *from, const char *to) { return NAME_CALL(RENAME, AT_FDCWD, to, REAL(rename)(from, to)); }

int ftruncate(int fd, off_t length) { return FILE_CALL(CUT, fd, REAL(ftruncate)(fd, length)); }

int ftruncate64(int fd, off64_t length) { return FILE_CALL(CUT, fd, REAL(ftruncate64)(fd, length)); }

int unlink(const char *name) { return NAME_CALL(REMOVE, AT_FDCWD, name, REAL(unlink)(name)); }

int unlinkat(int dir, const char *name, int flags) { return NAME_CALL(REMOVE, dir, name, REAL(unlinkat)(dir, name, flags)); }

int rmdir(const char *name) { return NAME_CALL(REMOVE, AT_FDCWD, name, REAL(rmdir)(name)); }
