/* binding.c -- a contact: read, compared, where calls to it go */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "sip/header.h"
#include "sip/nat_contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/stack_private.h"

/* ---- URIs ----------------------------------------------------------- */

static uint16_t port_or_default(uint16_t port)
{
	return port ? port : SIP_PORT;
}

static bool same_param(const struct uri *a, const struct uri *b,
		       const char *name)
{
	struct pl x = PL_INIT, y = PL_INIT;

	(void)msg_param_decode(&a->params, name, &x);
	(void)msg_param_decode(&b->params, name, &y);
	return !pl_casecmp(&x, &y);
}

/* One that both have must be equal (19.1.4). */
static bool no_param_differs(const struct uri *a, const struct uri *b)
{
	struct pl left = a->params, name, value, other;

	while (!re_regex(left.p, left.l, ";[^;=]+[=]*[^;]*", &name, NULL,
			 &value)) {
		char text[64];

		pl_advance(&left, value.p + value.l - left.p);
		if (name.l >= sizeof(text))
			continue;
		(void)pl_strcpy(&name, text, sizeof(text));
		if (!msg_param_decode(&b->params, text, &other) &&
		    pl_casecmp(&value, &other))
			return false;
	}
	return true;
}

bool uri_same(const struct uri *a, const struct uri *b)
{
	return !pl_casecmp(&a->scheme, &b->scheme) &&
	       !pl_cmp(&a->user, &b->user) && !pl_casecmp(&a->host, &b->host) &&
	       port_or_default(a->port) == port_or_default(b->port) &&
	       same_param(a, b, "transport") && same_param(a, b, "user") &&
	       same_param(a, b, "method") && no_param_differs(a, b);
}

bool contact_is_ours(const struct stack *stack, const struct uri *uri)
{
	const uint16_t port = port_or_default(uri->port);
	const struct stack_listen *listens;
	char name[256] = "";
	bool local = !pl_strcasecmp(&uri->host, "localhost");
	struct sa addr;
	size_t n;

	listens = stack_listens(stack, &n);
	if (sa_set(&addr, &uri->host, port)) {
		if (!local && !gethostname(name, sizeof(name) - 1))
			local = !pl_strcasecmp(&uri->host, name);
		if (!local)
			return false;
		for (size_t i = 0; i < n; i++) {
			if (!listens[i].gone &&
			    sa_port(&listens[i].addr) == port)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!listens[i].gone && sa_cmp(&addr, &listens[i].addr, SA_ALL))
			return true;
	}
	return false;
}

/* "This host", everybody, a group: nobody's telephone. */
static bool nobody(const struct uri *uri)
{
	struct sa addr;
	uint8_t v6[16];

	if (sa_set(&addr, &uri->host, 0))
		return false;
	if (sa_af(&addr) == AF_INET)
		return !sa_in(&addr) || sa_in(&addr) >= 0xe0000000;
	sa_in6(&addr, v6);
	return sa_is_any(&addr) || v6[0] == 0xff;
}

/* ---- a Contact value ------------------------------------------------ */

uint16_t q_read(const struct pl *value)
{
	uint16_t q = 0, weight = 100;

	if (!value->l)
		return 0;
	if (value->p[0] == '1')
		return 1000;
	if (value->p[0] == '0' && value->l > 1 && value->p[1] == '.') {
		for (size_t i = 2; i < value->l && i < 5; i++, weight /= 10) {
			if (value->p[i] < '0' || value->p[i] > '9')
				break;
			q = (uint16_t)(q + (value->p[i] - '0') * weight);
		}
	}
	return q;
}

static bool seconds_read(uint32_t *seconds, const struct pl *value)
{
	uint64_t n = 0;

	if (!value->l)
		return false;
	for (size_t i = 0; i < value->l; i++) {
		if (value->p[i] < '0' || value->p[i] > '9')
			return false;
		if (n <= UINT32_MAX)
			n = n * 10 + (uint64_t)(value->p[i] - '0');
	}
	*seconds = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return true;
}

static void unquote(struct pl *pl)
{
	if (pl->l >= 2 && pl->p[0] == '"' && pl->p[pl->l - 1] == '"') {
		pl->p++;
		pl->l -= 2;
	}
}

