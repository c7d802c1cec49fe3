/* registrar.c -- the table of who is registered */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/header.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/stack_private.h"

enum { USERS_BUCKETS = 16384, NONCE_LIFE_MS = 300000 };

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
	/* Whoever refers to them may still read them. */
	for (struct le *le = address->bindings.head; le; le = le->next)
		((struct binding *)le->data)->address = NULL;
	list_flush(&address->bindings);
	while (address->gone.head) {
		struct binding *binding = address->gone.head->data;

		binding->address = NULL;
		list_unlink(&binding->le);
	}
	mem_deref(address->name);
}

struct address *address_get(struct registrar *registrar, const char *name)
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
	binding_watch(binding);
}

void binding_end(struct binding *binding, enum binding_event event)
{
	struct address *address = binding->address;

	if (!binding->in_force)
		return;
	binding->in_force = false;
	binding_unwatch(binding);
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

uint64_t registrar_accepted(const struct registrar *registrar)
{
	return registrar->accepted;
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
