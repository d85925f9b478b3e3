/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests supervisor/handover.h: states of random supervisors come back as they were, in
 * both versions; what others write, or nobody, is read without harm.
 */
#include "supervisor/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
#include "supervisor/child.h"
#include "supervisor/child_limits.h"
#include "supervisor/child_watch.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/links.h"
#include "supervisor/tree_list.h"
#include "tests/unit/suite.h"

static const char config_text[] =
    "supervisor { intensity = 5  period = 1h  state_dir = \"/s\"  runtime_dir = \"/r\" "
    "}\n"
    "worker a { command = { \"a\" }  restart = transient }\n"
    "worker b { command = { \"b\" }  memory_max = 64M }\n"
    "group g {\n"
    "  strategy = rest_for_one  intensity = 9  auto_shutdown = any_significant\n"
    "  worker c { command = { \"c\" }  restart = transient  significant = yes }\n"
    "  worker d { command = { \"d\" }  probe { exec = { \"p\" } } }\n"
    "  group h { worker e { command = { \"e\" }  notify = systemd } }\n"
    "}\n"
    "worker f { command = { \"f\" }  restart = temporary }\n";

static const char added_text[] = "worker added { command = { \"x\" } }\n";

static void
on_error(const char *message, void *data)
{
	(void)data;
	ck_abort_msg("%s", message);
}

static struct node *
new_worker(const struct config_node *config, void *data)
{
	struct child *child = child_new(data, config);

	return child ? &child->node : NULL;
}

static void
removed(struct node *worker, void *data)
{
	(void)data;
	child_free((struct child *)worker);
}

static void
group_removed(struct group *group, void *data)
{
	(void)group, (void)data;
}

static const struct tree_ops ops = {
	.new_worker = new_worker, .removed = removed, .group_removed = group_removed
};

static void
be_quiet(int severity, const char *message)
{
	(void)severity, (void)message;
}

static void
begin(struct supervisor *supervisor)
{
	const struct config_text text = { .path = "/etc/c.conf",
		.text = config_text,
		.length = strlen(config_text) };

	*supervisor = (struct supervisor){
		.lock_fd = -1, .sigchld_fd = -1, .cgroup = { .fd = -1 }, .random = 1
	};
	TAILQ_INIT(&supervisor->fragments);
	TAILQ_INIT(&supervisor->launching);
	LIST_INIT(&supervisor->besides);
	guardian_init(&supervisor->guardian);
	event_set_log_callback(be_quiet);
	supervisor->base = event_base_new();
	ck_assert_int_eq(links_new(supervisor, &supervisor->links), 0);
	ck_assert_int_eq(
	    config_load_again(&text, on_error, NULL, &supervisor->config), 0);
	ck_assert_int_eq(
	    tree_init(&supervisor->tree, supervisor->config->root, &ops, supervisor),
	    0);
}

/* Two supervisors have the same descriptors: one of them closes them. */
static void
forget_descriptors(struct node *node, void *data)
{
	struct child *child = (struct child *)node;

	(void)data;
	child->process.pidfd = child->link_fd = child->output_fd = -1;
	child->output_theirs = child->notify_fd = -1;
	if (child->limits)
		child->limits->spawn.cgroup_fd = -1;
}

static void
end(struct supervisor *supervisor, bool close_descriptors)
{
	if (!close_descriptors)
		tree_each_worker(&supervisor->tree, forget_descriptors, NULL);
	tree_deinit(&supervisor->tree);
	fragment_purge(supervisor, true);
	supervisor->links = links_free(supervisor->links);
	event_base_free(supervisor->base);
	event_log_deinit(&supervisor->events);
	config_free(supervisor->config);
}

/* A random state. */

static int
any_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int64_t
any(int64_t limit)
{
	return (((int64_t)random() << 31) ^ random()) % limit;
}

static char *
any_text(size_t longest)
{
	size_t length = (size_t)any((int64_t)longest);
	char *text = calloc(1, length + 1);

	for (size_t i = 0; i < length; i++)
		text[i] = (char)(1 + any(255));
	return text;
}

