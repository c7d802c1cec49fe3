#include "api/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/handle.h"
#include "base/log.h"
#include "base/loop.h"

enum { IDLE_S = 600, BACKLOG = 16 };

struct connection {
	struct control *control;
	struct bufferevent *bev;
	handle_t handle;
	bool busy;   /* a command is being answered: the next line waits */
	bool closed; /* the peer has sent its last line */
};

struct control {
	struct loop *loop;
	struct event *listener;
	struct handle_table *connections;
	control_h *handler;
	void *arg;
	char *path;
	int fd;
};

static void connection_close(struct connection *c)
{
	handle_remove(c->control->connections, c->handle);
	bufferevent_free(c->bev);
	free(c);
}

static void send_json(struct connection *c, cJSON *object)
{
	char *text = object ? cJSON_PrintUnformatted(object) : NULL;

	if (text) {
		(void)bufferevent_write(c->bev, text, strlen(text));
		(void)bufferevent_write(c->bev, "\n", 1);
	}
	cJSON_free(text);
	cJSON_Delete(object);
}

static void send_error(struct connection *c, const char *error)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddBoolToObject(o, "ok", false);
	cJSON_AddStringToObject(o, "error", error);
	send_json(c, o);
}

static void line_run(struct connection *c, const char *line, size_t len)
{
	cJSON *request = cJSON_ParseWithLength(line, len);
	const cJSON *command =
		cJSON_GetObjectItemCaseSensitive(request, "command");

	if (!cJSON_IsObject(request)) {
		send_error(c, "not a JSON object; send one object a line, "
			      "such as {\"command\": \"status\"}");
	} else if (!cJSON_IsString(command)) {
		send_error(c, "\"command\" is missing or not a string");
	} else {
		c->busy = true;
		c->control->handler(c->handle, command->valuestring, request,
				    c->control->arg);
	}
	cJSON_Delete(request);
}

/* Run the lines that have come, until one has to wait for its answer. The
 * handler may answer at once, and may free the control: the connection is
 * looked up again after each. */
static void lines_run(struct control *control, handle_t handle)
{
	struct connection *c;

	while ((c = handle_get(control->connections, handle)) && !c->busy) {
		struct evbuffer *in = bufferevent_get_input(c->bev);
		size_t len;
		char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);

		if (!line) {
			if (evbuffer_get_length(in) > CONTROL_LINE_MAX) {
				send_error(c, "line too long");
				(void)evbuffer_drain(in,
						     evbuffer_get_length(in));
			}
			if (c->closed &&
			    !evbuffer_get_length(
				    bufferevent_get_output(c->bev)))
				connection_close(c);
			return;
		}
		if (len)
			line_run(c, line, len);
		free(line);
	}
}

static void read_handler(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;
	(void)bev;

	lines_run(c->control, c->handle);
}

static void write_handler(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;
	(void)bev;

	if (c->closed && !c->busy)
		lines_run(c->control, c->handle);
}

static void event_handler(struct bufferevent *bev, short what, void *arg)
{
	struct connection *c = arg;
	(void)bev;

	/* A tool may shut down its sending side and still wait for answers. */
	if (what & BEV_EVENT_EOF && !(what & BEV_EVENT_ERROR)) {
		c->closed = true;
		lines_run(c->control, c->handle);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT && c->busy) {
		(void)bufferevent_enable(c->bev, EV_READ);
		return;
	}
	connection_close(c);
}

static void accept_handler(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	struct timeval idle = {.tv_sec = IDLE_S};
	struct connection *c;
	int peer;
	(void)what;

	peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (peer < 0)
		return;

	if (handle_count(control->connections) >= CONTROL_CONNECTIONS_MAX ||
	    !(c = calloc(1, sizeof(*c)))) {
		log_warn(NULL, "control: too many connections, one refused");
		(void)close(peer);
		return;
	}
	c->control = control;
	c->bev = bufferevent_socket_new(loop_event_base(control->loop), peer,
					BEV_OPT_CLOSE_ON_FREE);
	c->handle = handle_add(control->connections, c);
	if (!c->bev || !c->handle) {
		handle_remove(control->connections, c->handle);
		if (c->bev)
			bufferevent_free(c->bev);
		else
			(void)close(peer);
		free(c);
		return;
	}
	bufferevent_setcb(c->bev, read_handler, write_handler, event_handler,
			  c);
	(void)bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_setwatermark(c->bev, EV_READ, 0, CONTROL_LINE_MAX + 2);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static int unix_address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(un->sun_path))
		return ENAMETOOLONG;
	memcpy(un->sun_path, path, strlen(path) + 1);
	return 0;
}

