/* registrar_ask.c -- who sends a REGISTER, or an INVITE in a user's name?
 *
 * Nothing is kept for one who has not proved it; what answers strangers is
 * without a transaction.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/header.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/session_private.h"

METRIC(register_challenged, "REGISTERs and INVITEs that were asked for proof")
METRIC(register_failed, "REGISTERs and INVITEs with credentials that are wrong")
METRIC(register_stale, "requests with a nonce that was used up or too old")

enum {
	REGISTER_MAX = 16384, /* bytes of a REGISTER */
	PENDING_MAX = 1000,
	ANSWER_MS = 5000,
	RETRY_AFTER_S = 10,
};

struct registrar_query {
	struct le le; /* registrar->queries, when it isn't answered at once */
	struct registrar *registrar;
	uint64_t id;
	const struct sip_msg *msg;
	char *user;
	struct auth_answer answer;
	struct tmr tmr;
	bool invite, answered;
};

/* ---- refusing ------------------------------------------------------- */

static void fault(const struct registrar *registrar, const struct sip_msg *msg)
{
	stack_fault(registrar->stack, &msg->src);
}

/* Without a transaction: what answers strangers is not kept. The To tag is the
 * same each time (RFC 3261 8.2.7): dispatch.c has seen to it. */
static void answer(const struct registrar *registrar, const struct sip_msg *msg,
		   uint16_t scode, const char *reason, const char *headers)
{
	steady_tag(msg);
	(void)sip_replyf(stack_sip(registrar->stack), msg, scode, reason,
			 "%sContent-Length: 0\r\n\r\n", headers);
}

/* Peers that don't know SHA-256 should take MD5, which stands below it (RFC
 * 8760 2.3). Some give up instead (libre 1.1 does), and try again later, with
 * the next CSeq and without an answer: these get MD5 alone. */
static bool gave_up(struct registrar *registrar, const struct sip_msg *msg)
{
	const uint32_t hash = hash_joaat_pl(&msg->callid);
	const size_t i = hash % OFFERED;

	if (registrar->offered[i].hash == hash &&
	    registrar->offered[i].cseq < msg->cseq.num)
		return true;
	registrar->offered[i].hash = hash;
	registrar->offered[i].cseq = msg->cseq.num;
	return false;
}

static void has_answered(struct registrar *registrar, const struct sip_msg *msg)
{
	const uint32_t hash = hash_joaat_pl(&msg->callid);

	if (registrar->offered[hash % OFFERED].hash == hash)
		registrar->offered[hash % OFFERED].hash = 0;
}

static unsigned choose(struct registrar *registrar, const struct sip_msg *msg,
		       const char *user)
{
	const unsigned both = AUTH_MD5 | AUTH_SHA256;
	unsigned can = registrar->h.algorithms
			       ? registrar->h.algorithms(user, registrar->arg)
			       : 0;
	const struct binding *binding;

	if (can && can != both)
		return can;
	binding = registrar_binding_of(registrar, user, msg);
	if (binding && binding->md5)
		return AUTH_MD5;
	return !pl_strcmp(&msg->met, "REGISTER") && gave_up(registrar, msg)
		       ? AUTH_MD5
		       : both;
}

static void challenge(struct registrar *registrar, const struct sip_msg *msg,
		      const char *user, bool stale)
{
	char headers[AUTH_CHALLENGE_SIZE];

	metric_add(stale ? &register_stale : &register_challenged, 1);
	auth_challenge(headers, &registrar->nonces, registrar->realm,
		       choose(registrar, msg, user), stale, clock_mono_ms());
	answer(registrar, msg, 401, "Unauthorized", headers);
}

static void wrong(const struct registrar *registrar, const struct sip_msg *msg,
		  const char *user)
{
	static struct log_limit limit = LOG_LIMIT(10, 10000);
	char from[64];

	(void)re_snprintf(from, sizeof(from), "%J", &msg->src);
	log_limited(&limit, LOG_WARN, NULL,
		    "%.*s of '%.64s' from %s: wrong credentials",
		    (int)msg->met.l, msg->met.p, user, from);
	metric_add(&register_failed, 1);
	fault(registrar, msg);
	answer(registrar, msg, 403, "Forbidden", "");
}

