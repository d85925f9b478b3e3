/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret lies in pages of its own, which are excluded from core dumps and, where the
 * limit on locked memory allows, from swap.
 */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/paths.h"

#define ROOM (SECRET_MAX + 1)

/* Return: zeroed pages; NULL with errno. */
static char *
pages_new(void)
{
	char *pages = mmap(
	    NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	(void)madvise(pages, ROOM, MADV_DONTDUMP);
	/* The limit on locked memory may be 0: then it can be swapped out. */
	(void)mlock(pages, ROOM);
	return pages;
}

void
secret_deinit(struct secret *secret)
{
	if (secret->text) {
		explicit_bzero(secret->text, ROOM);
		(void)munmap(secret->text, ROOM);
	}
	*secret = (struct secret){ 0 };
}

static int
fill_from_file(int fd, struct secret *secret)
{
	ssize_t n;

	while (secret->length < ROOM) {
		n = read(fd, secret->text + secret->length, ROOM - secret->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		secret->length += (size_t)n;
	}
	return secret->length < ROOM ? 0 : -EFBIG;
}

/* Return: 0; -errno. */
static int
read_file(const char *path, struct error *ret_warning, struct secret *secret)
{
	/* Non-blocking: a FIFO must not hold the worker up. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		error_set(ret_warning, 0,
		    "%s: its mode is %04o: others may read the secret; chmod 600 it",
		    path, (unsigned)(st.st_mode & 07777));
	return fill_from_file(fd, secret);
}

/*
 * What was taken out of the environment, for the life of the process: of file scope
 * because the environment is that, too, and this takes its place.
 */
#define TAKEN_MAX 8
static struct {
	char name[64];
	struct secret secret;
} taken[TAKEN_MAX];

/* The place of a variable, or the first free one; NULL: there is none. */
static struct secret *
place_of(const char *name)
{
	for (size_t i = 0; i < TAKEN_MAX; i++) {
		if (taken[i].name[0] == '\0' && strlen(name) < sizeof(taken[i].name))
			strcpy(taken[i].name, name);
		if (strcmp(taken[i].name, name) == 0)
			return &taken[i].secret;
	}
	return NULL;
}

/* Out of the environment, which can be read from outside, and which every program gets
 * that a strategy starts. Return: 0; -errno. */
static int
keep(struct secret *kept, const char *name, char *value, size_t length)
{
	if (!kept->text)
		kept->text = pages_new();
	if (!kept->text)
		return -errno;
	memcpy(kept->text, value, length + 1);
	kept->length = length;
	explicit_bzero(value, length);
	return unsetenv(name) < 0 ? -errno : 0;
}

static int
take_variable(const char *name, struct secret *secret)
{
	struct secret *kept = place_of(name);
	char *value = getenv(name);
	size_t length = value ? strlen(value) : 0;
	int r = 0;

	if (!kept)
		return -ENOSPC;
	if (length >= ROOM)
		return -EFBIG;
	if (length > 0)
		r = keep(kept, name, value, length);
	if (r < 0)
		return r;
	if (kept->length == 0)
		return SECRET_E_NONE;
	memcpy(secret->text, kept->text, kept->length);
	secret->length = kept->length;
	return 0;
}

static int
check_text(struct secret *secret)
{
	if (secret->length > 0 && secret->text[secret->length - 1] == '\n')
		secret->text[--secret->length] = '\0';
	if (secret->length > 0 && secret->text[secret->length - 1] == '\r')
		secret->text[--secret->length] = '\0';
	if (secret->length == 0)
		return -EINVAL;
	for (size_t i = 0; i < secret->length; i++) {
		if (secret->text[i] <= ' ' || secret->text[i] > '~')
			return -EINVAL;
	}
	return 0;
}

/* In systemd's directory the modes are systemd's business. */
static int
read_credential(const char *name, char **ret_path, struct secret *secret)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	struct error ignored;
	int r;

	if (!directory || !name || !name[0])
		return SECRET_E_NONE;
	*ret_path = path_join(directory, name);
	if (!*ret_path)
		return -ENOMEM;
	r = read_file(*ret_path, &ignored, secret);
	return r == -ENOENT ? SECRET_E_NONE : r;
}

/* @ret_place: what was looked at last; allocated or NULL. */
static int
find(const struct secret_source *source, struct error *ret_warning, char **ret_place,
    struct secret *secret)
{
	int r;

	if (source->file && source->file[0]) {
		*ret_place = strdup(source->file);
		return read_file(source->file, ret_warning, secret);
	}
	r = read_credential(source->credential, ret_place, secret);
	if (r != SECRET_E_NONE || !source->variable || !source->variable[0])
		return r;
	free(*ret_place);
	*ret_place = strdup(source->variable);
	return take_variable(source->variable, secret);
}

static int
fail(int r, const struct secret_source *source, const char *place, struct error *error)
{
	const char *name = place ? place : "the secret";

	if (r == SECRET_E_NONE)
		return error_set(error, r,
		    "no file is configured, and neither the credential %s nor the "
		    "variable %s is there",
		    source->credential ? source->credential : "(none)",
		    source->variable ? source->variable : "(none)");
	if (r == -EINVAL)
		return error_set(
		    error, r, "%s: is not one line of printable text", name);
	return error_set(error, r, "%s: %s", name, strerror(-r));
}

int
secret_load(const struct secret_source *source, struct error *ret_warning,
    struct error *error, struct secret *ret_secret)
{
	_cleanup_(secret_deinit) struct secret secret = { .text = pages_new() };
	_cleanup_free_ char *place = NULL;
	int r;

	if (!secret.text)
		return fail(-errno, source, NULL, error);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	r = find(source, ret_warning, &place, &secret);
	if (r == 0)
		r = check_text(&secret);
	if (r != 0)
		return fail(r, source, place, error);
	*ret_secret = secret;
	secret = (struct secret){ 0 };
	return 0;
}
