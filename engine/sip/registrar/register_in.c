/* register_in.c -- one REGISTER: its contacts, the rules, the answer
 *
 * All of it is looked at before any of it is done (RFC 3261 10.3: all
 * bindings, or none).
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/session_private.h"

METRIC(register_accepted, "REGISTERs that were carried out")
METRIC(endpoint_restarts, "terminals that have registered anew after a restart")

enum {
	CONTACTS_DEFAULT = 10,
	RESTARTED_MAX = 32,
	EXPIRES_DEFAULT = 3600,
	EXPIRES_MIN = 60,
	EXPIRES_MAX = 86400,
	/* Shorter ones only may be called too brief (10.3, step 7). */
	EXPIRES_BRIEF = 3600,
};

/* What a contact will be: its texts, and the binding if it is a new one. */
struct prepared {
	struct binding texts;
	struct binding *made;
};

struct registering {
	struct registrar *registrar;
	struct address *address;
	const struct registrar_user *user;
	const struct sip_msg *msg;
	bool md5; /* its answer is in MD5 and could be better */
	struct contact contacts[REQUEST_CONTACTS_MAX];
	size_t count;
	bool star, too_many;
	char *path;
	struct binding *restarted[RESTARTED_MAX];
	size_t restarts;
	/* the refusal; 0: none so far */
	uint16_t scode;
	const char *reason;
	char headers[64];
};

static bool refuse_with(struct registering *r, uint16_t scode,
			const char *reason)
{
	r->scode = scode;
	r->reason = reason;
	return false;
}

static uint32_t or_default(uint32_t value, uint32_t def)
{
	return value ? value : def;
}

/* ---- what is asked for ---------------------------------------------- */

static bool take_contact(const struct sip_hdr *hdr, const struct sip_msg *msg,
			 void *arg)
{
	struct registering *r = arg;
	const char *reason = "";
	uint16_t scode;
	(void)msg;

	if (!hdr->val.l)
		return false;
	if (!pl_strcmp(&hdr->val, "*")) {
		r->star = true;
		return false;
	}
	if (r->count == REQUEST_CONTACTS_MAX) {
		r->too_many = true;
		return true;
	}
	scode = contact_read(&r->contacts[r->count], &hdr->val, &reason);
	if (scode)
		(void)refuse_with(r, scode, reason);
	r->count++;
	return scode != 0;
}

static bool parse_seconds(uint32_t *seconds, const struct pl *pl)
{
	for (size_t i = 0; i < pl->l; i++) {
		if (pl->p[i] < '0' || pl->p[i] > '9')
			return false;
	}
	if (!pl->l)
		return false;
	*seconds = pl->l > 9 ? UINT32_MAX : pl_u32(pl);
	return true;
}

/* Per contact first, then the header, then ours. */
static bool grant(struct registering *r)
{
	const uint32_t least = or_default(r->user->min_expires, EXPIRES_MIN);
	const uint32_t most = or_default(r->user->max_expires, EXPIRES_MAX);
	uint32_t general = or_default(r->user->expires, EXPIRES_DEFAULT);

	(void)parse_seconds(&general, &r->msg->expires);
	for (size_t i = 0; i < r->count; i++) {
		struct contact *c = &r->contacts[i];

		if (!c->has_expires)
			c->expires = general;
		if (c->expires && c->expires < least &&
		    c->expires < EXPIRES_BRIEF) {
			(void)re_snprintf(r->headers, sizeof(r->headers),
					  "Min-Expires: %u\r\n", least);
			return refuse_with(r, 423, "Interval Too Brief");
		}
		if (c->expires && c->expires < least)
			c->expires = least;
		if (c->expires > most)
			c->expires = most;
	}
	return true;
}

static bool path_is_ours(const struct registering *r)
{
	struct sip_addr addr;
	struct pl pl;

	if (!r->path)
		return false;
	pl_set_str(&pl, r->path);
	pl.l = (size_t)(strchr(r->path, '>') + 1 - r->path);
	return sip_addr_decode(&addr, &pl) ||
	       contact_is_ours(r->registrar->stack, &addr.uri);
}

