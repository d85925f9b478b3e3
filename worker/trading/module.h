/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading strategy modules: find, dlopen, check the ABI. The faults `import` and
 * `attribute` come from here.
 */
#pragma once

#include "common/config_trading.h"
#include "common/error.h"
#include "worker/trading/strategy.h"

struct module; /* a loaded module with one state */

#define MODULE_E_IMPORT 1 /* not found, or dlopen() refused it */
/* No symbol tradesup_strategy, another ABI version, or a required function missing. */
#define MODULE_E_ATTRIBUTE 2

/**
 * module_load() - load @trading->strategy afresh and create its state
 *
 * A name is looked for as NAME.so in $TRADESUP_STRATEGY_PATH (colon-separated), beside
 * the running program (a build folder) and in libdir/tradesup; a path is taken as it
 * is. The object is copied to a private memfd before dlopen(3), so that a file replaced
 * on disk is really loaded again and a loaded one cannot change under our feet.
 *
 * Return: 0; MODULE_E_…; -EINVAL: create() refused a parameter; -errno. @error is
 *         filled.
 */
int module_load(const struct config_trading *trading, struct error *error,
    struct module **ret_module);

/** module_path() - where the file was found; owned by the module. */
const char *module_path(const struct module *module);

/** module_hash() - crc32 of the file that was loaded; tells one build from another. */
uint32_t module_hash(const struct module *module);

/**
 * module_check() - whether the file that would be loaded now is there and loadable
 *
 * For the pre-check: it loads the module and frees it again.
 * Return: as module_load().
 */
int module_check(const struct config_trading *trading, struct error *error);

/** The functions of strategy.h; save and restore: -EINVAL if the module has none. */
int module_event(struct module *module, const struct tradesup_event *event,
    const struct tradesup_host *host);
bool module_can_save(const struct module *module);
int module_save(const struct module *module, tradesup_write write, void *data);
int module_restore(struct module *module, const void *bytes, size_t length);

/**
 * module_move_state() - give the state of @from to @to
 *
 * With the same code (size and crc32 of the file) and parameters the state goes over as
 * it is, and the loaded object with it; else by save and load. Afterwards @from may
 * only be freed. Return: 0; -EINVAL: cannot.
 */
int module_move_state(struct module *from, struct module *to);

struct module *module_free(struct module *module);
void module_freep(struct module **module);
