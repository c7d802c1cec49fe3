/* test_bridge_churn.c -- bridges, moves and hang-ups at random, over three
 * workers: nothing is lost, and (ThreadSanitizer) nothing shared */
#include "line_fixture.h"

enum { STREAMS = 150, AT_ONCE = 12, BRIDGES = 5 };

struct caller {
	handle_t stream;
	struct peer peer;
	struct sa laddr;
	unsigned ops;
};

static unsigned recordings;

static const struct media_source tone = {
	.type = MEDIA_TONE, .hz = {440}, .level_db = -10, .duration_ms = 60};

static void begin_op(struct line *line, struct caller *c)
{
	const struct media_play play = {
		.sources = &tone, .source_count = 1, .mix = true};
	char path[32];
	const struct media_record record = {.path = path,
					    .max_ms = rand() % 2 ? 40 : 0};

	snprintf(path, sizeof(path), "churn/%u.wav", recordings);

	switch (rand() % 3) {
	case 0:
		assert_int_equal(
			media_play(line->media, c->stream, ++c->ops, &play), 0);
		break;
	case 1:
		recordings++;
		assert_int_equal(
			media_record(line->media, c->stream, ++c->ops, &record),
			0);
		break;
	default:
		assert_int_equal(media_send_digits(line->media, c->stream,
						   ++c->ops, "1", 40, 40),
				 0);
	}
	if (rand() % 4 == 0)
		media_stop(line->media, c->stream, c->ops);
}

static void act(struct line *line, struct caller *c,
		struct media_bridge **bridges)
{
	struct media_bridge **b = &bridges[rand() % BRIDGES];
	struct sa laddr;

	switch (rand() % 8) {
	case 0:
	case 1:
	case 2:
		assert_int_equal(media_bridge_join(*b, c->stream,
						   (uint32_t)rand() % 4,
						   (uint32_t)rand() % 4),
				 0);
		break;
	case 3:
		media_bridge_leave(line->media, c->stream);
		break;
	case 4:
		media_bridge_free(*b);
		assert_int_equal(media_bridge_alloc(b, line->media), 0);
		break;
	case 5:
		assert_int_equal(sa_set_str(&laddr, "127.0.0.1", 0), 0);
		if (rand() % 4 == 0 &&
		    !media_stream_move(line->media, c->stream, &laddr))
			c->laddr = laddr;
		break;
	default:
		if (c->ops < 6)
			begin_op(line, c);
	}
}

static void count(const struct line *line, const struct caller *c)
{
	unsigned ends[8] = {0}, closed = 0;

	for (size_t k = 0; k < line->event_count; k++) {
		const struct media_event *e = &line->events[k].e;

		if (e->stream != c->stream)
			continue;
		assert_int_equal(closed, 0);
		if (e->type == MEDIA_CLOSED)
			closed++;
		else if (e->type <= MEDIA_DTMF_DONE)
			ends[e->op]++;
	}
	assert_int_equal(closed, 1);
	for (unsigned op = 1; op <= c->ops; op++)
		assert_int_equal(ends[op], 1);
}

static void remove_recordings(void)
{
	char path[32];

	while (recordings) {
		snprintf(path, sizeof(path), "churn/%u.wav", --recordings);
		unlink(path);
	}
	rmdir("churn");
}

static void open_one(struct line *line, struct caller *c)
{
	peer_open(&c->peer, "127.0.0.1");
	c->stream = line_stream(line, &c->peer, &c->laddr);
}

/* LEFT of them are still open when media is freed. */
static void churn(size_t left)
{
	static struct caller callers[STREAMS];
	struct caller *open[AT_ONCE];
	struct media_bridge *bridges[BRIDGES];
	size_t opened = 0, count_open = 0;
	struct line line;

	memset(callers, 0, sizeof(callers));
	line_open(&line, 3, 21400, 21499);
	for (size_t i = 0; i < BRIDGES; i++)
		assert_int_equal(media_bridge_alloc(&bridges[i], line.media),
				 0);
	for (unsigned t = 0; opened < STREAMS || count_open > left; t++) {
		size_t i = (size_t)rand() % AT_ONCE;

		if (i >= count_open && opened < STREAMS) {
			open_one(&line, &callers[opened]);
			open[count_open++] = &callers[opened++];
		} else if (i < count_open) {
			peer_send(&open[i]->peer, &open[i]->laddr, 160, 0x90);
			act(&line, open[i], bridges);
			if (rand() % 12 == 0) {
				media_stream_close(line.media, open[i]->stream);
				open[i] = open[--count_open];
			}
		}
		if (t % 3 == 0)
			line_turn(&line, NULL);
	}
	if (!left)
		line_until(&line, NULL, media_stream_count(line.media) == 0);
	for (size_t i = 0; i < BRIDGES; i++)
		media_bridge_free(bridges[i]);
	media_free(line.media);
	for (size_t i = 0; i < STREAMS; i++) {
		count(&line, &callers[i]);
		peer_close(&callers[i].peer);
	}
	loop_free(line.loop);
	free(line.events);
	remove_recordings();
}

static void at_random_each_operation_ends_once(void **state)
{
	(void)state;
	srand(11);
	churn(0);
}

static void freed_in_the_midst_each_operation_ends_once(void **state)
{
	(void)state;
	srand(12);
	churn(AT_ONCE / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_random_each_operation_ends_once),
		cmocka_unit_test(freed_in_the_midst_each_operation_ends_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