/* A call to it would come back to us, and be sent out again. */
static bool leads_back(const struct registering *r)
{
	const struct stack_listen *listens;
	size_t n;

	if (path_is_ours(r))
		return true;
	for (size_t i = 0; i < r->count; i++) {
		if (r->contacts[i].expires &&
		    contact_is_ours(r->registrar->stack, &r->contacts[i].uri))
			return true;
	}
	listens = stack_listens(r->registrar->stack, &n);
	for (size_t i = 0; r->count && i < n; i++) {
		if (sa_cmp(&r->msg->src, &listens[i].addr, SA_ALL))
			return true;
	}
	return false;
}

static bool has_twice(const struct registering *r)
{
	for (size_t i = 1; i < r->count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (uri_same(&r->contacts[i].uri, &r->contacts[k].uri))
				return true;
		}
	}
	return false;
}

static bool read_request(struct registering *r)
{
	uint32_t expires = 1;

	if (r->msg->callid.l > CALL_ID_MAX)
		return refuse_with(r, 400, "Call-ID Too Long");
	sip_msg_hdr_apply(r->msg, true, SIP_HDR_CONTACT, take_contact, r);
	if (r->scode)
		return false;
	if (r->too_many)
		return refuse_with(r, 403, "Too Many Contacts");
	if (has_twice(r))
		return refuse_with(r, 400, "Repeated Contact");
	if (r->star &&
	    (r->count || !parse_seconds(&expires, &r->msg->expires) || expires))
		return refuse_with(r, 400, "Wildcard Needs Expires 0");
	switch (path_read(&r->path, r->msg)) {
	case 0:
		break;
	case ENOMEM:
		return refuse_with(r, 503, "Out of Memory");
	default:
		return refuse_with(r, 400, "Malformed Path");
	}
	if (!grant(r))
		return false;
	if (leads_back(r))
		return refuse_with(r, 403, "Contact Is This Server");
	return true;
}

/* ---- what it would change ------------------------------------------- */

static bool same_call_id(const struct registering *r, const struct binding *b)
{
	return !pl_strcmp(&r->msg->callid, b->call_id);
}

/* What was sent before what we know already, or is sent again. */
static bool is_late(const struct registering *r)
{
	const struct list *lists[] = {&r->address->bindings, &r->address->gone};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (struct le *le = lists[i]->head; le; le = le->next) {
			const struct binding *b = le->data;

			if (same_call_id(r, b) && r->msg->cseq.num <= b->cseq)
				return true;
		}
	}
	return false;
}

static bool is_same_terminal(const struct registering *r,
			     const struct binding *b)
{
	struct terminal theirs, ours;

	if (r->user->single_contact)
		return true;
	terminal_of_binding(&theirs, b);
	if (!r->count) {
		terminal_of_msg(&ours, r->msg, NULL, r->path);
		return terminal_same(&theirs, &ours);
	}
	for (size_t i = 0; i < r->count; i++) {
		terminal_of_msg(&ours, r->msg, &r->contacts[i], r->path);
		if (terminal_same(&theirs, &ours))
			return true;
	}
	return false;
}

static struct binding *find_in(const struct list *list,
			       const struct registering *r,
			       const struct contact *c)
{
	for (struct le *le = list->head; le; le = le->next) {
		if (binding_is(le->data, c, r->msg, r->path))
			return le->data;
	}
	return NULL;
}

/* Under its own Call-ID one that had run out comes back as what it was, with
 * the calls that belong to it. */
static void match(struct registering *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct contact *c = &r->contacts[i];

		c->binding = find_in(&r->address->bindings, r, c);
		if (!c->binding) {
			c->binding = find_in(&r->address->gone, r, c);
			if (c->binding && !same_call_id(r, c->binding))
				c->binding = NULL;
		}
	}
}

/* The same terminal under another Call-ID. *FRESH: the nonce is from after its
 * last registration. */
static void find_restarted(struct registering *r, uint64_t nonce, bool *fresh)
{
	const struct list *lists[] = {&r->address->bindings, &r->address->gone};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (struct le *le = lists[i]->head; le; le = le->next) {
			struct binding *b = le->data;

			if (same_call_id(r, b) || !is_same_terminal(r, b))
				continue;
			if (nonce <= b->nonce)
				*fresh = false;
			if (r->restarts < RESTARTED_MAX)
				r->restarted[r->restarts++] = b;
		}
	}
}