static void later(const struct registrar *registrar, const struct sip_msg *msg)
{
	char headers[64];

	(void)re_snprintf(headers, sizeof(headers), "Retry-After: %u\r\n",
			  RETRY_AFTER_S);
	answer(registrar, msg, 503, "Service Unavailable", headers);
}

/* ---- who is it? ----------------------------------------------------- */

static void query_destructor(void *arg)
{
	struct registrar_query *query = arg;

	if (query->le.list)
		query->registrar->pending--;
	list_unlink(&query->le);
	tmr_cancel(&query->tmr);
	mem_deref((void *)query->msg);
	mem_deref(query->user);
}

/* The identity of who has called goes with the session. */
static void let_in(struct registrar *registrar, const struct sip_msg *msg,
		   const struct registrar_user *user)
{
	registrar->stack->identity = user->name;
	registrar->stack->identity_nat = user->nat;
	uas_invite(registrar->stack, msg);
	registrar->stack->identity = NULL;
}

/* He has proved it. *STALE: to be proved by a new nonce. */
static void proved(struct registrar_query *query,
		   const struct registrar_user *user, struct address *address,
		   bool *stale)
{
	struct registrar *registrar = query->registrar;

	source_prove(stack_sources(registrar->stack), &query->msg->src,
		     clock_mono_ms());
	if (query->invite)
		let_in(registrar, query->msg, user);
	else
		register_carry_out(registrar, address, user, query->msg,
				   &query->answer, stale);
	address_schedule(address);
}

static bool carry_out(struct registrar_query *query,
		      const struct registrar_user *user)
{
	struct registrar *registrar = query->registrar;
	const struct sip_msg *msg = query->msg;
	struct nonce_uses first = {.forgotten = 0};
	struct address *address =
		user ? address_find(registrar, user->name) : NULL;
	enum auth_verdict verdict;
	bool stale;

	verdict = auth_check(&query->answer, user ? &user->secret : NULL, msg,
			     address ? &address->uses : &first);
	stale = verdict == AUTH_STALE;
	if (user && verdict == AUTH_PROVED) {
		if (!address) {
			address = address_get(registrar, user->name);
			if (!address) {
				later(registrar, msg);
				return false;
			}
			address->uses = first;
		}
		proved(query, user, address, &stale);
	} else if (!stale) {
		wrong(registrar, msg, query->user);
	}
	if (stale)
		challenge(registrar, msg, query->user, true);
	return verdict == AUTH_PROVED;
}

static struct registrar_query *query_find(const struct registrar *registrar,
					  uint64_t id)
{
	if (registrar->asking && registrar->asking->id == id)
		return registrar->asking;
	for (struct le *le = registrar->queries.head; le; le = le->next) {
		struct registrar_query *query = le->data;

		if (query->id == id)
			return query;
	}
	return NULL;
}

bool registrar_answer(struct registrar *registrar, uint64_t id,
		      const struct registrar_user *user, bool failed)
{
	struct registrar_query *query = query_find(registrar, id);
	bool has_proved = false;

	if (!query || query->answered)
		return false;
	query->answered = true;
	if (failed)
		later(registrar, query->msg);
	else
		has_proved = carry_out(query, user);
	if (query->le.list)
		mem_deref(query);
	return has_proved;
}

static void nobody_answers(void *arg)
{
	struct registrar_query *query = arg;

	log_warn(NULL, "endpoint '%s': nobody could say who it is in time",
		 query->user);
	later(query->registrar, query->msg);
	mem_deref(query);
}

static struct registrar_query *pending(const struct registrar *registrar,
				       const struct sip_msg *msg)
{
	for (struct le *le = registrar->queries.head; le; le = le->next) {
		struct registrar_query *query = le->data;

		if (!pl_cmp(&query->msg->via.branch, &msg->via.branch) &&
		    !pl_cmp(&query->msg->callid, &msg->callid) &&
		    !pl_cmp(&query->msg->cseq.met, &msg->cseq.met))
			return query;
	}
	return NULL;
}

