/*
 * Preloaded into a process under test (LD_PRELOAD): ends it as kill -9 does, right before its n-th change of the disk
 * below one folder. So a test can end a real process between any two of its writes, without a hook in the product.
 *
 * KILL_FOLDER: absolute path; only changes whose file lies below it count. KILL_PLAN: a file that holds a token and a
 * number, "TOKEN N". While it is there, changes are counted, from zero for each new token; before the N-th one the file is
 * removed and the process ended. So the process that is started again lives.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char counted[32] = "";
static int seen = 0;

/* Reads the plan; 0 where there is none. */
static int planned(const char *plan, char token[32]) {
  char text[64];
  int at = 0;
  const int file = open(plan, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) {
    return 0;
  }
  text[length] = 0;
  return sscanf(text, "%31s %d", token, &at) == 2 ? at : 0;
}

static void change(const char *path) {
  const char *folder = getenv("KILL_FOLDER");
  const char *plan = getenv("KILL_PLAN");
  char token[32];
  if (folder == NULL || plan == NULL || path == NULL || strncmp(path, folder, strlen(folder)) != 0) {
    return;
  }
  pthread_mutex_lock(&mutex);
  const int at = planned(plan, token);
  if (at > 0) {
    if (strcmp(token, counted) != 0) {
      strcpy(counted, token);
      seen = 0;
    }
    seen += 1;
    if (seen == at) {
      syscall(SYS_unlinkat, AT_FDCWD, plan, 0);
      kill(getpid(), SIGKILL);
      pause();
    }
  }
  pthread_mutex_unlock(&mutex);
}

/* The path behind a descriptor: fsync and write name no file. */
static void change_of(int descriptor) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length > 0) {
    path[length] = 0;
    change(path);
  }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to) {
  change(to);
  return NEXT(rename)(from, to);
}

int unlink(const char *path) {
  change(path);
  return NEXT(unlink)(path);
}

int fsync(int descriptor) {
  change_of(descriptor);
  return NEXT(fsync)(descriptor);
}

int fdatasync(int descriptor) {
  change_of(descriptor);
  return NEXT(fdatasync)(descriptor);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  change_of(descriptor);
  return NEXT(write)(descriptor, bytes, length);
}
