/* callee.c -- answers each call that the engine makes
 *
 * A call's place in the table is the tag of our To, so a BYE finds it at once;
 * an INVITE that comes again is found by its Call-ID.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/callee.h"

enum { CALLS_MAX = 32768, CHAINS = 65536, ID_MAX = 120 };

struct call {
	bool used;
	uint32_t generation;
	char call_id[ID_MAX];
	struct call *chain_next;
	struct audio_stream stream;
};

struct callee {
	struct sip_self self;
	struct audio *audio;
	int fd;
	struct batch out;
	struct callee_result result;
	uint64_t active;
	struct call *calls;
	uint32_t *free_calls;
	size_t free_count;
	struct call *chains[CHAINS];
};

struct callee *callee_new(int fd, const struct sip_self *self,
			  struct audio *audio)
{
	struct callee *callee = calloc(1, sizeof(*callee));

	if (callee) {
		callee->calls = calloc(CALLS_MAX, sizeof(*callee->calls));
		callee->free_calls =
			calloc(CALLS_MAX, sizeof(*callee->free_calls));
	}
	if (!callee || !callee->calls || !callee->free_calls)
		die("out of memory");
	callee->self = *self;
	callee->audio = audio;
	callee->fd = fd;
	batch_init(&callee->out);
	while (callee->free_count < CALLS_MAX) {
		callee->free_calls[callee->free_count] =
			(uint32_t)(CALLS_MAX - 1 - callee->free_count);
		callee->free_count++;
	}
	return callee;
}

static struct call **chain_of(struct callee *callee, const struct view *id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < id->n; i++)
		hash = (hash ^ (uint8_t)id->p[i]) * 16777619u;
	return &callee->chains[hash % CHAINS];
}

static struct call *find_by_id(struct callee *callee, const struct view *id)
{
	struct call *call = *chain_of(callee, id);

	while (call && !view_is(id, call->call_id))
		call = call->chain_next;
	return call;
}

static struct call *find_by_tag(struct callee *callee,
				const struct sip_text *sip)
{
	struct view tag = tag_of(&sip->to);
	unsigned long index, generation;
	char *end;

	if (!tag.n)
		return NULL;
	index = strtoul(tag.p, &end, 10);
	if (*end != '.' || index >= CALLS_MAX)
		return NULL;
	generation = strtoul(end + 1, &end, 10);
	if (!callee->calls[index].used ||
	    callee->calls[index].generation != generation)
		return NULL;
	return &callee->calls[index];
}

static void respond(struct callee *callee, const struct sip_text *sip,
		    const struct sockaddr_in *peer, const struct call *call,
		    bool sdp)
{
	uint8_t text[BATCH_BYTES];
	char tag[64] = "none";
	size_t len;

	if (call)
		snprintf(tag, sizeof(tag), "%zu.%u",
			 (size_t)(call - callee->calls), call->generation);
	len = write_response(text, &callee->self, sip, "200 OK", tag, sdp);
	memcpy(batch_add(&callee->out, callee->fd, peer, len), text, len);
}

static void invited(struct callee *callee, const struct sip_text *sip,
		    const struct sockaddr_in *peer)
{
	struct call *call = find_by_id(callee, &sip->call_id), **chain;
	struct sockaddr_in rtp = *peer;

	if (call) {
		callee->result.again++;
		respond(callee, sip, peer, call, true);
		return;
	}
	if (!callee->free_count || sip->call_id.n >= ID_MAX)
		die("too many calls at once, or too long a Call-ID");
	call = &callee->calls[callee->free_calls[--callee->free_count]];
	call->used = true;
	call->generation++;
	memset(&call->stream, 0, sizeof(call->stream));
	memcpy(call->call_id, sip->call_id.p, sip->call_id.n);
	call->call_id[sip->call_id.n] = '\0';
	chain = chain_of(callee, &sip->call_id);
	call->chain_next = *chain;
	*chain = call;
	rtp.sin_port = htons(sdp_audio_port(sip));
	if (callee->audio && rtp.sin_port)
		audio_start(callee->audio, &call->stream, &rtp);
	if (!callee->result.answered++)
		callee->result.first_ns = now_ns();
	if (++callee->active > callee->result.most)
		callee->result.most = callee->active;
	respond(callee, sip, peer, call, true);
}

static void ended(struct callee *callee, struct call *call)
{
	struct view id = {call->call_id, strlen(call->call_id)};
	struct call **chain = chain_of(callee, &id);

	while (*chain != call)
		chain = &(*chain)->chain_next;
	*chain = call->chain_next;
	if (callee->audio)
		audio_stop(callee->audio, &call->stream);
	call->used = false;
	callee->active--;
	callee->result.completed++;
	callee->result.last_ns = now_ns();
	callee->free_calls[callee->free_count++] =
		(uint32_t)(call - callee->calls);
}

void callee_message(struct callee *callee, const struct sip_text *sip,
		    const struct sockaddr_in *peer)
{
	struct call *call;

	if (sip->status || view_is(&sip->method, "ACK"))
		return;
	if (view_is(&sip->method, "INVITE")) {
		invited(callee, sip, peer);
		return;
	}
	call = find_by_tag(callee, sip);
	respond(callee, sip, peer, call, false);
	if (call && view_is(&sip->method, "BYE"))
		ended(callee, call);
}

void callee_flush(struct callee *callee)
{
	(void)batch_send(&callee->out, callee->fd);
}

uint64_t callee_active(const struct callee *callee)
{
	return callee->active;
}

struct callee_result *callee_result(struct callee *callee)
{
	return &callee->result;
}
