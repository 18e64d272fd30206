/*
 * A slow disk, the same on every machine: each flush sleeps 4 ms (SLOW_FLUSH_US) before it is done. Loaded with LD_PRELOAD;
 * see lib/slow-disk.ts. The disks of shared machines change their flush time forty-fold within an hour.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static useconds_t pause_us(void) {
  static long cached = -1;
  if (cached < 0) {
    const char *text = getenv("SLOW_FLUSH_US");
    cached = text ? atol(text) : 4000;
  }
  return (useconds_t)cached;
}

static int slowly(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  usleep(pause_us());
  return real ? real(fd) : -1;
}

int fsync(int fd) { return slowly("fsync", fd); }

int fdatasync(int fd) { return slowly("fdatasync", fd); }