static bool plain(const struct pl *pl)
{
	for (size_t i = 0; i < pl->l; i++) {
		if ((unsigned char)pl->p[i] < ' ' || pl->p[i] == 0x7f ||
		    pl->p[i] == '"' || pl->p[i] == '\\')
			return false;
	}
	return true;
}

/* URI as a text that can be sent on; false: it isn't one, or a NUL within would
 * hide its end. */
static bool uri_text(const struct pl *uri, char *text, size_t size)
{
	return !memchr(uri->p, '\0', uri->l) && !pl_strcpy(uri, text, size) &&
	       uri_ok(text);
}

static uint16_t uri_refused(const struct contact *contact, const char **reason)
{
	char text[CONTACT_MAX + 1];
	struct pl maddr;

	if (contact->auri.l > CONTACT_MAX) {
		*reason = "Contact Too Long";
		return 400;
	}
	if (pl_strcasecmp(&contact->uri.scheme, "sip")) {
		*reason = "Contact Must Be A SIP URI";
		return 416;
	}
	if (!uri_text(&contact->auri, text, sizeof(text)) ||
	    pl_isset(&contact->uri.headers) ||
	    !msg_param_decode(&contact->uri.params, "maddr", &maddr) ||
	    nobody(&contact->uri)) {
		*reason = "Unusable Contact";
		return 400;
	}
	return 0;
}

uint16_t contact_read(struct contact *contact, const struct pl *value,
		      const char **reason)
{
	struct sip_addr addr;
	struct pl pl;

	memset(contact, 0, sizeof(*contact));
	contact->q = 1000;
	*reason = "Malformed Contact";
	if (sip_addr_decode(&addr, value))
		return 400;
	contact->auri = addr.auri;
	contact->uri = addr.uri;
	if (!msg_param_decode(&addr.params, "q", &pl))
		contact->q = q_read(&pl);
	/* A malformed one counts as none (RFC 3261 10.3, step 7). */
	if (!msg_param_decode(&addr.params, "expires", &pl))
		contact->has_expires = seconds_read(&contact->expires, &pl);
	if (!msg_param_decode(&addr.params, "+sip.instance", &pl)) {
		unquote(&pl);
		if (pl.l > INSTANCE_MAX || !plain(&pl))
			return 400;
		contact->instance = pl;
	}
	if (pl_isset(&contact->instance) &&
	    !msg_param_decode(&addr.params, "reg-id", &pl))
		(void)seconds_read(&contact->reg_id, &pl);
	return uri_refused(contact, reason);
}

/* ---- Path (RFC 3327) ------------------------------------------------ */

struct path_reading {
	struct mbuf *mb;
	unsigned hops;
	int err;
};

static bool append_path(const struct sip_hdr *hdr, const struct sip_msg *msg,
			void *arg)
{
	struct path_reading *reading = arg;
	struct sip_addr addr;
	char text[PATH_MAX_BYTES + 1];
	(void)msg;

	if (hdr->val.l + reading->mb->pos + 4 > PATH_MAX_BYTES ||
	    reading->hops++ == PATH_HOPS_MAX) {
		reading->err = EMSGSIZE;
		return true;
	}
	if (sip_addr_decode(&addr, &hdr->val) ||
	    !uri_text(&addr.auri, text, sizeof(text))) {
		reading->err = EBADMSG;
		return true;
	}
	/* Written anew, so that nothing else of it is sent on. */
	reading->err = mbuf_printf(reading->mb, "%s<%s>",
				   reading->mb->pos ? ", " : "", text);
	return reading->err != 0;
}

int path_read(char **path, const struct sip_msg *msg)
{
	struct path_reading reading = {.err = 0};

	*path = NULL;
	if (!sip_msg_hdr(msg, SIP_HDR_PATH))
		return 0;
	reading.mb = mbuf_alloc(256);
	if (!reading.mb)
		return ENOMEM;
	sip_msg_hdr_apply(msg, true, SIP_HDR_PATH, append_path, &reading);
	if (!reading.err && reading.mb->pos) {
		reading.mb->pos = 0;
		reading.err = mbuf_strdup(reading.mb, path, reading.mb->end);
	}
	mem_deref(reading.mb);
	return reading.err;
}

