/* caller.c -- calls into the engine */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/caller.h"

enum {
	CALLS_MAX = 131072, /* at once */
	T1_NS = 500000000,
	SCAN_NS = 50000000,
	TEXT_MAX = 200,
};

#define GIVE_UP_NS UINT64_C(10000000000)

enum state { FREE, CALLING, PROCEEDING, TALKING, CLOSING };

struct call {
	enum state state;
	uint32_t generation;
	uint64_t sent_ns;  /* INVITE or BYE: the first */
	uint64_t again_ns; /* its next transmission */
	uint64_t wait_ns;
	uint64_t end_ns; /* our BYE is due; UINT64_MAX: not ours to send */
	struct audio_stream stream;
	/* the dialog, for BYE */
	char contact[TEXT_MAX], from[TEXT_MAX], to[TEXT_MAX];
};

struct caller {
	struct caller_options options;
	struct sip_self self;
	struct audio *audio;
	int fd;
	struct batch out;
	struct caller_result result;
	uint64_t begin_ns, scan_ns;
	uint64_t active, waiting; /* in use; of them without an answer */
	bool releasing;
	struct call *calls;
	uint32_t *free_calls;
	size_t free_count;
	size_t high; /* those beyond were never used */
	/* ends that are due: a ring in order of time, as all last equally */
	struct {
		uint32_t index, generation;
	} * ends;
	size_t ends_head, ends_tail;
};

struct caller *caller_new(const struct caller_options *options, int fd,
			  const struct sip_self *self, struct audio *audio)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (caller) {
		caller->calls = calloc(CALLS_MAX, sizeof(*caller->calls));
		caller->free_calls =
			calloc(CALLS_MAX, sizeof(*caller->free_calls));
		caller->ends = calloc(CALLS_MAX, sizeof(*caller->ends));
	}
	if (!caller || !caller->calls || !caller->free_calls || !caller->ends)
		die("out of memory");
	caller->options = *options;
	caller->self = *self;
	caller->audio = audio;
	caller->fd = fd;
	batch_init(&caller->out);
	/* The lowest is taken first: the memory in use stays small. */
	while (caller->free_count < CALLS_MAX) {
		caller->free_calls[caller->free_count] =
			(uint32_t)(CALLS_MAX - 1 - caller->free_count);
		caller->free_count++;
	}
	return caller;
}

static void call_id(const struct caller *caller, const struct call *call,
		    char id[64])
{
	snprintf(id, 64, "%zu.%u.%d", (size_t)(call - caller->calls),
		 call->generation, (int)getpid());
}

static void copy_view(char out[TEXT_MAX], const struct view *view)
{
	if (view->n >= TEXT_MAX)
		die("a header is longer than %d bytes", TEXT_MAX);
	memcpy(out, view->p, view->n);
	out[view->n] = '\0';
}

static void send_text(struct caller *caller, const uint8_t *text, size_t len,
		      const struct sockaddr_in *to)
{
	memcpy(batch_add(&caller->out, caller->fd, to, len), text, len);
}

/* ---- requests ------------------------------------------------------- */

static void send_invite(struct caller *caller, struct call *call)
{
	uint8_t text[BATCH_BYTES];
	char id[64];

	call_id(caller, call, id);
	send_text(
		caller, text,
		write_invite(text, &caller->self, &caller->options.target, id),
		&caller->options.target);
}

static void send_bye(struct caller *caller, struct call *call)
{
	uint8_t text[BATCH_BYTES];
	char id[64], host[INET_ADDRSTRLEN], full[64 + INET_ADDRSTRLEN + 1];

	call_id(caller, call, id);
	inet_ntop(AF_INET, &caller->self.sip.sin_addr, host, sizeof(host));
	snprintf(full, sizeof(full), "%s@%s", id, host);
	send_text(caller, text,
		  write_bye(text, &caller->self, id, call->contact, call->from,
			    call->to, full, 2),
		  &caller->options.target);
}

static void transaction_begin(struct call *call, enum state state)
{
	call->state = state;
	call->sent_ns = now_ns();
	call->wait_ns = T1_NS;
	call->again_ns = call->sent_ns + T1_NS;
}

