/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking after the processes that workers left behind: ended ones are reaped, living
 * ones whose worker's life is over are killed.
 */
#pragma once

struct supervisor;

/**
 * orphans_sweep() - one look
 *
 * Return: how many orphans had to be killed, or could not be judged yet: look again.
 */
int orphans_sweep(struct supervisor *supervisor);
