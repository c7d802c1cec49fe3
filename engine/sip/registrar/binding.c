/* binding.c -- a contact that is registered: whose it is, kept, watched */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sip/nat_contact.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/stack_private.h"

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
