/*
 * Cuts the power of the ext4 file system that is mounted at the path given: nothing reaches its disk any more, its journal
 * is not flushed, and whatever the page cache still holds is lost.
 *
 * cc -o power_cut power_cut.c
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* From the kernel's fs/ext4/ext4.h; no header for programs has them on every machine. */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define EXT4_GOING_FLAGS_NOLOGFLUSH 2

int main(int words, char **word) {
    uint32_t how = EXT4_GOING_FLAGS_NOLOGFLUSH;
    int at = words == 2 ? open(word[1], O_RDONLY | O_DIRECTORY) : -1;
    if (at >= 0 && ioctl(at, EXT4_IOC_SHUTDOWN, &how) == 0) return 0;
    perror("power_cut");
    return 1;
}