/* A socket file that nobody listens to is left from a crash. */
static bool is_stale(const struct sockaddr_un *un)
{
	struct stat st;
	bool stale = false;
	int fd;

	if (lstat(un->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)))
		stale = errno == ECONNREFUSED;
	(void)close(fd);
	return stale;
}

static int listen_at(const char *path, int *fdp, char *msg, size_t size)
{
	struct sockaddr_un un;
	mode_t mask;
	int fd = -1;
	int err;

	err = unix_address(&un, path);
	if (err) {
		(void)snprintf(msg, size,
			       "control socket %s: path too long (at most %zu "
			       "bytes); choose a shorter --db path",
			       path, sizeof(un.sun_path) - 1);
		return err;
	}
	if (is_stale(&un))
		(void)unlink(path);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err = errno;
		goto out;
	}
	mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&un, sizeof(un)) ? errno : 0;
	(void)umask(mask);
	if (!err && listen(fd, BACKLOG))
		err = errno;
out:
	if (err) {
		(void)snprintf(msg, size, "control socket %s: %s", path,
			       strerror(err));
		if (fd >= 0)
			(void)close(fd);
		return err;
	}
	*fdp = fd;
	return 0;
}

int control_alloc(struct control **cp, struct loop *loop, const char *path,
		  control_h *handler, void *arg, char *msg, size_t size)
{
	struct control *control;
	int err;

	control = calloc(1, sizeof(*control));
	if (!control)
		return ENOMEM;
	control->loop = loop;
	control->handler = handler;
	control->arg = arg;
	control->fd = -1;

	err = handle_table_alloc(&control->connections);
	if (err)
		goto out;
	err = listen_at(path, &control->fd, msg, size);
	if (err)
		goto out;
	control->path = strdup(path);
	control->listener =
		event_new(loop_event_base(loop), control->fd,
			  EV_READ | EV_PERSIST, accept_handler, control);
	if (!control->path || !control->listener ||
	    event_add(control->listener, NULL))
		err = ENOMEM;
out:
	if (err)
		control_free(control);
	else
		*cp = control;
	return err;
}

static bool close_one(handle_t handle, void *ptr, void *arg)
{
	struct connection *c = ptr;
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct evbuffer_iovec parts[8];
	const int n = evbuffer_peek(out, -1, NULL, parts, 8);
	(void)handle;
	(void)arg;

	/* "drain" is answered as the engine goes: send what fits now. (A
	 * bufferevent's buffer is frozen for all but looking.) */
	for (int i = 0; i < n && i < 8; i++)
		(void)send(bufferevent_getfd(c->bev), parts[i].iov_base,
			   parts[i].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	connection_close(c);
	return false;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	if (control->connections)
		handle_apply(control->connections, close_one, NULL);
	if (control->listener)
		event_free(control->listener);
	if (control->fd >= 0) {
		(void)close(control->fd);
		if (control->path)
			(void)unlink(control->path);
	}
	handle_table_free(control->connections);
	free(control->path);
	free(control);
}

long control_peer(const struct control *control, uint64_t ticket)
{
	const struct connection *c = handle_get(control->connections, ticket);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (!c || getsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_PEERCRED,
			     &peer, &size))
		return -1;
	return (long)peer.uid;
}

static void answered(struct control *control, struct connection *c,
		     handle_t ticket)
{
	c->busy = false;
	lines_run(control, ticket);
}

void control_reply(struct control *control, uint64_t ticket, cJSON *result)
{
	struct connection *c = handle_get(control->connections, ticket);
	cJSON *o;

	if (!c) {
		cJSON_Delete(result);
		return;
	}
	o = cJSON_CreateObject();
	cJSON_AddBoolToObject(o, "ok", true);
	cJSON_AddItemToObject(o, "result",
			      result ? result : cJSON_CreateNull());
	send_json(c, o);
	answered(control, c, ticket);
}

void control_error(struct control *control, uint64_t ticket, const char *error)
{
	struct connection *c = handle_get(control->connections, ticket);

	if (!c)
		return;
	send_error(c, error);
	answered(control, c, ticket);
}
