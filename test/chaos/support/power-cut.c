/*
 * A disk that can lose its power, as an LD_PRELOAD library.
 *
 * Environment:
 *   POWER_ROOT     folder that is watched (absolute, no slash at its end)
 *   POWER_SHADOW   folder that holds what the disk would still have after a power cut
 *   POWER_NORMAL   set: flushes of a write-ahead log do not count
 *   SLOW_FLUSH_MS  every flush takes this much longer (works alone: the bench uses it to make disks comparable)
 *
 * A file is kept as it was at its last fsync or fdatasync, and not at all before its first. A name is kept only once its
 * folder was flushed after the file was made, renamed or removed; until then the old name stands. That is what POSIX
 * promises and not a byte more; real file systems are kinder. Whatever else was written is lost, although the kernel of this
 * machine, which goes on running, still has it: after kill -9 the harness puts the shadow in the place of the folder.
 *
 * Each copy is made beside its place and renamed into it, so a process that is killed while it copies has flushed nothing,
 * as one that dies within fsync may have.
 *
 * POWER_NORMAL is SQLite's synchronous=NORMAL, which Slipway itself refuses to run with. In WAL mode the two differ in one
 * thing: FULL flushes the log at every commit, NORMAL only when a checkpoint begins, and both flush the database file when a
 * checkpoint ends. So after a power cut NORMAL has what the last checkpoint copied into the database file, and nothing that
 * was committed since. Taking no notice of the log's flushes leaves exactly that: the database file as the last checkpoint
 * flushed it, and no log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".power-copy"

struct name_change {
  char from[PATH_MAX];
  char to[PATH_MAX]; /* empty: removed */
  struct name_change *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct name_change *first_change;
static struct name_change **last_change = &first_change;

static const char *root(void) { return getenv("POWER_ROOT"); }

/* Path below the root; NULL: outside of it. */
static const char *inside(const char *path) {
  const char *top = root();
  if (!top || !getenv("POWER_SHADOW")) return NULL;
  size_t length = strlen(top);
  if (strncmp(path, top, length) != 0) return NULL;
  if (path[length] == '\0') return "";
  return path[length] == '/' ? path + length + 1 : NULL;
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return -1;
  path[length] = '\0';
  return 0;
}

/* The folders of this library use the kernel directly, so that its own calls are never taken for the program's. */
static int quiet_rename(const char *from, const char *to) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void make_parents(const char *path) {
  char part[PATH_MAX];
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(part, 0700);
    *slash = '/';
  }
}

static void die(const char *what, const char *path) {
  dprintf(2, "power-cut: %s %s: %s\n", what, path, strerror(errno));
  abort();
}

/* "kept": the name is on the disk. "unnamed": flushed, but nothing leads to it yet. */
static void shadow_path(char *out, const char *state, const char *relative) {
  if (snprintf(out, PATH_MAX, "%s/%s/%s", getenv("POWER_SHADOW"), state, relative) >= PATH_MAX)
    die("path too long", relative);
}

static void copy(int source, const char *to) {
  char beside[PATH_MAX + sizeof SUFFIX];
  snprintf(beside, sizeof beside, "%s" SUFFIX, to);
  make_parents(beside);
  int target = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (target < 0) die("cannot write", beside);
  /* A descriptor of its own: the program's may be write-only. */
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", source);
  int reading = open(link, O_RDONLY | O_CLOEXEC);
  if (reading < 0) die("cannot read", link);
  /* Only ever used under the lock; thread-local it would not fit the small stacks that Node gives some threads. */
  static char buffer[1 << 16];
  off_t at = 0;
  for (;;) {
    ssize_t got = pread(reading, buffer, sizeof buffer, at);
    if (got < 0) die("cannot read", to);
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      ssize_t put = write(target, buffer + done, (size_t)(got - done));
      if (put < 0) die("cannot write", beside);
      done += put;
    }
    at += got;
  }
  close(reading);
  close(target);
  if (quiet_rename(beside, to) != 0) die("cannot rename", beside);
}

/* The name under which the disk will look for it once its folder is flushed; NULL: the name stands already. */
static const char *name_to_come(const char *relative) {
  const char *name = NULL;
  for (struct name_change *change = first_change; change; change = change->next) {
    if (strcmp(change->to, relative) == 0) name = change->from;
    /* What had the name before is still there under it; this one is another file. */
    else if (strcmp(change->from, relative) == 0) name = relative;
  }
  return name;
}

