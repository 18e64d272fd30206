/*
 * A disk in trouble, as an LD_PRELOAD library.
 *
 * Environment:
 *   BAD_DISK_SWITCH  a file that holds one word while there is trouble, and is absent while all is well:
 *     full       what would make a file longer fails with ENOSPC; what is there can be written over, as on a real disk
 *     read-only  every write fails with EROFS, as after the kernel has found the file system damaged
 *
 * Only files of the database are meant: those with "slipway.sqlite" in their path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_database(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return strstr(path, "slipway.sqlite") != NULL;
}

/* 0: go ahead; otherwise what the disk says. */
static int trouble(int fd, off_t end) {
  const char *file = getenv("BAD_DISK_SWITCH");
  if (!file || !is_database(fd)) return 0;
  int open_file = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (open_file < 0) return 0;
  char word[16] = "";
  ssize_t length = read(open_file, word, sizeof word - 1);
  close(open_file);
  if (length <= 0) return 0;
  if (strncmp(word, "read-only", 9) == 0) return EROFS;
  struct stat is;
  if (fstat(fd, &is) != 0) return 0;
  return end > is.st_size ? ENOSPC : 0;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

#define REFUSE_IF(reason)   \
  do {                      \
    int code = (reason);    \
    if (code != 0) {        \
      errno = code;         \
      return -1;            \
    }                       \
  } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
  REFUSE_IF(trouble(fd, lseek(fd, 0, SEEK_CUR) + (off_t)count));
  return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  REFUSE_IF(trouble(fd, at + (off_t)count));
  return REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  REFUSE_IF(trouble(fd, (off_t)at + (off_t)count));
  return REAL(pwrite64)(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
  REFUSE_IF(trouble(fd, length));
  return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  REFUSE_IF(trouble(fd, (off_t)length));
  return REAL(ftruncate64)(fd, length);
}
