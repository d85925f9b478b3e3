/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures, added up. Cash and equity are those of the ledger.
 */
#include "worker/trading/figures.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/decimal.h"
#include "common/text.h"
#include "worker/trading/journal.h"
#include "worker/trading/ledger.h"

#define LEAST_NS (500 * NS_PER_MS)
#define COST 200      /* the time between two readings, in readings */
#define OTHER_ROOM 40 /* for ",other:N" and what closes the text */

/** struct counts - a list "name:n,name:n" that is being written */
struct counts {
	struct text_out *out;
	size_t n;
	int64_t other; /* of those that have no room, or no proper name */
};

static bool
put_count(struct counts *counts, const char *name, int64_t n)
{
	if (!text_putf(counts->out, "%s%s:%" PRId64, counts->n > 0 ? "," : "", name, n))
		return false;
	counts->n++;
	return true;
}

static void
on_count(const char *name, int64_t n, void *data)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	struct counts *counts = data;
	size_t length = name ? strlen(name) : 0;

	if (counts->n + 1 >= FIGURES_NAMES_MAX || length == 0 || length > 40 ||
	    name[strspn(name, allowed)] != '\0' || !put_count(counts, name, n))
		counts->other += n;
}

static void
put_counts(struct text_out *out, const char *key, struct journal *journal,
    int (*each)(struct journal *journal, journal_on_count on_count, void *data))
{
	struct counts counts = { .out = out };

	text_putf(out, " %s=\"", key);
	out->reserve = OTHER_ROOM;
	(void)each(journal, on_count, &counts);
	out->reserve = 0;
	if (counts.other > 0)
		put_count(&counts, "other", counts.other);
	text_putf(out, "\"");
}

static bool
is_cash_known(struct journal *journal, bool is_embedded)
{
	int64_t cash, read_ns;

	return is_embedded || journal_get_account(journal, &cash, &read_ns) == 0;
}

static void
put_worth(struct text_out *out, struct journal *journal, bool is_embedded)
{
	char equity[DECIMAL_TEXT_MAX], cash[DECIMAL_TEXT_MAX];
	struct ledger_worth worth;

	if (ledger_worth(journal, &worth) != 0)
		return;
	if (is_cash_known(journal, is_embedded)) {
		decimal_format(worth.equity, equity);
		decimal_format(worth.cash, cash);
		text_putf(out, " equity=%s cash=%s", equity, cash);
	}
	text_putf(out, " positions=%" PRId64, worth.positions);
}

void
figures_expire(struct figures *figures)
{
	figures->next_ns = 0;
}

void
figures_read(struct figures *figures, struct journal *journal, bool is_embedded)
{
	int64_t begin_ns = clock_monotonic_ns(), cost_ns;
	struct text_out out;

	if (begin_ns < figures->next_ns)
		return;
	text_init(&out, figures->text, sizeof(figures->text));
	put_worth(&out, journal, is_embedded);
	put_counts(&out, "orders", journal, journal_count_orders);
	put_counts(&out, "refused", journal, journal_count_refused);
	cost_ns = (clock_monotonic_ns() - begin_ns) * COST;
	figures->next_ns = begin_ns + (cost_ns > LEAST_NS ? cost_ns : LEAST_NS);
}

void
figures_text(
    const struct figures *figures, int64_t feed_age_ns, char ret_text[FIGURES_TEXT_MAX])
{
	snprintf(ret_text, FIGURES_TEXT_MAX, "feed_age_ms=%" PRId64 "%s",
	    (feed_age_ns < 0 ? 0 : feed_age_ns) / NS_PER_MS, figures->text);
}