int binding_route(const struct binding *binding, size_t index, char *out,
		  size_t size)
{
	const char *p = binding->path ? binding->path : "";
	const char *end;
	size_t n = 0;

	for (; *p && index; index--) {
		p = strchr(p, '>');
		p = p ? p + 1 : "";
		p += strspn(p, ", ");
	}
	end = *p == '<' ? strchr(p, '>') : NULL;
	if (!end)
		return ENOENT;
	/* without "lr", which is written again */
	for (p++; p < end; p++) {
		if (!strncasecmp(p, ";lr", 3) && strchr(";=>", p[3])) {
			p += 3;
			while (p < end && *p != ';')
				p++;
			if (p == end)
				break;
		}
		if (n + 1 >= size)
			return EOVERFLOW;
		out[n++] = *p;
	}
	out[n] = '\0';
	return 0;
}

/* ---- whose ---------------------------------------------------------- */

void terminal_of_msg(struct terminal *terminal, const struct sip_msg *msg,
		     const struct contact *contact, const char *path)
{
	memset(terminal, 0, sizeof(*terminal));
	terminal->source = msg->src;
	terminal->tp = msg->tp;
	terminal->proxied = path || sip_msg_hdr_count(msg, SIP_HDR_VIA) > 1;
	if (path)
		pl_set_str(&terminal->path, path);
	if (!contact)
		return;
	terminal->instance = contact->instance;
	terminal->host = contact->uri.host;
	terminal->port = contact->uri.port;
}

void terminal_of_binding(struct terminal *terminal,
			 const struct binding *binding)
{
	memset(terminal, 0, sizeof(*terminal));
	terminal->source = binding->source;
	terminal->tp = (enum sip_transp)binding->tp;
	terminal->proxied = binding->proxied;
	if (binding->path)
		pl_set_str(&terminal->path, binding->path);
	if (binding->instance)
		pl_set_str(&terminal->instance, binding->instance);
	terminal->host = binding->host;
	terminal->port = binding->port;
}

bool binding_is(const struct binding *binding, const struct contact *contact,
		const struct sip_msg *msg, const char *path)
{
	struct terminal theirs, ours;
	struct uri uri;
	struct pl pl;

	if (binding->instance && pl_isset(&contact->instance))
		return !pl_strcmp(&contact->instance, binding->instance) &&
		       contact->reg_id == binding->reg_id;
	pl_set_str(&pl, binding->contact);
	if (uri_decode(&uri, &pl) || !uri_same(&uri, &contact->uri))
		return false;
	/* The same private address behind two NATs is two telephones. */
	if (!pl_strcmp(&msg->callid, binding->call_id))
		return true;
	terminal_of_binding(&theirs, binding);
	terminal_of_msg(&ours, msg, contact, path);
	return terminal_same(&theirs, &ours);
}

/* ---- keeping it ----------------------------------------------------- */

/* Whether calls go to where MSG came from. */
static bool rewrites(const struct uri *contact, const struct sip_msg *msg,
		     enum registrar_nat nat)
{
	struct sa host;

	if (nat == REGISTRAR_NAT_NEVER)
		return false;
	/* Over TCP it is its connection that reaches it. */
	if (nat == REGISTRAR_NAT_ALWAYS || msg->tp == SIP_TRANSP_TCP)
		return true;
	return !sa_set(&host, &contact->host, 0) &&
	       !sa_cmp(&host, &msg->src, SA_ADDR);
}

static int print_params(struct re_printf *pf, const struct pl *params)
{
	struct pl left = *params, name, value;

	while (!re_regex(left.p, left.l, ";[^;=]+[=]*[^;]*", &name, NULL,
			 &value)) {
		struct pl whole = {.p = name.p - 1};

		whole.l = (size_t)(value.p + value.l - whole.p);
		pl_advance(&left, value.p + value.l - left.p);
		if (pl_strcasecmp(&name, "transport") &&
		    re_hprintf(pf, "%r", &whole))
			return ENOMEM;
	}
	return 0;
}

int contact_target(char **target, const struct uri *uri,
		   const struct sip_msg *msg, enum registrar_nat nat)
{
	*target = NULL;
	if (!rewrites(uri, msg, nat))
		return 0;
	return re_sdprintf(target, "sip:%r%s%J%H%s", &uri->user,
			   pl_isset(&uri->user) ? "@" : "", &msg->src,
			   print_params, &uri->params,
			   msg->tp == SIP_TRANSP_TCP ? ";transport=tcp" : "");
}

