#include "api/control.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static int connect_to(const char *path, int *fdp)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(un.sun_path))
		return ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path) + 1);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		err = errno;
		(void)close(fd);
		return err;
	}
	*fdp = fd;
	return 0;
}

static int send_line(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		text += n;
		left -= (size_t)n;
	}
	return send(fd, "\n", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

/* Read up to a newline. *LINE is given (free). */
static int read_line(int fd, int timeout_ms, char **line)
{
	const uint64_t until = clock_mono_ms() + (uint64_t)timeout_ms;
	size_t len = 0, size = 0;
	char *buf = NULL;
	int err = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		const uint64_t now = clock_mono_ms();
		ssize_t n;
		int ready;

		if (len + 1 >= size) {
			char *more = realloc(buf, size ? size * 2 : 4096);

			if (!more) {
				err = ENOMEM;
				break;
			}
			buf = more;
			size = size ? size * 2 : 4096;
		}
		ready = now < until ? poll(&p, 1, (int)(until - now)) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			err = ready ? errno : ETIMEDOUT;
			break;
		}
		n = read(fd, buf + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? errno : ECONNRESET;
			break;
		}
		len += (size_t)n;
		buf[len] = '\0';
		if (memchr(buf, '\n', len)) {
			*line = buf;
			return 0;
		}
	}
	free(buf);
	return err;
}

/* Take the answer apart. */
static int answer_take(const char *line, cJSON **result, char *msg, size_t size)
{
	cJSON *answer = cJSON_Parse(line);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
	int err = 0;

	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
		*result = cJSON_DetachItemFromObjectCaseSensitive(answer,
								  "result");
	} else {
		err = EPROTO;
		(void)snprintf(msg, size, "%s",
			       cJSON_IsString(error)
				       ? error->valuestring
				       : "the engine's answer was no JSON");
	}
	cJSON_Delete(answer);
	return err;
}

int control_ask(const char *path, const cJSON *request, int timeout_ms,
		cJSON **result, char *msg, size_t size)
{
	char *text = NULL, *line = NULL;
	int fd = -1;
	int err;

	err = connect_to(path, &fd);
	if (err == ENOENT || err == ECONNREFUSED) {
		(void)snprintf(msg, size,
			       "no engine is running here (nobody answers at "
			       "%s); start one with 'moondial run', or name "
			       "its database with --db",
			       path);
		return err;
	}
	if (err)
		goto out;
	text = cJSON_PrintUnformatted(request);
	if (!text) {
		err = ENOMEM;
		goto out;
	}
	err = send_line(fd, text);
	if (!err)
		err = read_line(fd, timeout_ms, &line);
out:
	if (err)
		(void)snprintf(msg, size, "%s: %s", path,
			       err == ETIMEDOUT
				       ? "the engine has not answered in time"
				       : strerror(err));
	else
		err = answer_take(line, result, msg, size);
	if (fd >= 0)
		(void)close(fd);
	cJSON_free(text);
	free(line);
	return err;
}