static void keep_file(int fd, const char *relative) {
  char kept[PATH_MAX], unnamed[PATH_MAX];
  const char *to_come = name_to_come(relative);
  shadow_path(kept, "kept", relative);
  shadow_path(unnamed, "unnamed", to_come ? to_come : relative);
  copy(fd, !to_come && access(kept, F_OK) == 0 ? kept : unnamed);
}

static int is_in(const char *relative, const char *folder) {
  const char *slash = strrchr(relative, '/');
  size_t length = slash ? (size_t)(slash - relative) : 0;
  return strlen(folder) == length && strncmp(relative, folder, length) == 0;
}

/* A flushed folder: its names are what they are now. */
static void keep_names(const char *folder) {
  struct name_change **link = &first_change;
  while (*link) {
    struct name_change *change = *link;
    if (!is_in(change->from, folder) && !(change->to[0] && is_in(change->to, folder))) {
      link = &change->next;
      continue;
    }
    char from[PATH_MAX], to[PATH_MAX];
    const char *states[] = {"kept", "unnamed"};
    if (!change->to[0]) {
      shadow_path(from, "kept", change->from);
      syscall(SYS_unlinkat, AT_FDCWD, from, 0);
    } else {
      shadow_path(to, "kept", change->to);
      make_parents(to);
      for (int index = 0; index < 2; index++) {
        shadow_path(from, states[index], change->from);
        quiet_rename(from, to);
      }
    }
    *link = change->next;
    free(change);
  }
  last_change = link;
  /* Files that were flushed before their name was. */
  char unnamed_folder[PATH_MAX], kept[PATH_MAX];
  shadow_path(unnamed_folder, "unnamed", folder);
  int opened = open(unnamed_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return;
  char entries[1 << 14] __attribute__((aligned(8)));
  struct entry {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
  };
  for (;;) {
    long got = syscall(SYS_getdents64, opened, entries, sizeof entries);
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      struct entry *found = (struct entry *)(entries + at);
      at += found->length;
      if (found->type != 8 /* DT_REG */ || ends_with(found->name, SUFFIX)) continue;
      char relative[PATH_MAX], from[PATH_MAX];
      if (snprintf(relative, sizeof relative, "%s%s%s", folder, folder[0] ? "/" : "",
                   found->name) >= PATH_MAX)
        continue;
      shadow_path(from, "unnamed", relative);
      shadow_path(kept, "kept", relative);
      make_parents(kept);
      quiet_rename(from, kept);
    }
  }
  close(opened);
}

static void flushed(int fd) {
  char path[PATH_MAX];
  struct stat facts;
  if (path_of(fd, path) != 0) return;
  const char *relative = inside(path);
  if (!relative || fstat(fd, &facts) != 0) return;
  if (S_ISREG(facts.st_mode) && facts.st_nlink == 0) return;
  if (getenv("POWER_NORMAL") && ends_with(relative, "-wal")) return;
  pthread_mutex_lock(&lock);
  if (S_ISDIR(facts.st_mode)) keep_names(relative);
  else if (S_ISREG(facts.st_mode)) keep_file(fd, relative);
  pthread_mutex_unlock(&lock);
}

static void slow_down(void) {
  const char *text = getenv("SLOW_FLUSH_MS");
  long ms = text ? atol(text) : 0;
  if (ms <= 0) return;
  struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&pause, NULL);
}

/* With a shadow the real flush is left out: this machine's power stays on. */
static int flush(int fd, const char *name) {
  slow_down();
  if (getenv("POWER_SHADOW")) {
    flushed(fd);
    return 0;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  return real(fd);
}

int fsync(int fd) { return flush(fd, "fsync"); }
int fdatasync(int fd) { return flush(fd, "fdatasync"); }

static void changed(const char *from, const char *to) {
  const char *inner_from = inside(from), *inner_to = to ? inside(to) : NULL;
  if (!inner_from || (to && !inner_to)) return;
  struct name_change *change = calloc(1, sizeof *change);
  if (!change) die("no memory for", from);
  snprintf(change->from, sizeof change->from, "%s", inner_from);
  if (inner_to) snprintf(change->to, sizeof change->to, "%s", inner_to);
  pthread_mutex_lock(&lock);
  if (!inner_to) {
    char unnamed[PATH_MAX];
    shadow_path(unnamed, "unnamed", inner_from);
    syscall(SYS_unlinkat, AT_FDCWD, unnamed, 0);
  }
  *last_change = change;
  last_change = &change->next;
  pthread_mutex_unlock(&lock);
}

int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) =
      (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  int result = real(from, to);
  if (result == 0) changed(from, to);
  return result;
}

int unlink(const char *path) {
  int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
  int result = real(path);
  if (result == 0) changed(path, NULL);
  return result;
}
