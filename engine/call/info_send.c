/* Digits sent as INFO, one after the other: the next one leaves when the time
 * of the last has passed and its response has come. */
#include "call/call_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "call/info_dtmf.h"

enum { GAP_MS = 100, PAUSE_MS = 500, PAUSE_LONG_MS = 1000 };

struct info_send {
	struct le le; /* call->infos; the first one is being sent */
	struct call *call;
	uint32_t op, duration_ms, gap_ms;
	char *digits;
	size_t next;
	struct tmr tmr;
	bool waiting; /* for a response */
};

static void info_next(void *arg);

static void info_destructor(void *arg)
{
	struct info_send *send = arg;

	tmr_cancel(&send->tmr);
	list_unlink(&send->le);
	mem_deref(send->digits);
}

static void info_done(struct info_send *send, enum media_result result,
		      const char *text)
{
	struct call *call = send->call;
	const struct call_event event = {
		.type = CALL_EV_DTMF_DONE,
		.op = send->op,
		.result = result,
		.text = text,
	};
	struct info_send *first;

	mem_deref(send);
	first = list_ledata(call->infos.head);
	if (first && !tmr_isrunning(&first->tmr) && !first->waiting)
		tmr_start(&first->tmr, 0, info_next, first);
	call_emit(call, &event);
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;
	struct info_send *send = list_ledata(call->infos.head);
	char text[64];

	/* one that was stopped meanwhile has no one waiting */
	if (!send || !send->waiting)
		return;
	send->waiting = false;
	if (!err && msg->scode < 300) {
		if (!tmr_isrunning(&send->tmr))
			info_next(send);
		return;
	}
	if (err)
		(void)re_snprintf(text, sizeof(text), "INFO: %m", err);
	else
		(void)re_snprintf(text, sizeof(text), "INFO refused: %u %r",
				  msg->scode, &msg->reason);
	info_done(send, MEDIA_FAILED, text);
}

static void info_next(void *arg)
{
	struct info_send *send = arg;
	const char digit = send->digits[send->next];
	char body[INFO_DTMF_SIZE];
	int err;

	if (send->waiting)
		return;
	if (!digit) {
		info_done(send, MEDIA_DONE, NULL);
		return;
	}
	send->next++;
	if (digit == 'w' || digit == 'W') {
		tmr_start(&send->tmr, digit == 'w' ? PAUSE_MS : PAUSE_LONG_MS,
			  info_next, send);
		return;
	}
	info_dtmf_print(body, (char)toupper((unsigned char)digit),
			send->duration_ms);
	err = session_info(send->call->session, info_dtmf_ctype, body,
			   on_response, send->call);
	if (err) {
		info_done(send, MEDIA_FAILED, "INFO could not be sent");
		return;
	}
	send->waiting = true;
	tmr_start(&send->tmr, send->duration_ms + send->gap_ms, info_next,
		  send);
}

int info_send(struct call *call, uint32_t op, const char *digits,
	      uint32_t duration_ms, uint32_t gap_ms)
{
	struct info_send *send = mem_zalloc(sizeof(*send), info_destructor);

	if (!send)
		return ENOMEM;
	tmr_init(&send->tmr);
	send->call = call;
	send->op = op;
	send->duration_ms = duration_ms ? duration_ms : INFO_DTMF_MS;
	send->gap_ms = gap_ms ? gap_ms : GAP_MS;
	if (str_dup(&send->digits, digits)) {
		mem_deref(send);
		return ENOMEM;
	}
	list_append(&call->infos, &send->le, send);
	if (call->infos.head == &send->le)
		tmr_start(&send->tmr, 0, info_next, send);
	return 0;
}

bool info_send_stop(struct call *call, uint32_t op)
{
	struct le *le;

	LIST_FOREACH(&call->infos, le)
	{
		struct info_send *send = le->data;

		if (send->op == op) {
			info_done(send, MEDIA_STOPPED, NULL);
			return true;
		}
	}
	return false;
}

void info_send_flush(struct call *call)
{
	list_flush(&call->infos);
}