static void
ignore(const char *line, size_t length, void *data)
{
	(void)line, (void)length, (void)data;
}

static void
fill_history(struct child *child)
{
	static const struct decision decision = { .how = PLAN_ABNORMAL,
		.reason = { .status = -1, .signal = 9 },
		.plan = { .verdict = PLAN_RESTART, .rule = "as it pleases" },
		.delay_ns = 17 };

	for (int64_t n = any(12); n > 0; n--)
		ck_assert_int_eq(decisions_add(&child->decisions, &decision), 0);
	for (size_t i = 0; i < CHILD_RESTARTS_KEPT; i++)
		child->restart_times_ns[i] = any(INT64_MAX);
	for (int64_t n = any(80); n > 0; n--) {
		_cleanup_free_ char *bytes = any_text(500);

		if (!child->output)
			child->output = capture_new();
		capture_feed(child->output, bytes, strlen(bytes), ignore, NULL);
	}
	free(child->error);
	child->error = any(2) ? any_text(300) : NULL;
	child->status = any(2) ? any_text(300) : NULL;
	child->figures = any(2) ? any_text(300) : NULL;
	child->figures_ns = any(1000);
}

static void
fill_child(struct node *node, void *data)
{
	static const enum node_state states[] = { NODE_DOWN, NODE_UP, NODE_WAITING };
	struct child *child = (struct child *)node;

	(void)data;
	node_set(node, states[any(3)]);
	node->wake_as = MAIL_RESUME;
	node->without_progress = (uint32_t)any(100);
	if (node->state == NODE_UP) {
		child->process = (struct spawned){ (pid_t)any(30000) + 2, any_fd() };
		child->link_fd = any_fd();
		child->output_fd = any_fd();
		child->output_theirs = any_fd();
		if (child->limits)
			child->limits->spawn.cgroup_fd = -1;
		child->doom = any(2) ? DOOM_HANG : DOOM_NONE;
		snprintf(child->doom_detail, sizeof(child->doom_detail), "of course");
		child->kill_ns = any(INT64_MAX);
	}
	child->wake_ns = any(INT64_MAX);
	child->seen.started_ns = any(INT64_MAX);
	child->seen.ready = any(2);
	child->cycle = any(INT64_MAX);
	child->lives = (uint32_t)any(UINT32_MAX);
	child->heals = (uint64_t)any(INT64_MAX);
	snprintf(child->phase, sizeof(child->phase), "phase %d", (int)any(1000));
	fill_history(child);
}

static void
add_node(struct supervisor *supervisor)
{
	const struct config_text text = { .path = "/tmp/x",
		.text = added_text,
		.length = strlen(added_text),
		.is_fragment = true };
	const struct config_node *config;
	struct node *node;

	ck_assert_int_eq(
	    fragment_restore(supervisor, &text, on_error, NULL, &config), 0);
	node = node_new(&supervisor->tree, config, supervisor->tree.root);
	node->added = true;
	TAILQ_INSERT_TAIL(&supervisor->tree.root->children, node, sibling);
}

static void
fill(struct supervisor *supervisor)
{
	struct group *group = node_group(tree_find(&supervisor->tree, "g"));
	struct node *first = TAILQ_FIRST(&supervisor->tree.root->children);

	supervisor->restarts = (uint32_t)any(1000);
	supervisor->started_ns = any(INT64_MAX);
	for (int64_t n = any(3); n > 0; n--)
		service_escalated(&supervisor->service, any(INT64_MAX));
	snprintf(supervisor->last_failed, sizeof(supervisor->last_failed), "a");
	for (int64_t n = any(300); n > 0; n--)
		event_log_recall(&supervisor->events, "worker.start ts=1", "a", 0);
	if (any(2))
		add_node(supervisor);
	if (any(2)) {
		TAILQ_REMOVE(&supervisor->tree.root->children, first, sibling);
		TAILQ_INSERT_TAIL(&supervisor->tree.root->children, first, sibling);
	}
	if (any(2))
		node_strike_off(&supervisor->tree, tree_find(&supervisor->tree, "f"));
	node_set(&supervisor->tree.root->node, NODE_UP);
	node_set(&group->node, NODE_UP);
	for (int64_t n = any(5), time_ns = 1; n >= 0; n--)
		ck_assert_int_eq(
		    intensity_add(&group->window, time_ns += any(1000)), 0);
	tree_each_worker(&supervisor->tree, fill_child, NULL);
}

