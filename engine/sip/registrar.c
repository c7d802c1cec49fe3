/* registrar.c -- the table of who is registered, and who asks to be */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/header.h"
#include "sip/registrar_private.h"
#include "sip/session_private.h"

METRIC(register_challenged, "REGISTERs and INVITEs that were asked for proof")
METRIC(register_failed, "REGISTERs and INVITEs with credentials that are wrong")
METRIC(register_stale, "requests with a nonce that was used up or too old")

enum {
	USERS_BUCKETS = 16384,
	NONCE_LIFE_MS = 300000,
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

/* ---- users ---------------------------------------------------------- */

static bool has_name(struct le *le, void *arg)
{
	return !strcmp(((const struct address *)le->data)->name, arg);
}

struct address *address_find(const struct registrar *registrar,
			     const char *name)
{
	return list_ledata(hash_lookup(registrar->users, hash_joaat_str(name),
				       has_name, (void *)name));
}

static void address_destructor(void *arg)
{
	struct address *address = arg;

	tmr_cancel(&address->tmr);
	hash_unlink(&address->he);
	list_flush(&address->bindings);
	/* Whoever refers to them may still read them. */
	while (address->gone.head) {
		struct binding *binding = address->gone.head->data;

		binding->address = NULL;
		list_unlink(&binding->le);
	}
	mem_deref(address->name);
}

static struct address *address_get(struct registrar *registrar,
				   const char *name)
{
	struct address *address = address_find(registrar, name);

	if (address)
		return address;
	address = mem_zalloc(sizeof(*address), address_destructor);
	if (!address)
		return NULL;
	address->registrar = registrar;
	tmr_init(&address->tmr);
	if (str_dup(&address->name, name))
		return mem_deref(address);
	hash_append(registrar->users, hash_joaat_str(name), &address->he,
		    address);
	return address;
}

/* ---- bindings ------------------------------------------------------- */

static void tell(const struct binding *binding, enum binding_event event)
{
	static struct log_limit limit = LOG_LIMIT(50, 10000);
	const char *name = binding->address->name;

	switch (event) {
	case BINDING_ADDED:
		log_limited(&limit, LOG_INFO, NULL,
			    "endpoint %s: %s is registered", name,
			    binding->contact);
		break;
	case BINDING_REMOVED:
		log_limited(&limit, LOG_INFO, NULL,
			    "endpoint %s: %s is unregistered", name,
			    binding->contact);
		break;
	case BINDING_EXPIRED:
		log_limited(&limit, LOG_INFO, NULL,
			    "endpoint %s: %s has expired", name,
			    binding->contact);
		break;
	case BINDING_REFRESHED:
		break;
	}
}

static void changed(struct binding *binding, enum binding_event event)
{
	const struct registrar *registrar = binding->address->registrar;

	tell(binding, event);
	if (registrar->h.changed)
		registrar->h.changed(binding, event, registrar->arg);
}

void binding_begin(struct binding *binding)
{
	struct address *address = binding->address;
	const bool was = binding->in_force;

	list_unlink(&binding->le);
	list_prepend(&address->bindings, &binding->le, binding);
	if (!was) {
		binding->in_force = true;
		address->registrar->count++;
	}
	changed(binding, was ? BINDING_REFRESHED : BINDING_ADDED);
}

void binding_end(struct binding *binding, enum binding_event event)
{
	struct address *address = binding->address;

	if (!binding->in_force)
		return;
	binding->in_force = false;
	address->registrar->count--;
	list_unlink(&binding->le);
	list_append(&address->gone, &binding->le, binding);
	changed(binding, event);
	mem_deref(binding);
}

static void on_timer(void *arg)
{
	struct address *address = arg;
	const uint64_t now = clock_mono_ms();
	struct le *le = address->bindings.head;

	while (le) {
		struct binding *binding = le->data;

		le = le->next;
		if (binding->until_ms > now)
			continue;
		binding_end(binding, BINDING_EXPIRED);
	}
	if (!address->bindings.head && !address->gone.head) {
		/* Nobody can use the nonces any more that it has used. */
		mem_deref(address);
		return;
	}
	address_schedule(address);
}

void address_schedule(struct address *address)
{
	const uint64_t now = clock_mono_ms();
	uint64_t at = now + address->registrar->nonces.life_ms;

	if (address->bindings.head)
		at = UINT64_MAX;
	for (struct le *le = address->bindings.head; le; le = le->next) {
		const struct binding *binding = le->data;

		if (binding->until_ms < at)
			at = binding->until_ms;
	}
	tmr_start(&address->tmr, at > now ? at - now : 0, on_timer, address);
}

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

static void challenge(struct registrar *registrar, const struct sip_msg *msg,
		      const char *user, bool stale)
{
	unsigned algorithms =
		registrar->h.algorithms
			? registrar->h.algorithms(user, registrar->arg)
			: 0;
	char headers[AUTH_CHALLENGE_SIZE];

	metric_add(stale ? &register_stale : &register_challenged, 1);
	auth_challenge(headers, &registrar->nonces, registrar->realm,
		       algorithms ? algorithms : AUTH_MD5 | AUTH_SHA256, stale,
		       clock_mono_ms());
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
				   query->answer.nonce_number, stale);
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

/* ---- life ----------------------------------------------------------- */

int registrar_alloc(struct registrar **rp, struct stack *stack,
		    const struct registrar_config *config,
		    const struct registrar_handlers *handlers, void *arg)
{
	struct registrar *registrar;
	int err;

	assert(loop_current());
	if (stack->registrar)
		return EALREADY;
	registrar = mem_zalloc(sizeof(*registrar), NULL);
	if (!registrar)
		return ENOMEM;
	registrar->stack = stack;
	registrar->h = *handlers;
	registrar->arg = arg;
	err = hash_alloc(&registrar->users, USERS_BUCKETS);
	if (!err)
		err = str_dup(&registrar->realm, config->realm);
	if (!err)
		err = nonces_init(&registrar->nonces,
				  config->nonce_life_ms ? config->nonce_life_ms
							: NONCE_LIFE_MS);
	if (err) {
		mem_deref(registrar->users);
		mem_deref(registrar->realm);
		mem_deref(registrar);
		return err;
	}
	stack->registrar = registrar;
	*rp = registrar;
	return 0;
}

void registrar_free(struct registrar *registrar)
{
	if (!registrar)
		return;
	assert(loop_current());
	registrar->stack->registrar = NULL;
	list_flush(&registrar->queries);
	hash_flush(registrar->users);
	mem_deref(registrar->users);
	mem_deref(registrar->realm);
	mem_deref(registrar);
}

/* ---- asked by others ------------------------------------------------ */

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

/* Greatest q first; the list has the latest first. */
size_t registrar_bindings(const struct registrar *registrar, const char *name,
			  struct binding **bindings, size_t count)
{
	const struct address *address = address_find(registrar, name);
	size_t n = 0, all = 0;