static void call_start(struct caller *caller)
{
	uint32_t index;
	struct call *call;

	if (!caller->free_count)
		die("more than %d calls at once", CALLS_MAX);
	index = caller->free_calls[--caller->free_count];
	call = &caller->calls[index];
	if (index >= caller->high)
		caller->high = index + 1;
	call->generation++;
	memset(&call->stream, 0, sizeof(call->stream));
	call->end_ns = UINT64_MAX;
	transaction_begin(call, CALLING);
	if (!caller->result.started++)
		caller->result.first_ns = call->sent_ns;
	caller->active++;
	caller->waiting++;
	send_invite(caller, call);
}

static void call_free(struct caller *caller, struct call *call)
{
	if (call->state == CALLING || call->state == PROCEEDING)
		caller->waiting--;
	if (caller->audio)
		audio_stop(caller->audio, &call->stream);
	call->state = FREE;
	caller->active--;
	caller->result.last_ns = now_ns();
	caller->free_calls[caller->free_count++] =
		(uint32_t)(call - caller->calls);
}

static void call_close(struct caller *caller, struct call *call)
{
	if (caller->audio)
		audio_stop(caller->audio, &call->stream);
	transaction_begin(call, CLOSING);
	send_bye(caller, call);
}

/* ---- what comes ----------------------------------------------------- */

/* The call that a message belongs to, by its Call-ID. */
static struct call *find(struct caller *caller, const struct sip_text *sip)
{
	unsigned long index, generation;
	char *end;

	index = strtoul(sip->call_id.p, &end, 10);
	if (*end != '.' || index >= CALLS_MAX)
		return NULL;
	generation = strtoul(end + 1, &end, 10);
	if (caller->calls[index].generation != generation ||
	    caller->calls[index].state == FREE)
		return NULL;
	return &caller->calls[index];
}

static void answered(struct caller *caller, struct call *call,
		     const struct sip_text *sip)
{
	const struct caller_options *o = &caller->options;
	uint64_t now = now_ns();
	struct sockaddr_in peer = o->target;

	samples_add(&caller->result.answer_us,
		    (int32_t)((now - call->sent_ns) / 1000));
	caller->result.answered++;
	caller->waiting--;
	call->state = TALKING;
	copy_view(call->from, &sip->from);
	copy_view(call->to, &sip->to);
	copy_view(call->contact, &sip->contact);
	if (*call->contact == '<') {
		memmove(call->contact, call->contact + 1,
			strlen(call->contact));
		call->contact[strcspn(call->contact, ">")] = '\0';
	}
	peer.sin_port = htons(sdp_audio_port(sip));
	if (caller->audio && peer.sin_port) {
		audio_start(caller->audio, &call->stream, &peer);
		if (o->digit)
			audio_press(&call->stream, o->digit,
				    now + (uint64_t)(o->digit_at * 1e9));
	}
	if (o->together || o->hold < 0)
		return;
	call->end_ns = now + (uint64_t)(o->hold * 1e9);
	caller->ends[caller->ends_tail % CALLS_MAX].index =
		(uint32_t)(call - caller->calls);
	caller->ends[caller->ends_tail++ % CALLS_MAX].generation =
		call->generation;
}

static void invite_response(struct caller *caller, struct call *call,
			    const struct sip_text *sip,
			    const struct sockaddr_in *peer)
{
	uint8_t text[BATCH_BYTES];
	bool waits =
		call && (call->state == CALLING || call->state == PROCEEDING);

	if (sip->status < 200) {
		if (waits)
			call->state = PROCEEDING;
		return;
	}
	send_text(caller, text, write_ack(text, &caller->self, sip), peer);
	if (!waits)
		return; /* once more: the ACK was all it wants */
	if (sip->status < 300) {
		answered(caller, call, sip);
		return;
	}
	if (sip->status == 503)
		caller->result.refused++;
	else
		caller->result.rejected++;
	call_free(caller, call);
}