static void
write_state(const struct supervisor *supervisor, unsigned version,
    struct handover_writer *writer)
{
	handover_writer_init(writer, version);
	ck_assert_int_eq(handover_write(supervisor, writer), 0);
}

static void
assert_same(const struct handover_writer *a, const struct handover_writer *b)
{
	ck_assert_uint_eq(a->used, b->used);
	ck_assert_int_eq(memcmp(a->bytes, b->bytes, a->used), 0);
	ck_assert_uint_eq(a->n_fds, b->n_fds);
}

/* Read, and written again, it is the same to the last byte. */
START_TEST(a_state_comes_back)
{
	const unsigned version = (unsigned)_i % 2 + 1;
	struct supervisor one, other;
	struct handover_writer first, second;
	struct handover_attempt attempt = { 0 };

	srandom((unsigned)_i + 1);
	begin(&one);
	fill(&one);
	write_state(&one, version, &first);
	begin(&other);
	ck_assert_msg(handover_read(&other, first.bytes, first.used, &attempt) == 0,
	    "%s", attempt.why);
	write_state(&other, version, &second);
	assert_same(&first, &second);
	/* Those that must be closed on exec from now on. */
	ck_assert_uint_eq(attempt.n_fds, first.n_fds);
	handover_attempt_deinit(&attempt);
	ck_assert_uint_eq(node_group(tree_find(&one.tree, "g"))->significant_up,
	    node_group(tree_find(&other.tree, "g"))->significant_up);
	handover_writer_deinit(&first);
	handover_writer_deinit(&second);
	end(&other, false);
	end(&one, true);
}
END_TEST

START_TEST(the_head_says_what_it_is)
{
	struct handover_writer writer;
	struct handover_head head;
	struct supervisor supervisor;
	char why[160];

	begin(&supervisor);
	write_state(&supervisor, 1, &writer);
	ck_assert_int_eq(
	    handover_read_head(writer.bytes, writer.used, &head, why, sizeof(why)), 0);
	ck_assert_uint_eq(head.version, 1);
	ck_assert_str_eq(head.program_version, TRADESUP_VERSION);
	ck_assert_str_eq(head.config_path, "/etc/c.conf");
	ck_assert_uint_eq(head.config_length, strlen(config_text));
	ck_assert_int_eq(memcmp(head.config_text, config_text, head.config_length), 0);
	handover_head_deinit(&head);
	handover_writer_deinit(&writer);
	end(&supervisor, true);
}
END_TEST

START_TEST(another_version_is_refused_by_its_number)
{
	struct handover_writer writer;
	struct handover_head head;
	struct supervisor supervisor;
	char why[160];

	begin(&supervisor);
	write_state(&supervisor, 3, &writer);
	ck_assert_int_eq(
	    handover_read_head(writer.bytes, writer.used, &head, why, sizeof(why)),
	    HANDOVER_E_VERSION);
	ck_assert_str_eq(why, "the state has version 3, this program reads 1 to 2");
	handover_writer_deinit(&writer);
	end(&supervisor, true);
}
END_TEST

/* Bytes that are wrong here and there, or end early: an answer, and no harm. */
START_TEST(hostile_bytes)
{
	struct supervisor one, other;
	struct handover_writer writer;
	struct handover_attempt attempt;
	char why[160];

	srandom((unsigned)_i + 1);
	begin(&one);
	fill(&one);
	write_state(&one, 2, &writer);
	for (int i = 0; i < 200; i++) {
		_cleanup_free_ char *bytes = malloc(writer.used);
		size_t length = writer.used;
		struct handover_head head;

		memcpy(bytes, writer.bytes, length);
		for (int64_t n = any(4); n >= 0; n--)
			bytes[any((int64_t)length)] = (char)any(256);
		if (any(3) == 0)
			length = (size_t)any((int64_t)length);
		if (handover_read_head(bytes, length, &head, why, sizeof(why)) == 0)
			handover_head_deinit(&head);
		begin(&other);
		attempt = (struct handover_attempt){ .is_trial = true };
		if (handover_read(&other, bytes, length, &attempt) != 0)
			ck_assert_str_ne(attempt.why, "");
		end(&other, false);
	}
	handover_writer_deinit(&writer);
	end(&one, true);
}
END_TEST