static bool is_restarted(const struct registering *r, const struct binding *b)
{
	for (size_t i = 0; i < r->restarts; i++) {
		if (r->restarted[i] == b)
			return true;
	}
	return false;
}

static bool is_named(const struct registering *r, const struct binding *b)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->contacts[i].binding == b)
			return true;
	}
	return false;
}

/* Bindings in force afterwards. */
static size_t count_after(const struct registering *r)
{
	size_t n = 0;

	for (struct le *le = r->address->bindings.head; le; le = le->next) {
		const struct binding *b = le->data;

		if (!is_named(r, b) && !is_restarted(r, b) &&
		    !r->user->single_contact)
			n++;
	}
	for (size_t i = 0; i < r->count; i++)
		n += r->contacts[i].expires > 0;
	return n;
}

static bool fits(struct registering *r)
{
	const unsigned most = r->user->single_contact ? 1
			      : r->user->max_contacts ? r->user->max_contacts
						      : CONTACTS_DEFAULT;
	size_t fresh = 0;

	for (size_t i = 0; i < r->count; i++)
		fresh += r->contacts[i].expires && !r->contacts[i].binding;
	return !fresh || count_after(r) <= most ||
	       refuse_with(r, 403, "Too Many Contacts");
}

/* ---- carrying it out ------------------------------------------------ */

static void tell_restart(struct registering *r)
{
	char contact[CONTACT_MAX + 1] = "", user_agent[USER_AGENT_MAX + 1];
	struct registrar_restart restart = {
		.name = r->address->name,
		.old = r->restarted,
		.count = r->restarts,
		.contact = contact,
		.user_agent = user_agent,
		.source = &r->msg->src,
		.tp = r->msg->tp,
		.single_contact = r->user->single_contact,
	};

	if (!r->restarts)
		return;
	user_agent_read(user_agent, r->msg);
	if (r->count)
		(void)pl_strcpy(&r->contacts[0].auri, contact, sizeof(contact));
	metric_add(&endpoint_restarts, 1);
	if (r->registrar->h.restarted)
		r->registrar->h.restarted(&restart, r->registrar->arg);
}

/* What the restarted terminal, or single_contact, leaves no room for. */
static void clear(struct registering *r)
{
	struct le *le = r->address->bindings.head;
	const bool all = r->star || (r->user->single_contact && r->count &&
				     r->contacts[0].expires);

	while (le) {
		struct binding *b = le->data;

		le = le->next;
		if (!is_named(r, b) && (all || is_restarted(r, b)))
			binding_end(b, BINDING_REMOVED);
	}
}

/* All that needs memory, before anything is changed. */
static int prepare(struct registering *r, struct prepared *prepared)
{
	int err = 0;

	for (size_t i = 0; i < r->count && !err; i++) {
		struct contact *c = &r->contacts[i];

		if (!c->expires)
			continue;
		if (!c->binding) {
			err = binding_alloc(&prepared[i].made, r->address);
			c->binding = prepared[i].made;
		}
		if (!err)
			err = binding_prepare(&prepared[i].texts, c, r->msg,
					      r->path, r->user->nat);
	}
	for (size_t i = 0; i < r->count && err; i++) {
		mem_deref(prepared[i].made);
		binding_drop(&prepared[i].texts);
	}
	return err;
}

static void put(struct registering *r, struct contact *c,
		struct prepared *prepared)
{
	struct binding *b = c->binding;

	if (!c->expires) {
		if (b)
			binding_end(b, BINDING_REMOVED);
		return;
	}
	/* the list has its reference: that of one made is its own */
	if (!b->in_force && !prepared->made)
		(void)mem_ref(b);
	binding_write(b, &prepared->texts, c, r->msg);
	b->nonce = r->registrar->nonces.last;
	b->md5 = r->md5;
	binding_begin(b);
}

static int apply(struct registering *r)
{
	struct prepared prepared[REQUEST_CONTACTS_MAX];
	int err;

	memset(prepared, 0, sizeof(prepared));
	err = prepare(r, prepared);
	if (err)
		return err;
	for (size_t i = 0; i < r->restarts; i++)
		(void)mem_ref(r->restarted[i]);
	if (!r->user->keep_calls)
		tell_restart(r);
	clear(r);
	for (size_t i = 0; i < r->count; i++)
		put(r, &r->contacts[i], &prepared[i]);
	for (size_t i = 0; i < r->restarts; i++) {
		struct binding *b = r->restarted[i];

		/* told once: no other restart is found out by it */
		if (!b->in_force) {
			list_unlink(&b->le);
			b->address = NULL;
		}
		mem_deref(b);
	}
	return 0;
}

