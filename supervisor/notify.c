/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sd_notify protocol, without libsystemd. Whether a message is believed (is the
 * sender the worker?) and what follows from it is the caller's business.
 */
#include "supervisor/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DATAGRAM_MAX 4096 /* as systemd's own receiver */

static int
parse_positive(const char *text, int64_t *ret_value)
{
	char *end;
	long long value;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || value <= 0)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

/* WATCHDOG_PID says for whom the limit is; without it, for whoever has the variable. */
static int
parse_watchdog(const char *usec, const char *pid, int64_t *ret_ns)
{
	int64_t limit_us, value;

	*ret_ns = 0;
	if (!usec)
		return 0;
	if (parse_positive(usec, &limit_us) < 0 || limit_us > INT64_MAX / 1000)
		return -EINVAL;
	if (pid) {
		if (parse_positive(pid, &value) < 0)
			return -EINVAL;
		if (value != getpid())
			return 0;
	}
	*ret_ns = limit_us * 1000 / 2;
	return 0;
}

static int
make_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	if (path[0] != '/' && path[0] != '@')
		return -EAFNOSUPPORT;
	if (length < 2)
		return -EINVAL;
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	*ret_address = address;
	/* The name of an abstract socket is as long as it is said to be, without a NUL.
	 */
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
				  (path[0] == '/'));
	return 0;
}

static int
open_variables(const char *socket_path, const char *usec, const char *pid,
    struct notify *ret_notify)
{
	struct notify notify = { .fd = -1 };
	int r;

	r = parse_watchdog(usec, pid, &notify.watchdog_ns);
	if (r < 0)
		return r;
	if (socket_path) {
		r = make_address(socket_path, &notify.address, &notify.address_length);
		if (r < 0)
			return r;
		notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (notify.fd < 0)
			return -errno;
	}
	*ret_notify = notify;
	return 0;
}

int
notify_open(struct notify *ret_notify)
{
	int r;

	r = open_variables(getenv("NOTIFY_SOCKET"), getenv("WATCHDOG_USEC"),
	    getenv("WATCHDOG_PID"), ret_notify);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void
notify_close(struct notify *notify)
{
	closep(&notify->fd);
	notify->fd = -1;
}

int
notify_send(const struct notify *notify, const char *format, ...)
{
	char text[DATAGRAM_MAX];
	va_list args;
	int length;

	if (notify->fd < 0)
		return 0;
	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -EMSGSIZE;
	/* Not connected once and for all: whoever listens may be replaced. */
	if (sendto(notify->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&notify->address, notify->address_length) < 0)
		return -errno;
	return 0;
}

static const struct {
	const char *assignment;
	size_t flag; /* offset of the bool that it sets */
} flags[] = {
	{ "READY=1", offsetof(struct notify_message, ready) },
	{ "STOPPING=1", offsetof(struct notify_message, stopping) },
	{ "WATCHDOG=1", offsetof(struct notify_message, watchdog) },
	{ "WATCHDOG=trigger", offsetof(struct notify_message, watchdog_trigger) },
	{ "FDSTORE=1", offsetof(struct notify_message, wants_fdstore) },
	{ "RELOADING=1", offsetof(struct notify_message, reloading) },
};

static const struct {
	const char *name; /* with the = */
	size_t number;	  /* offset of the int64_t that it sets */
	int64_t max;
} numbers[] = {
	{ "EXTEND_TIMEOUT_USEC=", offsetof(struct notify_message, extend_timeout_us),
	    NOTIFY_TIME_MAX_US },
	{ "WATCHDOG_USEC=", offsetof(struct notify_message, watchdog_us),
	    NOTIFY_TIME_MAX_US },
	{ "MAINPID=", offsetof(struct notify_message, main_pid), INT32_MAX },
	{ "ERRNO=", offsetof(struct notify_message, error), 4095 },
};

static void
take_number(const char *line, struct notify_message *message)
{
	int64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		size_t length = strlen(numbers[i].name);

		if (strncmp(line, numbers[i].name, length) != 0 ||
		    parse_positive(line + length, &value) < 0)
			continue;
		if (value > numbers[i].max)
			value = numbers[i].max;
		memcpy((char *)message + numbers[i].number, &value, sizeof(value));
	}
}

static void
take_assignment(const char *line, struct notify_message *message)
{

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(line, flags[i].assignment) == 0)
			*(bool *)((char *)message + flags[i].flag) = true;
	if (strncmp(line, "STATUS=", 7) == 0) {
		message->has_status = true;
		snprintf(message->status, sizeof(message->status), "%s", line + 7);
	}
	take_number(line, message);
}

int
notify_parse(const char *datagram, size_t length, struct notify_message *ret_message)
{
	struct notify_message message = { 0 };
	char text[DATAGRAM_MAX + 1];
	char *line, *rest = text;

	if (length == 0 || length > DATAGRAM_MAX)
		return -EBADMSG;
	/* Some senders count the NUL of their string. */
	if (datagram[length - 1] == '\0')
		length--;
	if (memchr(datagram, '\0', length))
		return -EBADMSG;
	memcpy(text, datagram, length);
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")))
		take_assignment(line, &message);
	*ret_message = message;
	return 0;
}

int
notify_listen(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	socklen_t length;
	const int on = 1;
	int r;

	r = make_address(path, &address, &length);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	/* Before bind(2), which gives the file the socket's mode: nobody slips in. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, length) < 0)
		return -errno;
	return steal_fd(&fd);
}

static pid_t
sender_of(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct ucred credentials;

	if (!control || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_CREDENTIALS)
		return 0;
	memcpy(&credentials, CMSG_DATA(control), sizeof(credentials));
	return credentials.pid;
}

int
notify_receive(int fd, struct notify_message *ret_message, pid_t *ret_pid)
{
	char datagram[DATAGRAM_MAX];
	/* No room beside the credentials: the kernel drops descriptors that were sent.
	 */
	char control[CMSG_SPACE(sizeof(struct ucred))]
	    __attribute__((aligned(__alignof__(struct cmsghdr))));
	struct iovec data = { .iov_base = datagram, .iov_len = sizeof(datagram) };
	struct msghdr header = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t length;
	pid_t pid;

	do
		length = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	pid = sender_of(&header);
	if ((header.msg_flags & MSG_TRUNC) || pid <= 0 ||
	    notify_parse(datagram, (size_t)length, ret_message) < 0)
		return -EBADMSG;
	*ret_pid = pid;
	return 0;
}
