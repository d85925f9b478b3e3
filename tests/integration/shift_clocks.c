/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library for LD_PRELOAD under which clocks can be moved while the program runs.
 *
 * CLOCKS names a file of up to three int64_t, which is mapped: nanoseconds that are
 * added to the time of day and to CLOCK_BOOTTIME, those that are added to
 * CLOCK_MONOTONIC, and those that are added to the time of day alone. The first is a
 * machine that slept; the second is a monotonic clock that went on while nothing ran;
 * the third is a clock that is set.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

struct shifts {
	volatile int64_t real_ns, monotonic_ns, set_ns;
};

static const struct shifts *shifts;

static void __attribute__((constructor)) map_shifts(void)
{
	const char *path = getenv("CLOCKS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = MAP_FAILED;

	if (fd >= 0) {
		mapped = mmap(NULL, sizeof(*shifts), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (mapped != MAP_FAILED)
		shifts = mapped;
}

static int64_t
shift_of(clockid_t id)
{
	if (!shifts)
		return 0;
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return shifts->real_ns + shifts->set_ns;
	case CLOCK_BOOTTIME:
		return shifts->real_ns;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
		return shifts->monotonic_ns;
	default:
		return 0;
	}
}

int
clock_gettime(clockid_t id, struct timespec *time)
{
	void *found = dlsym(RTLD_NEXT, "clock_gettime");
	int (*next)(clockid_t, struct timespec *);
	int64_t ns;

	memcpy(&next, &found, sizeof(next));
	if (next(id, time) < 0)
		return -1;
	ns = (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec + shift_of(id);
	time->tv_sec = ns / NS_PER_S;
	time->tv_nsec = ns % NS_PER_S;
	/* As the kernel: the part below the second is never negative. */
	if (time->tv_nsec < 0) {
		time->tv_nsec += NS_PER_S;
		time->tv_sec--;
	}
	return 0;
}

int
gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -1;
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *ret_time)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}