	for (struct le *le = address ? address->bindings.head : NULL; le;
	     le = le->next) {
		struct binding *binding = le->data;
		size_t i = n;

		all++;
		/* the last one makes room for a better one */
		if (n == count) {
			if (!n || bindings[n - 1]->q >= binding->q)
				continue;
			i = n - 1;
		} else {
			n++;
		}
		for (; i && bindings[i - 1]->q < binding->q; i--)
			bindings[i] = bindings[i - 1];
		bindings[i] = binding;
	}
	return all;
}

struct each {
	binding_apply_h *fn;
	void *arg;
};

static bool each_of(struct le *le, void *arg)
{
	const struct address *address = le->data;
	const struct each *each = arg;

	for (struct le *b = address->bindings.head; b; b = b->next) {
		if (each->fn(b->data, each->arg))
			return true;
	}
	return false;
}

void registrar_each(const struct registrar *registrar, binding_apply_h *fn,
		    void *arg)
{
	struct each each = {.fn = fn, .arg = arg};

	(void)hash_apply(registrar->users, each_of, &each);
}

unsigned registrar_count(const struct registrar *registrar)
{
	return registrar->count;
}

struct binding *registrar_binding_of(const struct registrar *registrar,
				     const char *name,
				     const struct sip_msg *msg)
{
	const struct address *address = address_find(registrar, name);
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct contact contact;
	const char *reason;
	struct terminal theirs, ours;
	char *path = NULL;
	const bool known = hdr && !contact_read(&contact, &hdr->val, &reason);

	terminal_of_msg(&theirs, msg, known ? &contact : NULL, path);
	for (struct le *le = address ? address->bindings.head : NULL; le;
	     le = le->next) {
		struct binding *binding = le->data;

		terminal_of_binding(&ours, binding);
		/* The Path isn't in an INVITE, its proxies are. */
		theirs.path = ours.path;
		if (terminal_same(&theirs, &ours))
			return binding;
	}
	return NULL;
}

void registrar_remove(struct registrar *registrar, struct binding *binding)
{
	struct address *address = binding->address;

	(void)registrar;
	if (!binding->in_force)
		return;
	binding_end(binding, BINDING_REMOVED);
	address_schedule(address);
}

/* Whether its terminal has registered anew meanwhile. */
static bool is_superseded(const struct address *address,
			  const struct binding *binding)
{
	struct terminal theirs, ours;

	terminal_of_binding(&ours, binding);
	for (struct le *le = address->bindings.head; le; le = le->next) {
		const struct binding *other = le->data;

		/* one REGISTER may have several contacts */
		if (!strcmp(other->call_id, binding->call_id) &&
		    strcmp(other->contact, binding->contact) != 0)
			continue;
		terminal_of_binding(&theirs, other);
		if (terminal_same(&ours, &theirs))
			return true;
	}
	return false;
}

int registrar_restore(struct registrar *registrar,
		      const struct binding_record *r)
{
	struct address *address;
	struct binding *binding;
	struct uri uri;
	struct pl pl;

	if (!r->id || !r->name || !*r->name || !uri_ok(r->contact) ||
	    !r->call_id || (r->target && *r->target && !uri_ok(r->target)))
		return EINVAL;
	pl_set_str(&pl, r->contact);
	if (uri_decode(&uri, &pl))
		return EINVAL;
	if (r->expires_ms <= clock_wall_ms())
		return ETIMEDOUT;
	address = address_get(registrar, r->name);
	if (!address)
		return ENOMEM;
	if (binding_alloc(&binding, address))
		return ENOMEM;
	if (binding_write_record(binding, r)) {
		mem_deref(binding);
		return ENOMEM;
	}
	if (is_superseded(address, binding)) {
		mem_deref(binding);
		return EEXIST;
	}
	binding->in_force = true;
	registrar->count++;
	list_append(&address->bindings, &binding->le, binding);
	address_schedule(address);
	return 0;
}
