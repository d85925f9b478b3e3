/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds, loads and checks a strategy module, and passes calls on to it. What an event
 * or a cluster means is not known here, nor what to do when loading fails.
 *
 * A module is loaded from a sealed copy in memory, never from its file: dlopen(3) gives
 * the object that it has already for a file that it knows, so a replaced one would not
 * be loaded, and one that is overwritten in place would change under a running worker.
 * Since dlopen() knows objects by name, too, and a descriptor's number comes again, the
 * copy gets a number that no object still loaded is named after.
 */
#include "worker/trading/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/cleanup.h"

#define SYMBOL "tradesup_strategy"
#define PATH_VARIABLE "TRADESUP_STRATEGY_PATH"
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define FILE_MAX (INT64_C(256) * 1024 * 1024) /* larger is no module */
#define NAME_TRIES 64

/** struct code - a loaded object and its state, which only go together */
struct code {
	int fd; /* the copy, open as long as the object, which is named after it */
	void *handle;
	const struct tradesup_strategy *strategy;
	void *state;
	bool has_state; /* create() has succeeded, or there is none */
};

struct module {
	char *path;
	uint32_t crc; /* of the file's bytes */
	uint64_t size;
	uint32_t params_crc;
	struct code code;
};

static void
code_deinit(struct code *code)
{
	if (code->has_state && code->strategy->destroy)
		code->strategy->destroy(code->state);
	if (code->handle)
		dlclose(code->handle);
	closep(&code->fd);
	*code = (struct code){ .fd = -1 };
}

struct module *
module_free(struct module *module)
{
	if (!module)
		return NULL;
	code_deinit(&module->code);
	free(module->path);
	free(module);
	return NULL;
}

void
module_freep(struct module **module)
{
	module_free(*module);
}

const char *
module_path(const struct module *module)
{
	return module->path;
}

uint32_t
module_hash(const struct module *module)
{
	return module->crc;
}

/* @folder/@name.so, if it is there. Return: 0; -ENOENT; -ENOMEM. */
static int
try_folder(const char *folder, size_t length, const char *name, char **ret_path)
{
	_cleanup_free_ char *path = NULL;

	if (length == 0)
		return -ENOENT;
	if (asprintf(&path, "%.*s/%s.so", (int)length, folder, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, F_OK) < 0)
		return -ENOENT;
	*ret_path = steal(&path);
	return 0;
}

static int
try_variable(const char *name, char **ret_path)
{
	const char *folders = getenv(PATH_VARIABLE);
	int r = -ENOENT;

	while (folders && r == -ENOENT) {
		size_t length = strcspn(folders, ":");

		r = try_folder(folders, length, name, ret_path);
		folders = folders[length] == ':' ? folders + length + 1 : NULL;
	}
	return r;
}

static int
try_program_folder(const char *name, char **ret_path)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program));
	const char *slash = length > 0 ? memrchr(program, '/', (size_t)length) : NULL;

	return slash ? try_folder(program, (size_t)(slash - program), name, ret_path)
		     : -ENOENT;
}