void user_agent_read(char out[USER_AGENT_MAX + 1], const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_USER_AGENT);
	size_t n = 0;

	for (; hdr && n < hdr->val.l && n < USER_AGENT_MAX; n++) {
		const char c = hdr->val.p[n];

		out[n] = c;
		if ((unsigned char)c < ' ' || c == 0x7f)
			out[n] = ' ';
	}
	out[n] = '\0';
}

static int dup_text(char **dst, const struct pl *pl, size_t most)
{
	struct pl cut = *pl;

	if (!pl_isset(pl))
		return 0;
	if (cut.l > most)
		cut.l = most;
	return pl_strdup(dst, &cut);
}

static void strings_free(struct binding *b)
{
	b->contact = mem_deref(b->contact);
	b->target = mem_deref(b->target);
	b->path = mem_deref(b->path);
	b->instance = mem_deref(b->instance);
	b->user_agent = mem_deref(b->user_agent);
	b->call_id = mem_deref(b->call_id);
}

static void strings_take(struct binding *b, const struct binding *fresh)
{
	strings_free(b);
	b->contact = fresh->contact;
	b->target = fresh->target;
	b->path = fresh->path;
	b->instance = fresh->instance;
	b->user_agent = fresh->user_agent;
	b->call_id = fresh->call_id;
}

static void host_point(struct binding *b)
{
	struct uri uri;
	struct pl pl;

	pl_set_str(&pl, b->contact);
	if (uri_decode(&uri, &pl))
		return;
	b->host = uri.host;
	b->port = uri.port;
}

int binding_prepare(struct binding *fresh, const struct contact *contact,
		    const struct sip_msg *msg, const char *path,
		    enum registrar_nat nat)
{
	char agent[USER_AGENT_MAX + 1];
	int err;

	memset(fresh, 0, sizeof(*fresh));
	user_agent_read(agent, msg);
	err = pl_strdup(&fresh->contact, &contact->auri);
	/* Behind a proxy the source is that of the proxy. */
	if (!err && !path)
		err = contact_target(&fresh->target, &contact->uri, msg, nat);
	if (!err && path)
		err = str_dup(&fresh->path, path);
	if (!err)
		err = dup_text(&fresh->instance, &contact->instance,
			       INSTANCE_MAX);
	if (!err && *agent)
		err = str_dup(&fresh->user_agent, agent);
	if (!err)
		err = pl_strdup(&fresh->call_id, &msg->callid);
	if (err)
		strings_free(fresh);
	return err;
}

void binding_drop(struct binding *fresh)
{
	strings_free(fresh);
}

void binding_write(struct binding *b, struct binding *fresh,
		   const struct contact *contact, const struct sip_msg *msg)
{
	const int64_t now = clock_wall_ms();
	struct terminal terminal;

	strings_take(b, fresh);
	memset(fresh, 0, sizeof(*fresh));
	terminal_of_msg(&terminal, msg, contact, b->path);
	host_point(b);
	b->reg_id = contact->reg_id;
	b->q = contact->q;
	b->cseq = msg->cseq.num;
	b->source = msg->src;
	b->tp = (uint8_t)msg->tp;
	b->proxied = terminal.proxied;
	if (!b->in_force)
		b->since_ms = now;
	b->refreshed_ms = now;
	b->expires_ms = now + (int64_t)contact->expires * 1000;
	b->until_ms = clock_mono_ms() + (uint64_t)contact->expires * 1000;
}

/* ---- the connection that it is called over ------------------------------- */

/* Behind a NAT nobody else can open one, and its port is not one to call. */
static bool needs_connection(const struct binding *b)
{
	return b->tp == SIP_TRANSP_TCP && b->target && !b->proxied;
}

static void lost(void *arg)
{
	struct binding *b = arg;
	const struct registrar *registrar = b->address->registrar;

	b->lost_ms = clock_wall_ms();
	if (registrar->h.lost)
		registrar->h.lost(b, true, registrar->arg);
}

static void watch_destructor(void *arg)
{
	tcp_watch_end(arg);
}

void binding_unwatch(struct binding *b)
{
	b->connection = mem_deref(b->connection);
}