static char *
sample_path(void)
{
	char *path;

	ck_assert_int_ge(
	    asprintf(&path, "%s/tests/data/state-1", getenv("TRADESUP_TREE")), 0);
	return path;
}

/* How the sample was made: by the program when its version was 1. */
static void
write_sample(const char *path)
{
	struct supervisor supervisor;
	struct handover_writer writer;
	struct child *child;

	srandom(4711);
	begin(&supervisor);
	do {
		end(&supervisor, true);
		begin(&supervisor);
		fill(&supervisor);
	} while (!tree_find(&supervisor.tree, "added"));
	supervisor.restarts = 42;
	child = (struct child *)tree_find(&supervisor.tree, "a");
	child->cycle = 1234;
	child->restarts = 3;
	write_state(&supervisor, 1, &writer);
	ck_assert_int_eq(statefile_write(path, writer.bytes, writer.used, 0), 0);
	handover_writer_deinit(&writer);
	end(&supervisor, true);
}

START_TEST(what_version_1_wrote_can_be_read)
{
	_cleanup_free_ char *path = sample_path(), *bytes = NULL;
	struct supervisor supervisor;
	const struct child *child;
	struct handover_attempt attempt = { .is_trial = true };
	size_t length;

	if (getenv("TRADESUP_WRITE_SAMPLE"))
		write_sample(path);
	ck_assert_int_eq(statefile_read(path, &bytes, &length), 0);
	begin(&supervisor);
	ck_assert_msg(handover_read(&supervisor, bytes, length, &attempt) == 0, "%s",
	    attempt.why);
	ck_assert_uint_eq(supervisor.restarts, 42);
	child = (struct child *)tree_find(&supervisor.tree, "a");
	ck_assert_int_eq(child->cycle, 1234);
	ck_assert_uint_eq(child->restarts, 3);
	/* Nobody was being ended: version 1 waited for that. */
	ck_assert_int_eq(child->doom, DOOM_NONE);
	ck_assert_int_eq(child->kill_ns, HEARTBEAT_NEVER);
	ck_assert_ptr_nonnull(tree_find(&supervisor.tree, "added"));
	end(&supervisor, false);
}
END_TEST

/* A name that nobody knows, with a nested value, at the end of each map of the head. */
START_TEST(unknown_names_are_skipped)
{
	static const struct handover_field fields[] = {
		{ "known", HANDOVER_INT64, 0, 0, 0, 0, NULL, NULL },
	};
	static const struct handover_table table = { fields, 1 };
	struct handover_writer writer;
	struct handover_reader reader = { .version = 2 };
	int64_t value = 0;

	handover_writer_init(&writer, 2);
	handover_map(&writer, 2);
	handover_text(&writer, "unknown");
	handover_array(&writer, 2);
	handover_map(&writer, 1);
	handover_text(&writer, "known");
	handover_int(&writer, 1);
	handover_text(&writer, NULL);
	handover_text(&writer, "known");
	handover_int(&writer, 2);
	reader.wire = wire_init(writer.bytes, writer.used);
	ck_assert(handover_read_fields(&reader, &table, &value));
	ck_assert_int_eq(value, 2);
	handover_writer_deinit(&writer);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_state_comes_back, 0, 100);
	tcase_add_test(tcase, the_head_says_what_it_is);
	tcase_add_test(tcase, another_version_is_refused_by_its_number);
	tcase_add_loop_test(tcase, hostile_bytes, 0, 10);
	tcase_add_test(tcase, what_version_1_wrote_can_be_read);
	tcase_add_test(tcase, unknown_names_are_skipped);
}

int
main(void)
{
	return suite_run("handover", add_tests);
}
