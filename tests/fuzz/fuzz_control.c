/* fuzz_control.c -- whatever a client writes to the control socket
 *
 * A real socket on a real loop; commands are answered at once, later, or with
 * an error, by their length. Each whole line is answered with one line.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <event2/event.h>
#include "api/control.h"
#include "base/log.h"
#include "base/loop.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LATER_MAX = 4 };

static struct {
	struct loop *loop;
	struct control *control;
	char folder[64];
	struct sockaddr_un un;
	uint64_t later[LATER_MAX];
	size_t later_count;
} world;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void commanded(uint64_t ticket, const char *command,
		      const cJSON *request, void *arg)
{
	(void)arg;

	switch (strlen(command) % 3) {
	case 0:
		control_reply(world.control, ticket,
			      cJSON_Duplicate(request, true));
		break;
	case 1:
		control_error(world.control, ticket, command);
		break;
	default:
		require(world.later_count < LATER_MAX);
		world.later[world.later_count++] = ticket;
	}
}

static void clean_up(void)
{
	control_free(world.control);
	loop_free(world.loop);
	(void)rmdir(world.folder);
}

/* The types are libFuzzer's. NOLINTNEXTLINE(readability-non-const-parameter) */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256] = "";
	(void)argc;
	(void)argv;

	log_set_level(LOG_ERROR);
	strcpy(world.folder, "/tmp/moondial-fuzz-XXXXXX");
	require(mkdtemp(world.folder));
	world.un.sun_family = AF_UNIX;
	snprintf(world.un.sun_path, sizeof(world.un.sun_path), "%s/c.sock",
		 world.folder);
	require(!loop_alloc(&world.loop));
	loop_enter(world.loop);
	require(!control_alloc(&world.control, world.loop, world.un.sun_path,
			       commanded, NULL, err, sizeof(err)));
	atexit(clean_up);
	return 0;
}

static void turn(void)
{
	require(event_base_loop(loop_event_base(world.loop), EVLOOP_NONBLOCK) >=
		0);
	while (world.later_count)
		control_reply(world.control, world.later[--world.later_count],
			      NULL);
}

/* Lines that came back, each of them JSON; *END: the engine has hung up. */
static size_t answers(int fd, char *line, size_t *fill, bool *end)
{
	size_t count = 0;
	char *eol;
	ssize_t n =
		recv(fd, line + *fill, CONTROL_LINE_MAX - *fill, MSG_DONTWAIT);

	if (n <= 0) {
		*end = n == 0 || errno != EAGAIN;
		return 0;
	}
	*fill += (size_t)n;
	while ((eol = memchr(line, '\n', *fill))) {
		cJSON *json = cJSON_ParseWithLength(line, (size_t)(eol - line));

		require(cJSON_IsBool(cJSON_GetObjectItem(json, "ok")));
		cJSON_Delete(json);
		*fill -= (size_t)(eol + 1 - line);
		memmove(line, eol + 1, *fill);
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static char line[CONTROL_LINE_MAX];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t lines = 0, got = 0, fill = 0, at = 0;
	bool end = false;

	require(fd >= 0 &&
		!connect(fd, (struct sockaddr *)&world.un, sizeof(world.un)));
	for (size_t i = 0; i < size; i++)
		/* an empty line is no command */
		lines += bytes[i] == '\n' && i > 0 && bytes[i - 1] != '\n';
	for (int turns = 0; !end && turns < 20000; turns++) {
		if (at < size) {
			ssize_t n = send(fd, bytes + at, size - at,
					 MSG_DONTWAIT | MSG_NOSIGNAL);

			at += n > 0 ? (size_t)n : 0;
			if (at == size)
				(void)shutdown(fd, SHUT_WR);
		} else if (!size && !turns) {
			(void)shutdown(fd, SHUT_WR);
		}
		turn();
		got += answers(fd, line, &fill, &end);
	}
	close(fd);
	turn();
	require(end && got == lines);
	return 0;
}