static void bye_came(struct caller *caller, struct call *call,
		     const struct sip_text *sip, const struct sockaddr_in *peer)
{
	uint8_t text[BATCH_BYTES];

	send_text(
		caller, text,
		write_response(text, &caller->self, sip, "200 OK", NULL, false),
		peer);
	if (!call || call->state != TALKING)
		return;
	if (caller->options.hold < 0 && !caller->options.together)
		caller->result.completed++;
	else
		caller->result.cut++;
	call_free(caller, call);
}

void caller_message(struct caller *caller, const struct sip_text *sip,
		    const struct sockaddr_in *peer)
{
	struct call *call = find(caller, sip);

	if (sip->status && view_is(&sip->method, "INVITE")) {
		invite_response(caller, call, sip, peer);
	} else if (sip->status && view_is(&sip->method, "BYE")) {
		if (call && call->state == CLOSING && sip->status >= 200) {
			/* 481: the engine had ended it, its BYE crossed */
			caller->result.completed++;
			call_free(caller, call);
		}
	} else if (!sip->status && view_is(&sip->method, "BYE")) {
		bye_came(caller, call, sip, peer);
	} else {
		caller->result.stray++;
	}
}

/* ---- time ----------------------------------------------------------- */

static void end_due(struct caller *caller, uint64_t now)
{
	while (caller->ends_head != caller->ends_tail) {
		size_t at = caller->ends_head % CALLS_MAX;
		struct call *call = &caller->calls[caller->ends[at].index];

		if (call->generation == caller->ends[at].generation &&
		    call->state == TALKING) {
			if (call->end_ns > now)
				return;
			call_close(caller, call);
		}
		caller->ends_head++;
	}
}

static void retransmit(struct caller *caller, struct call *call, uint64_t now)
{
	if (call->state == FREE || call->state == TALKING)
		return;
	if (now > call->sent_ns + GIVE_UP_NS) {
		caller->result.lost++;
		call_free(caller, call);
		return;
	}
	if (call->state == PROCEEDING || now < call->again_ns)
		return;
	call->wait_ns *= 2;
	call->again_ns = now + call->wait_ns;
	caller->result.retransmitted++;
	if (call->state == CALLING)
		send_invite(caller, call);
	else
		send_bye(caller, call);
}

static uint64_t due_count(const struct caller *caller, uint64_t now)
{
	const struct caller_options *o = &caller->options;
	double since = (double)(now - caller->begin_ns) / 1e9;
	uint64_t due;

	if (!o->count && since > o->seconds)
		since = o->seconds;
	due = (uint64_t)(since * o->rate);
	return o->count && due > o->count ? o->count : due;
}

static bool all_started(const struct caller *caller)
{
	const struct caller_options *o = &caller->options;

	return caller->begin_ns &&
	       caller->result.started >=
		       (o->count ? o->count : (uint64_t)(o->seconds * o->rate));
}

uint64_t caller_run(struct caller *caller)
{
	uint64_t now = now_ns(), next = now + 1000000;

	if (!caller->begin_ns)
		caller->begin_ns = now;
	while (caller->result.started < due_count(caller, now))
		call_start(caller);
	end_due(caller, now);
	if (now >= caller->scan_ns) {
		caller->scan_ns = now + SCAN_NS;
		for (size_t i = 0; i < caller->high; i++)
			retransmit(caller, &caller->calls[i], now);
	}
	/* Held calls end a few each ms: no flood of the load's own making. */
	for (size_t i = 0, n = 0;
	     caller->releasing && i < caller->high && n < 4; i++)
		if (caller->calls[i].state == TALKING) {
			call_close(caller, &caller->calls[i]);
			n++;
		}
	(void)batch_send(&caller->out, caller->fd);
	return next;
}

bool caller_settled(const struct caller *caller)
{
	return all_started(caller) && !caller->waiting;
}

void caller_release(struct caller *caller)
{
	caller->releasing = true;
}

bool caller_done(const struct caller *caller)
{
	return all_started(caller) && !caller->active;
}

struct caller_result *caller_result(struct caller *caller)
{
	return &caller->result;
}

uint64_t caller_active(const struct caller *caller)
{
	return caller->active;
}