void binding_watch(struct binding *b)
{
	const struct registrar *registrar = b->address->registrar;

	if (!needs_connection(b)) {
		binding_unwatch(b);
	} else if (!b->connection) {
		b->connection =
			mem_zalloc(sizeof(*b->connection), watch_destructor);
	}
	if (b->connection && !tcp_watch_waits(b->connection, &b->source))
		(void)tcp_watch_begin(b->connection, registrar->stack->tcp,
				      &b->source, lost, b);
	if (!b->lost_ms)
		return;
	b->lost_ms = 0;
	if (registrar->h.lost)
		registrar->h.lost(b, false, registrar->arg);
}

static void binding_destructor(void *arg)
{
	struct binding *b = arg;

	binding_unwatch(b);
	list_unlink(&b->le);
	strings_free(b);
}

int binding_alloc(struct binding **bp, struct address *address)
{
	struct binding *b = mem_zalloc(sizeof(*b), binding_destructor);

	if (!b)
		return ENOMEM;
	b->address = address;
	id_make(b->id);
	*bp = b;
	return 0;
}

int binding_write_record(struct binding *b, const struct binding_record *r)
{
	struct binding fresh = {.contact = NULL};
	int err = str_dup(&fresh.contact, r->contact);

	err |= str_dup(&fresh.call_id, r->call_id);
	if (r->target && *r->target)
		err |= str_dup(&fresh.target, r->target);
	if (r->path && *r->path)
		err |= str_dup(&fresh.path, r->path);
	if (r->instance && *r->instance)
		err |= str_dup(&fresh.instance, r->instance);
	if (r->user_agent && *r->user_agent)
		err |= str_dup(&fresh.user_agent, r->user_agent);
	if (err) {
		strings_free(&fresh);
		return ENOMEM;
	}
	strings_take(b, &fresh);
	host_point(b);
	str_ncpy(b->id, r->id, sizeof(b->id));
	b->reg_id = r->reg_id;
	b->q = (uint16_t)r->q;
	b->cseq = r->cseq;
	b->source = r->source;
	b->tp = (uint8_t)r->tp;
	b->proxied = r->proxied;
	b->since_ms = r->since_ms;
	b->refreshed_ms = r->refreshed_ms;
	b->expires_ms = r->expires_ms;
	b->until_ms =
		clock_mono_ms() + (uint64_t)(r->expires_ms - clock_wall_ms());
	/* no connection outlives the engine */
	if (needs_connection(b))
		b->lost_ms = clock_wall_ms();
	return 0;
}

/* ---- reading -------------------------------------------------------- */

static const char *text(const char *s)
{
	return s ? s : "";
}

bool binding_registered(const struct binding *b)
{
	return b->in_force;
}

const char *binding_id(const struct binding *b)
{
	return b->id;
}

const char *binding_name(const struct binding *b)
{
	return b->address ? b->address->name : "";
}

const char *binding_contact(const struct binding *b)
{
	return text(b->contact);
}

const char *binding_target(const struct binding *b)
{
	return b->target ? b->target : text(b->contact);
}

bool binding_is_rewritten(const struct binding *b)
{
	return b->target != NULL;
}

const char *binding_path(const struct binding *b)
{
	return text(b->path);
}

bool binding_is_proxied(const struct binding *b)
{
	return b->proxied;
}

const struct sa *binding_source(const struct binding *b)
{
	return &b->source;
}

enum sip_transp binding_transport(const struct binding *b)
{
	return (enum sip_transp)b->tp;
}

const char *binding_instance(const struct binding *b)
{
	return text(b->instance);
}

const char *binding_user_agent(const struct binding *b)
{
	return text(b->user_agent);
}

const char *binding_call_id(const struct binding *b)
{
	return text(b->call_id);
}

uint32_t binding_cseq(const struct binding *b)
{
	return b->cseq;
}

unsigned binding_q(const struct binding *b)
{
	return b->q;
}

unsigned binding_reg_id(const struct binding *b)
{
	return b->reg_id;
}

int64_t binding_since(const struct binding *b)
{
	return b->since_ms;
}

int64_t binding_refreshed_at(const struct binding *b)
{
	return b->refreshed_ms;
}

int64_t binding_expires_at(const struct binding *b)
{
	return b->expires_ms;
}

int64_t binding_lost_at(const struct binding *b)
{
	return b->lost_ms;
}
