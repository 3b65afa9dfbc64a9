/* SPDX-License-Identifier: MIT */
/*
 * A switch with slow cables, for kernels whose tc cannot delay (no sch_netem):
 *
 *   netns_relay DELAY_US RATE_MBIT NAMESPACE...
 *
 * makes a TUN device eth0 in each of the named network namespaces, which are the hosts 10.77.0.1, 10.77.0.2, ... in this order,
 * says "ready" and forwards packets between them until it is killed. A packet leaves its host at the rate, takes the delay, and
 * enters the other host at the rate (0: no limit). It takes time of a core: about 3 us a packet, so give the devices large ones.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_HOSTS = 16, MAX_PACKET = 65536, QUEUE = 4096, AT_ONCE = 16, DESTINATION = 19 /* last byte of it in an IPv4 header */ };

typedef struct packet {
  double due_s;
  size_t length;
  char *bytes;
} packet;

typedef struct host {
  int device;
  double sends_s, receives_s; /* when the cable is free again, each way */
  packet queue[QUEUE];        /* to this host: a ring, in order of time */
  size_t first, n;
} host;

static host hosts[MAX_HOSTS];
static int n_hosts;
static double delay_s, per_byte_s;

static void fail(const char *what) {
  fprintf(stderr, "netns_relay: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double later(double a, double b) {
  return a > b ? a : b;
}

static int make_device(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", name);
  int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0)
    fail(path);
  close(space);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_TUN | IFF_NO_PI};
  if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0)
    fail("/dev/net/tun");
  return device;
}

/* As on a real switch, what finds its queue full is lost. */
static void enqueue(host *from, const char *bytes, size_t length, double now) {
  if (length <= DESTINATION || (bytes[0] & 0xf0) != 0x40)
    return;
  int to = (unsigned char)bytes[DESTINATION] - 1;
  if (to < 0 || to >= n_hosts || hosts[to].n == QUEUE)
    return;
  host *h = &hosts[to];
  packet *p = &h->queue[(h->first + h->n) % QUEUE];
  double takes = (double)length * per_byte_s;
  from->sends_s = later(now, from->sends_s) + takes;
  h->receives_s = later(from->sends_s, h->receives_s + takes);
  p->due_s = h->receives_s + delay_s;
  p->length = length;
  p->bytes = realloc(p->bytes, length);
  if (!p->bytes)
    fail("packet");
  memcpy(p->bytes, bytes, length);
  h->n++;
}

static void take(host *h) {
  static char bytes[MAX_PACKET];
  for (int i = 0; i < AT_ONCE; i++) {
    ssize_t length = read(h->device, bytes, sizeof bytes);
    if (length <= 0)
      return;
    enqueue(h, bytes, (size_t)length, now_s());
  }
}

static void deliver(host *h, double now) {
  while (h->n > 0 && h->queue[h->first].due_s <= now) {
    packet *p = &h->queue[h->first];
    if (write(h->device, p->bytes, p->length) < 0 && errno == EAGAIN)
      return;
    h->first = (h->first + 1) % QUEUE;
    h->n--;
  }
}

static void relay(void) {
  struct pollfd ready[MAX_HOSTS];
  for (;;) {
    double now = now_s(), next = now + 3600;
    for (int i = 0; i < n_hosts; i++) {
      deliver(&hosts[i], now);
      if (hosts[i].n > 0 && hosts[i].queue[hosts[i].first].due_s < next)
        next = hosts[i].queue[hosts[i].first].due_s;
      ready[i] = (struct pollfd){.fd = hosts[i].device, .events = POLLIN};
    }
    double wait = later(next - now_s(), 0);
    struct timespec most = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
    if (ppoll(ready, (nfds_t)n_hosts, &most, NULL) < 0 && errno != EINTR)
      fail("poll");
    for (int i = 0; i < n_hosts; i++)
      if (ready[i].revents & POLLIN)
        take(&hosts[i]);
  }
}

int main(int argc, char **argv) {
  if (argc < 5 || argc - 3 > MAX_HOSTS) {
    fprintf(stderr, "usage: netns_relay DELAY_US RATE_MBIT NAMESPACE NAMESPACE...\n");
    return 2;
  }
  delay_s = 1e-6 * atof(argv[1]);
  per_byte_s = atof(argv[2]) > 0 ? 8e-6 / atof(argv[2]) : 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1UL); /* ns: the kernel's usual 50 us are as long as the delay */
  for (n_hosts = 0; n_hosts < argc - 3; n_hosts++)
    hosts[n_hosts].device = make_device(argv[3 + n_hosts]);
  puts("ready");
  fflush(stdout);
  relay();
}
