/* servers.c -- an account's servers, address by address, in order */
#include <errno.h>
#include <string.h>
#include "sip/reach/resolve.h"
#include "sip/account/servers.h"
#include "sip/stack.h"

struct entry {
	char *uri, *host;
	uint16_t port;
	enum sip_transp tp; /* SIP_TRANSP_NONE: as is found */
};

struct servers {
	struct stack *stack;
	servers_h *handler;
	void *arg;
	struct entry *entries;
	unsigned count;

	unsigned number;       /* the server at hand */
	struct sa *addrs;      /* its addresses, looked up */
	enum sip_transp tp;    /* theirs */
	unsigned place, found; /* the next of them */
	bool several;
	struct resolve *resolve;

	struct sa avoid; /* unset: none */
	bool avoid_last;
	struct server avoided; /* uri NULL: it hasn't come by */
};

static void servers_destructor(void *arg)
{
	struct servers *s = arg;

	mem_deref(s->resolve);
	mem_deref(s->addrs);
	for (unsigned i = 0; s->entries && i < s->count; i++) {
		mem_deref(s->entries[i].uri);
		mem_deref(s->entries[i].host);
	}
	mem_deref(s->entries);
}

static int entry_set(struct entry *entry, const char *text)
{
	struct pl pl, transport;
	struct uri uri;
	int err;

	pl_set_str(&pl, text);
	if (uri_decode(&uri, &pl) || !pl_isset(&uri.host))
		return EINVAL;
	entry->port = uri.port;
	entry->tp = SIP_TRANSP_NONE;
	if (!msg_param_decode(&uri.params, "transport", &transport)) {
		if (!pl_strcasecmp(&transport, "udp"))
			entry->tp = SIP_TRANSP_UDP;
		else if (!pl_strcasecmp(&transport, "tcp"))
			entry->tp = SIP_TRANSP_TCP;
		else
			return EINVAL;
	}
	err = str_dup(&entry->uri, text);
	return err ? err : pl_strdup(&entry->host, &uri.host);
}

int servers_alloc(struct servers **sp, struct stack *stack,
		  const char *const *uris, servers_h *handler, void *arg)
{
	struct servers *s = mem_zalloc(sizeof(*s), servers_destructor);
	int err = 0;

	if (!s)
		return ENOMEM;
	s->stack = stack;
	s->handler = handler;
	s->arg = arg;
	while (uris[s->count])
		s->count++;
	s->entries = mem_zalloc(s->count * sizeof(*s->entries), NULL);
	if (!s->entries)
		err = ENOMEM;
	for (unsigned i = 0; !err && i < s->count; i++)
		err = entry_set(&s->entries[i], uris[i]);
	servers_begin(s, NULL, false);
	if (err)
		mem_deref(s);
	else
		*sp = s;
	return err;
}

void servers_stop(struct servers *s)
{
	s->resolve = mem_deref(s->resolve);
}

void servers_begin(struct servers *s, const struct sa *avoid, bool last)
{
	servers_stop(s);
	s->addrs = mem_deref(s->addrs);
	s->number = s->place = s->found = 0;
	s->avoid_last = last;
	s->avoided.uri = NULL;
	sa_init(&s->avoid, AF_UNSPEC);
	if (avoid)
		s->avoid = *avoid;
}

bool servers_several(const struct servers *s)
{
	return s->count > 1 || s->several;
}

static void server_at(const struct servers *s, struct server *server)
{
	const struct entry *entry = &s->entries[s->number];

	*server = (struct server){
		.uri = entry->uri,
		.number = s->number,
		.tp = s->tp,
	};
}

/* Of those that were found. False: they have all been given. */
static bool give(struct servers *s)
{
	while (s->place < s->found) {
		struct server server;

		server_at(s, &server);
		server.place = s->place;
		server.addr = s->addrs[s->place++];
		if (sa_isset(&s->avoid, SA_ADDR) &&
		    sa_cmp(&s->avoid, &server.addr, SA_ALL)) {
			s->avoided = server;
			continue;
		}
		s->handler(0, &server, s->arg);
		return true;
	}
	return false;
}

static void next_server(struct servers *s)
{
	s->number++;
	s->addrs = mem_deref(s->addrs);
	s->place = s->found = 0;
}

static bool take(struct servers *s, enum sip_transp tp, const struct sa *addrs,
		 size_t count)
{
	s->addrs = mem_zalloc(count * sizeof(*addrs), NULL);
	if (!s->addrs)
		return false;
	memcpy(s->addrs, addrs, count * sizeof(*addrs));
	s->tp = tp;
	s->found = (unsigned)count;
	s->place = 0;
	if (count > 1)
		s->several = true;
	return true;
}

static void failed(struct servers *s, int err)
{
	struct server server;

	server_at(s, &server);
	next_server(s);
	s->handler(err == ENOENT ? EDESTADDRREQ : err, &server, s->arg);
}

static void on_resolved(int err, enum sip_transp tp, const struct sa *addrs,
			size_t count, void *arg)
{
	struct servers *s = arg;

	if (!err && !take(s, tp, addrs, count))
		err = ENOMEM;
	s->resolve = mem_deref(s->resolve);
	if (err)
		failed(s, err);
	else if (!give(s))
		servers_next(s);
}

static void none_left(struct servers *s)
{
	struct server server = s->avoided;

	s->avoided.uri = NULL;
	if (server.uri && s->avoid_last)
		s->handler(0, &server, s->arg);
	else
		s->handler(ENOENT, NULL, s->arg);
}

void servers_next(struct servers *s)
{
	for (; s->number < s->count; next_server(s)) {
		const struct entry *entry = &s->entries[s->number];
		const enum sip_transp tp =
			resolve_transport(s->stack, entry->tp);
		struct sa addr;
		int err;

		if (!s->addrs) {
			if (resolve_numeric(&addr, entry->host, entry->port,
					    tp)) {
				if (!take(s, tp, &addr, 1)) {
					failed(s, ENOMEM);
					return;
				}
			} else {
				err = resolve_alloc(&s->resolve, s->stack,
						    entry->host, entry->port,
						    entry->tp, on_resolved, s);
				if (err)
					failed(s, err);
				return;
			}
		}
		if (give(s))
			return;
	}
	none_left(s);
}