static void ask(struct registrar *registrar, const struct sip_msg *msg,
		const char *user, const struct auth_answer *given, bool invite)
{
	struct registrar_query *query =
		mem_zalloc(sizeof(*query), query_destructor);

	if (!query || registrar->pending >= PENDING_MAX) {
		mem_deref(query);
		later(registrar, msg);
		return;
	}
	query->registrar = registrar;
	query->msg = mem_ref((void *)msg);
	query->answer = *given;
	query->invite = invite;
	tmr_init(&query->tmr);
	if (str_dup(&query->user, user)) {
		mem_deref(query);
		later(registrar, msg);
		return;
	}
	query->id = ++registrar->last_query;
	registrar->asking = query;
	registrar->h.identify(query, registrar->arg);
	registrar->asking = NULL;
	if (query->answered) {
		mem_deref(query);
		return;
	}
	list_append(&registrar->queries, &query->le, query);
	registrar->pending++;
	tmr_start(&query->tmr, ANSWER_MS, nobody_answers, query);
}

/* What proves nothing has been answered; else the handler is asked. */
static void authenticate(struct registrar *registrar, const struct sip_msg *msg,
			 const struct pl *user_part, bool invite)
{
	struct auth_answer given;
	char *user = NULL;

	if (re_sdprintf(&user, "%H", uri_user_unescape, user_part) ||
	    !text_ok(user)) {
		fault(registrar, msg);
		answer(registrar, msg, 400, "Malformed User", "");
		goto out;
	}
	switch (auth_read(&given, &registrar->nonces, registrar->realm, msg,
			  clock_mono_ms())) {
	case AUTH_PROVED:
		has_answered(registrar, msg);
		if (!pending(registrar, msg))
			ask(registrar, msg, user, &given, invite);
		break;
	case AUTH_STALE:
		challenge(registrar, msg, user, true);
		break;
	case AUTH_BROKEN:
		fault(registrar, msg);
		answer(registrar, msg, 400, "Malformed Credentials", "");
		break;
	default:
		challenge(registrar, msg, user, false);
		break;
	}
out:
	mem_deref(user);
}

/* ---- what dispatch.c has -------------------------------------------- */

bool registrar_register(struct registrar *registrar, const struct sip_msg *msg)
{
	if (!registrar || !registrar->h.serves(registrar->arg))
		return false;
	if (msg->mb->end > REGISTER_MAX) {
		fault(registrar, msg);
		answer(registrar, msg, 513, "Message Too Large", "");
	} else if (!pl_isset(&msg->to.uri.user)) {
		fault(registrar, msg);
		answer(registrar, msg, 404, "Not Found", "");
	} else if (pl_strcasecmp(&msg->to.uri.scheme, "sip") ||
		   pl_strcasecmp(&msg->uri.scheme, "sip")) {
		answer(registrar, msg, 416, "Unsupported URI Scheme", "");
	} else {
		authenticate(registrar, msg, &msg->to.uri.user, false);
	}
	return true;
}

bool registrar_guard(struct registrar *registrar, const struct sip_msg *msg)
{
	if (!registrar || !registrar->h.claims(msg, registrar->arg))
		return false;
	authenticate(registrar, msg, &msg->from.uri.user, true);
	return true;
}

bool registrar_cancel(struct registrar *registrar, const struct sip_msg *msg)
{
	static const struct pl invite = PL("INVITE");
	struct sip_msg as_invite;
	struct registrar_query *query;

	if (!registrar || !registrar->pending)
		return false;
	/* Its CSeq has the same number, and its own method. */
	as_invite = *msg;
	as_invite.cseq.met = invite;
	query = pending(registrar, &as_invite);
	if (!query)
		return false;
	steady_tag(msg);
	(void)sip_reply(stack_sip(registrar->stack), msg, 200, "OK");
	answer(registrar, query->msg, 487, "Request Terminated", "");
	mem_deref(query);
	return true;
}

/* ---- what the handler wants to know */

uint64_t registrar_query_id(const struct registrar_query *query)
{
	return query->id;
}

const char *registrar_query_user(const struct registrar_query *query)
{
	return query->user;
}

const char *registrar_query_method(const struct registrar_query *query)
{
	return query->invite ? "INVITE" : "REGISTER";
}

void registrar_query_user_agent(const struct registrar_query *query, char *out,
				size_t size)
{
	char text[USER_AGENT_MAX + 1];

	user_agent_read(text, query->msg);
	str_ncpy(out, text, size);
}

const struct sa *registrar_query_source(const struct registrar_query *query)
{
	return &query->msg->src;
}
