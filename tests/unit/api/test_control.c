/* The control socket: an engine's side on a loop, a tool's side in a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/control.h"
#include "base/loop.h"

struct fixture {
	struct loop *loop;
	struct control *control;
	char dir[64], path[128];
	uint64_t held; /* a ticket that is answered later */
	unsigned commands;
};

static void handler(uint64_t ticket, const char *command, const cJSON *request,
		    void *arg)
{
	struct fixture *f = arg;

	f->commands++;
	if (!strcmp(command, "echo")) {
		control_reply(
			f->control, ticket,
			cJSON_Duplicate(cJSON_GetObjectItem(request, "value"),
					true));
	} else if (!strcmp(command, "hold")) {
		f->held = ticket;
	} else if (!strcmp(command, "release")) {
		control_reply(f->control, ticket, NULL);
		control_reply(f->control, f->held, cJSON_CreateString("late"));
	} else if (!strcmp(command, "stop")) {
		control_reply(f->control, ticket, NULL);
		loop_stop(f->loop);
	} else {
		control_error(f->control, ticket, "no such command");
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[256];

	(void)signal(SIGPIPE, SIG_IGN); /* as the engine does */
	strcpy(f->dir, "/tmp/moondial-control-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/t.sock", f->dir);
	assert_int_equal(loop_alloc(&f->loop), 0);
	loop_enter(f->loop);
	assert_int_equal(control_alloc(&f->control, f->loop, f->path, handler,
				       f, err, sizeof(err)),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	assert_int_equal(access(f->path, F_OK), -1);
	loop_free(f->loop);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static int connect_raw(const struct fixture *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(un.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Lines until the engine closes or COUNT have come. */
static void hear(int fd, char *out, size_t size, unsigned count)
{
	size_t len = 0;

	while (count && len + 1 < size && read(fd, out + len, 1) == 1)
		if (out[len++] == '\n')
			count--;
	out[len] = '\0';
}

static cJSON *request(const char *text)
{
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	return o;
}

static void stop(const struct fixture *f)
{
	cJSON *r = request("{\"command\": \"stop\"}"), *result = NULL;
	char err[256];

	assert_int_equal(
		control_ask(f->path, r, 5000, &result, err, sizeof(err)), 0);
	cJSON_Delete(r);
	cJSON_Delete(result);
}

static void *ask_thread(void *arg)
{
	const struct fixture *f = arg;
	cJSON *echo = request("{\"command\": \"echo\", \"value\": [1, \"x\"]}");
	cJSON *none = request("{\"command\": \"dance\"}");
	cJSON *result = NULL;
	char err[256] = "";

	assert_int_equal(
		control_ask(f->path, echo, 5000, &result, err, sizeof(err)), 0);
	assert_int_equal(cJSON_GetArraySize(result), 2);
	cJSON_Delete(result);

	assert_int_equal(
		control_ask(f->path, none, 5000, &result, err, sizeof(err)),
		EPROTO);
	assert_string_equal(err, "no such command");
	cJSON_Delete(echo);
	cJSON_Delete(none);
	stop(f);
	return NULL;
}

static void run_with(struct fixture *f, void *(*fn)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, f), 0);
	assert_int_equal(loop_run(f->loop), 0);
	/* the answer to "stop" is still to be sent */
	control_free(f->control);
	f->control = NULL;
	(void)pthread_join(thread, NULL);
}

static void a_tool_asks_and_is_answered(void **state)
{
	run_with(*state, ask_thread);
}

static void *garbage_thread(void *arg)
{
	const struct fixture *f = arg;
	char out[4096];
	int fd = connect_raw(f);

	say(fd, "nonsense\n[1]\n{\"command\": 5}\n\n"
		"{\"command\": \"echo\", \"value\": 1}\n");
	hear(fd, out, sizeof(out), 4);
	assert_non_null(strstr(out, "not a JSON object"));
	assert_non_null(strstr(out, "is missing or not a string"));
	assert_non_null(strstr(out, "{\"ok\":true,\"result\":1}\n"));
	(void)close(fd);
	stop(f);
	return NULL;
}

static void garbage_gets_an_error_and_the_next_line_works(void **state)
{
	run_with(*state, garbage_thread);
}

static void *order_thread(void *arg)
{
	const struct fixture *f = arg;
	char out[4096];
	int held = connect_raw(f), other = connect_raw(f);

	/* The line behind the held one waits for its answer. */
	say(held, "{\"command\": \"hold\"}\n"
		  "{\"command\": \"echo\", \"value\": \"second\"}\n");
	say(other, "{\"command\": \"echo\", \"value\": 1}\n");
	hear(other, out, sizeof(out), 1);
	say(other, "{\"command\": \"release\"}\n");
	hear(other, out, sizeof(out), 1);
	hear(held, out, sizeof(out), 2);
	assert_string_equal(out, "{\"ok\":true,\"result\":\"late\"}\n"
				 "{\"ok\":true,\"result\":\"second\"}\n");
	(void)close(held);
	(void)close(other);
	stop(f);
	return NULL;
}

static void lines_of_a_connection_are_answered_in_order(void **state)
{
	run_with(*state, order_thread);
}

static void *gone_thread(void *arg)
{
	const struct fixture *f = arg;
	char out[256];
	int held = connect_raw(f), other;

	say(held, "{\"command\": \"hold\"}\n");
	other = connect_raw(f);
	say(other, "{\"command\": \"echo\", \"value\": 1}\n");
	hear(other, out, sizeof(out), 1);
	(void)close(held);
	say(other, "{\"command\": \"echo\", \"value\": 2}\n");
	hear(other, out, sizeof(out), 1);
	say(other, "{\"command\": \"release\"}\n");
	hear(other, out, sizeof(out), 1);
	assert_string_equal(out, "{\"ok\":true,\"result\":null}\n");
	(void)close(other);
	stop(f);
	return NULL;
}

static void an_answer_for_a_connection_that_has_gone_is_dropped(void **state)
{
	run_with(*state, gone_thread);
}

static void the_socket_is_for_its_owner_only(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_socket_left_by_a_crash_is_replaced_a_live_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct control *second = NULL;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char err[512], stale[128];
	int fd;

	assert_int_equal(control_alloc(&second, f->loop, f->path, handler, f,
				       err, sizeof(err)),
			 EADDRINUSE);
	assert_non_null(strstr(err, f->path));

	(void)snprintf(stale, sizeof(stale), "%s/stale.sock", f->dir);
	strcpy(un.sun_path, stale);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	(void)close(fd);
	assert_int_equal(control_alloc(&second, f->loop, stale, handler, f, err,
				       sizeof(err)),
			 0);
	control_free(second);
}

static void nobody_there_is_said_clearly(void **state)
{
	const struct fixture *f = *state;
	cJSON *r = request("{\"command\": \"status\"}"), *result = NULL;
	char err[512], path[128];

	(void)snprintf(path, sizeof(path), "%s/none.sock", f->dir);
	assert_int_equal(control_ask(path, r, 100, &result, err, sizeof(err)),
			 ENOENT);
	assert_non_null(strstr(err, "no engine is running"));
	cJSON_Delete(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_tool_asks_and_is_answered),
		TEST(garbage_gets_an_error_and_the_next_line_works),
		TEST(lines_of_a_connection_are_answered_in_order),
		TEST(an_answer_for_a_connection_that_has_gone_is_dropped),
		TEST(the_socket_is_for_its_owner_only),
		TEST(a_socket_left_by_a_crash_is_replaced_a_live_one_is_not),
		TEST(nobody_there_is_said_clearly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
