/* control.h -- the engine's UNIX socket, one JSON object a line
 *
 *   → {"command": "status"}
 *   ← {"ok": true, "result": {…}}     or {"ok": false, "error": "…"}
 *
 * The socket lies beside the database (<db>.sock, mode 0600): who may open
 * the file may command the engine. Lines of one connection are answered in
 * order, one at a time. On the loop thread.
 */
#ifndef MOONDIAL_API_CONTROL_H
#define MOONDIAL_API_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

struct control;
struct loop;

enum { CONTROL_LINE_MAX = 1 << 20, CONTROL_CONNECTIONS_MAX = 64 };

/* Answers a command now or later, once: control_reply() with TICKET. */
typedef void(control_h)(uint64_t ticket, const char *command,
			const cJSON *request, void *arg);

/* Listen at PATH. A socket left behind by an engine that is gone is replaced.
 * On failure an errno value and a message in ERR. */
int control_alloc(struct control **cp, struct loop *loop, const char *path,
		  control_h *handler, void *arg, char *err, size_t size);

/* Stop listening, flush what can be sent at once, remove the socket. */
void control_free(struct control *control);

/* Who asks: the user id of the process at the other end, as the kernel says;
 * -1: it has gone. */
long control_peer(const struct control *control, uint64_t ticket);

/* Answer: RESULT is taken over (NULL: null). A ticket whose connection has
 * gone is ignored. */
void control_reply(struct control *control, uint64_t ticket, cJSON *result);
void control_error(struct control *control, uint64_t ticket, const char *error);

/* ---- the other end: a command line tool ------------------------------ */

/* Send REQUEST (an object) to the engine at PATH and wait for its answer.
 * *RESULT is given. EAGAIN-like failures: ENOENT or ECONNREFUSED when nothing
 * runs; EPROTO with the engine's own words in ERR. */
int control_ask(const char *path, const cJSON *request, int timeout_ms,
		cJSON **result, char *err, size_t size);

#endif
