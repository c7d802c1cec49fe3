/* Messages made to confuse a parser (after RFC 4475, and the fuzzer's finds):
 * whatever a peer sends, over UDP or TCP, the next request is served. */
#include <dirent.h>
#include <stdio.h>
#include "sip_fixture.h"

enum { MESSAGE_MAX = 65536 };

#define CORPUS SOURCE_DIR "/tests/fuzz/corpus/sip/"

static struct tcp_conn *conn;
static struct mbuf *waiting; /* what to write once connected */
static bool gone;

static int setup_both(void **state)
{
	static const char *const texts[] = {"udp:127.0.0.1:0",
					    "tcp:127.0.0.1:0"};
	struct stack_listen listens[2];
	const struct stack_config config = {.listen = listens,
					    .listen_count = 2};
	char err[256];
	(void)state;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	for (size_t i = 0; i < 2; i++)
		assert_true(stack_listen_parse(&listens[i], texts[i], err,
					       sizeof(err)));
	if (stack_alloc(&b.stack, &config, NULL, NULL, err, sizeof(err)))
		fail_msg("%s", err);
	raw_open(&b);
	return 0;
}

static int teardown_both(void **state)
{
	raw_close();
	return teardown(state);
}

static struct mbuf *read_message(const char *name)
{
	struct mbuf *mb = mbuf_alloc(MESSAGE_MAX);
	char path[512];
	FILE *file;

	(void)re_snprintf(path, sizeof(path), CORPUS "%s", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	mb->end = fread(mb->buf, 1, MESSAGE_MAX, file);
	(void)fclose(file);
	return mb;
}

/* A sound request is answered, after what came before it. */
static void assert_served(void)
{
	static unsigned n;
	char start[64];
	const char *ok;

	n++;
	raw_forget();
	raw_send("OPTIONS sip:x@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKserved%u;rport\r\n"
		 "From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
		 "Call-ID: served%u\r\nCSeq: 1 OPTIONS\r\n"
		 "Max-Forwards: 9\r\n\r\n",
		 &raw.to, &raw.addr, n, n);
	(void)re_snprintf(start, sizeof(start), "branch=z9hG4bKserved%u", n);
	do {
		ok = raw_wait("SIP/2.0 200");
	} while (!strstr(ok, start));
}

static void over_udp(const char *name)
{
	struct mbuf *mb = read_message(name);

	assert_int_equal(udp_send(raw.socket, &raw.to, mb), 0);
	assert_served();
	mem_deref(mb);
}

static bool is_gone(void)
{
	return gone;
}

static void on_connected(void *arg)
{
	(void)arg;
	(void)tcp_send(conn, waiting);
	/* A request that is never ended leaves the connection open: what
	 * follows on UDP must not wait for it. */
	gone = true;
	check();
}

static void on_received(struct mbuf *mb, void *arg)
{
	(void)mb;
	(void)arg;
}

static void on_gone(int err, void *arg)
{
	(void)err;
	(void)arg;
	gone = true;
	check();
}

static void over_tcp(const char *name)
{
	size_t count;
	const struct stack_listen *listens = stack_listens(b.stack, &count);

	waiting = read_message(name);
	gone = false;
	assert_int_equal(tcp_connect(&conn, &listens[1].addr, on_connected,
				     on_received, on_gone, NULL),
			 0);
	WAIT(is_gone);
	assert_served();
	conn = mem_deref(conn);
	waiting = mem_deref(waiting);
}

static void for_each_message(void (*send)(const char *name))
{
	DIR *dir = opendir(CORPUS);
	const struct dirent *entry;
	unsigned sent = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		send(entry->d_name);
		sent++;
	}
	(void)closedir(dir);
	assert_true(sent > 30);
}

static void after_each_message_over_UDP_the_next_is_served(void **state)
{
	(void)state;
	for_each_message(over_udp);
}

static void after_each_message_over_TCP_the_next_is_served(void **state)
{
	(void)state;
	for_each_message(over_tcp);
}

static void a_message_cut_anywhere_does_no_harm(void **state)
{
	struct mbuf *mb = read_message("invite");
	const size_t whole = mb->end;
	(void)state;

	for (mb->end = 1; mb->end < whole; mb->end += 7)
		assert_int_equal(udp_send(raw.socket, &raw.to, mb), 0);
	assert_served();
	mem_deref(mb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			after_each_message_over_UDP_the_next_is_served,
			setup_both, teardown_both),
		cmocka_unit_test_setup_teardown(
			after_each_message_over_TCP_the_next_is_served,
			setup_both, teardown_both),
		cmocka_unit_test_setup_teardown(
			a_message_cut_anywhere_does_no_harm, setup_both,
			teardown_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