/* ---- the answer ----------------------------------------------------- */

static int print_date(struct re_printf *pf, const void *unused)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
					   "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
					     "May", "Jun", "Jul", "Aug",
					     "Sep", "Oct", "Nov", "Dec"};
	const time_t now = time(NULL);
	struct tm tm;
	(void)unused;

	if (!gmtime_r(&now, &tm))
		return 0;
	return re_hprintf(pf, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n",
			  days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
			  tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int print_contacts(struct re_printf *pf, const struct address *address)
{
	const int64_t now = clock_wall_ms();
	int err = 0;

	for (struct le *le = address->bindings.head; le; le = le->next) {
		const struct binding *b = le->data;
		int64_t left = (b->expires_ms - now + 999) / 1000;

		err |= re_hprintf(pf, "Contact: <%s>;expires=%lld", b->contact,
				  (long long)(left > 0 ? left : 1));
		if (b->q < 1000)
			err |= re_hprintf(pf, ";q=0.%03u", b->q);
		if (b->instance)
			err |= re_hprintf(pf, ";+sip.instance=\"%s\"",
					  b->instance);
		if (b->reg_id)
			err |= re_hprintf(pf, ";reg-id=%u", b->reg_id);
		err |= re_hprintf(pf, "\r\n");
	}
	return err;
}

/* With a transaction: a REGISTER that is sent again, as its answer was lost, is
 * answered in the same way and changes nothing. */
static void confirm(const struct registering *r)
{
	int err;

	metric_add(&register_accepted, 1);
	r->registrar->accepted++;
	steady_tag(r->msg);
	err = sip_treplyf(NULL, NULL, stack_sip(r->registrar->stack), r->msg,
			  false, 200, "OK",
			  "%H%H%s%s%sSupported: path\r\n"
			  "Content-Length: 0\r\n\r\n",
			  print_contacts, r->address, print_date, NULL,
			  r->path ? "Path: " : "", r->path ? r->path : "",
			  r->path ? "\r\n" : "");
	if (err)
		log_debug(NULL, "sip: answer to a REGISTER not sent: %s",
			  strerror(err));
}

static void turn_down(const struct registering *r)
{
	static struct log_limit limit = LOG_LIMIT(10, 10000);

	log_limited(&limit, LOG_INFO, NULL,
		    "endpoint %s: registration refused: %u %s",
		    r->address->name, r->scode, r->reason);
	/* Ours to bear is a lack of memory only; late ones are nobody's. */
	if (r->scode < 500 && r->scode != 423)
		stack_fault(r->registrar->stack, &r->msg->src);
	steady_tag(r->msg);
	(void)sip_treplyf(NULL, NULL, stack_sip(r->registrar->stack), r->msg,
			  false, r->scode, r->reason,
			  "%sContent-Length: 0\r\n\r\n", r->headers);
}

void register_carry_out(struct registrar *registrar, struct address *address,
			const struct registrar_user *user,
			const struct sip_msg *msg,
			const struct auth_answer *answer, bool *stale)
{
	struct registering r = {
		.registrar = registrar,
		.address = address,
		.user = user,
		.msg = msg,
		.md5 = answer->algorithm == AUTH_MD5 &&
		       (auth_algorithms(&user->secret) & AUTH_SHA256),
	};
	bool fresh = true;

	if (!read_request(&r))
		goto out;
	if (r.count || r.star) {
		if (is_late(&r)) {
			(void)refuse_with(&r, 500, "CSeq Out Of Order");
			goto out;
		}
		match(&r);
		find_restarted(&r, answer->nonce_number, &fresh);
		if (!fresh) {
			*stale = true;
			goto out;
		}
		if (!fits(&r))
			goto out;
		if (apply(&r))
			(void)refuse_with(&r, 503, "Out of Memory");
	}
out:
	if (r.scode)
		turn_down(&r);
	else if (!*stale)
		confirm(&r);
	mem_deref(r.path);
}