static int
find_file(const char *strategy, struct error *error, char **ret_path)
{
	int r;

	if (strchr(strategy, '/')) {
		*ret_path = strdup(strategy);
		return *ret_path ? 0 : error_set(error, -ENOMEM, "out of memory");
	}
	r = try_variable(strategy, ret_path);
	if (r == -ENOENT)
		r = try_program_folder(strategy, ret_path);
	if (r == -ENOENT)
		r = try_folder(
		    TRADESUP_MODULEDIR, strlen(TRADESUP_MODULEDIR), strategy, ret_path);
	if (r == -ENOENT)
		return error_set(error, MODULE_E_IMPORT,
		    "strategy %s: there is no %s.so in $" PATH_VARIABLE
		    ", beside the program or in " TRADESUP_MODULEDIR,
		    strategy, strategy);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static int
import_error(struct error *error, const char *path, const char *what)
{
	return error_set(error, MODULE_E_IMPORT, "%s: %s", path, what);
}

static int
make_memfd(void)
{
	int fd = -1;

#ifdef MFD_EXEC
	/* Where the system wants memory to be asked for its execute bit. */
	fd = memfd_create("strategy", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
#endif
	if (fd < 0)
		fd = memfd_create("strategy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int
write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Copy @from to @to, and learn size and checksum on the way. */
static int
copy_bytes(struct module *module, int from, int to)
{
	char buffer[64 * 1024];
	ssize_t n;
	int r;

	for (;;) {
		n = read(from, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = write_all(to, buffer, (size_t)n);
		if (r < 0)
			return r;
		module->crc =
		    (uint32_t)crc32(module->crc, (const Bytef *)buffer, (uInt)n);
		module->size += (uint64_t)n;
	}
}

static int
copy_file(struct module *module, struct error *error)
{
	_cleanup_close_ int from = -1, to = -1;
	struct stat info;
	int r;

	from = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (from < 0 || fstat(from, &info) < 0)
		return import_error(error, module->path, strerror(errno));
	if (!S_ISREG(info.st_mode) || info.st_size > FILE_MAX)
		return import_error(error, module->path, "not a module");
	to = make_memfd();
	if (to < 0)
		return error_set(error, -errno, "%s: no memory for a copy: %s",
		    module->path, strerror(errno));
	r = copy_bytes(module, from, to);
	if (r == 0 && fcntl(to, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r < 0)
		return error_set(
		    error, r, "%s: cannot be copied: %s", module->path, strerror(-r));
	module->code.fd = steal_fd(&to);
	return 0;
}

static void
name_of(int fd, char ret_name[32])
{
	snprintf(ret_name, 32, "/proc/self/fd/%d", fd);
}

/* Whether an object of this name is loaded: one that dlclose() could not unload. */
static bool
is_taken(const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

	if (!handle)
		return false;
	dlclose(handle);
	return true;
}

/* Give the copy a number whose name is free. */
static int
find_free_name(struct code *code, char ret_name[32], struct error *error)
{
	name_of(code->fd, ret_name);
	for (int i = 0; is_taken(ret_name); i++) {
		int fd = i < NAME_TRIES ? fcntl(code->fd, F_DUPFD_CLOEXEC, code->fd + 1)
					: -1;

		if (fd < 0)
			return error_set(
			    error, -EMFILE, "too many modules that cannot be unloaded");
		close(code->fd);
		code->fd = fd;
		name_of(fd, ret_name);
	}
	return 0;
}

static int
open_code(struct module *module, struct error *error)
{
	char name[32];
	const char *why;
	int r;

	r = find_free_name(&module->code, name, error);
	if (r < 0)
		return r;
	module->code.handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (module->code.handle)
		return 0;

	/* The sentence names the copy, which tells a person nothing. */
	why = dlerror();
	if (why && strncmp(why, name, strlen(name)) == 0 &&
	    strncmp(why + strlen(name), ": ", 2) == 0)
		why += strlen(name) + 2;
	return import_error(error, module->path, why ? why : "dlopen() failed");
}

static int
check_code(struct module *module, struct error *error)
{
	const struct tradesup_strategy *strategy = dlsym(module->code.handle, SYMBOL);

	if (!strategy)
		return error_set(
		    error, MODULE_E_ATTRIBUTE, "%s: no symbol " SYMBOL, module->path);
	if (strategy->abi != TRADESUP_STRATEGY_ABI)
		return error_set(error, MODULE_E_ATTRIBUTE,
		    "%s: made for ABI %u, this is ABI %d", module->path, strategy->abi,
		    TRADESUP_STRATEGY_ABI);
	if (!strategy->event)
		return error_set(
		    error, MODULE_E_ATTRIBUTE, "%s: no function event", module->path);
	if (!strategy->save != !strategy->load)
		return error_set(error, MODULE_E_ATTRIBUTE, "%s: no function %s",
		    module->path, strategy->save ? "load" : "save");
	module->code.strategy = strategy;
	return 0;
}

static int
create_state(
    struct module *module, const struct config_trading *trading, struct error *error)
{
	_cleanup_free_ struct tradesup_param *params = NULL;
	struct code *code = &module->code;
	char why[ERROR_TEXT_MAX / 2] = "";
	int r = 0;

	params = calloc(trading->n_params + 1, sizeof(*params));
	if (!params)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < trading->n_params; i++) {
		params[i].key = trading->params[i].key;
		params[i].value = trading->params[i].value;
	}
	if (code->strategy->create)
		r = code->strategy->create(
		    params, trading->n_params, &code->state, why, sizeof(why));
	if (r != 0) {
		why[sizeof(why) - 1] = '\0';
		return error_set(error, r < 0 ? r : -EINVAL, "%s: %s", module->path,
		    why[0] != '\0' ? why : "create() failed and does not say why");
	}
	code->has_state = true;
	return 0;
}

static uint32_t
crc_of_params(const struct config_trading *trading)
{
	uLong crc = 0;

	for (size_t i = 0; i < trading->n_params; i++) {
		const struct config_param *param = &trading->params[i];

		/* With their NULs, so that no two lists look the same. */
		crc =
		    crc32(crc, (const Bytef *)param->key, (uInt)strlen(param->key) + 1);
		crc = crc32(
		    crc, (const Bytef *)param->value, (uInt)strlen(param->value) + 1);
	}
	return (uint32_t)crc;
}

int
module_load(const struct config_trading *trading, struct error *error,
    struct module **ret_module)
{
	_cleanup_(module_freep) struct module *module = calloc(1, sizeof(*module));
	int r;

	if (!module)
		return error_set(error, -ENOMEM, "out of memory");
	module->code.fd = -1;
	module->params_crc = crc_of_params(trading);
	r = find_file(trading->strategy, error, &module->path);
	if (r == 0)
		r = copy_file(module, error);
	if (r == 0)
		r = open_code(module, error);
	if (r == 0)
		r = check_code(module, error);
	if (r == 0)
		r = create_state(module, trading, error);
	if (r != 0)
		return r;
	*ret_module = steal(&module);
	return 0;
}

int
module_check(const struct config_trading *trading, struct error *error)
{
	_cleanup_(module_freep) struct module *module = NULL;

	return module_load(trading, error, &module);
}

int
module_event(struct module *module, const struct tradesup_event *event,
    const struct tradesup_host *host)
{
	return module->code.strategy->event(module->code.state, event, host);
}

bool
module_can_save(const struct module *module)
{
	return module->code.strategy->save != NULL;
}

int
module_save(const struct module *module, tradesup_write write, void *data)
{
	if (!module->code.strategy->save)
		return -EINVAL;
	return module->code.strategy->save(module->code.state, write, data);
}

int
module_restore(struct module *module, const void *bytes, size_t length)
{
	if (!module->code.strategy->load)
		return -EINVAL;
	return module->code.strategy->load(module->code.state, bytes, length);
}

/** struct saved - what save() has written */
struct saved {
	char *bytes;
	size_t length;
};

static int
append(void *data, const void *bytes, size_t length)
{
	struct saved *saved = data;
	char *grown = realloc(saved->bytes, saved->length + length + 1);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + saved->length, bytes, length);
	saved->bytes = grown;
	saved->length += length;
	return 0;
}

int
module_move_state(struct module *from, struct module *to)
{
	struct saved saved = { 0 };
	int r;

	/* The code goes along: a state may point into the object that made it. */
	if (from->crc == to->crc && from->size == to->size &&
	    from->params_crc == to->params_crc) {
		struct code code = to->code;

		to->code = from->code;
		from->code = code;
		return 0;
	}

	r = module_save(from, append, &saved);
	if (r == 0)
		r = module_restore(to, saved.bytes, saved.length);
	free(saved.bytes);
	return r == 0 ? 0 : -EINVAL;
}
