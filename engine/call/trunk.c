#include <re.h>

#include "call/trunk.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "call/bucket.h"
#include "call/target.h"

struct trunks {
	struct list list;
	struct trunk_watch watch; /* stack NULL: nobody watches */
	trunk_trust_h *trust;
	void *arg;
};

struct trunk {
	struct le le;
	struct trunk_params params; /* points into what follows */
	char *name, *account, *from, *prefix;
	char **hosts; /* NULL-terminated */
	unsigned active;
	struct bucket bucket;
	struct trunk_traffic traffic;
	struct trunk_reach *reach; /* NULL: not watched */
};

static void hosts_free(char **hosts)
{
	for (char **h = hosts; h && *h; h++)
		mem_deref(*h);
	mem_deref(hosts);
}

static void strings_free(struct trunk *t)
{
	t->name = mem_deref(t->name);
	t->account = mem_deref(t->account);
	t->from = mem_deref(t->from);
	t->prefix = mem_deref(t->prefix);
	hosts_free(t->hosts);
	t->hosts = NULL;
}

static void trunk_destructor(void *arg)
{
	struct trunk *t = arg;

	list_unlink(&t->le);
	mem_deref(t->reach);
	strings_free(t);
}

int trunks_alloc(struct trunks **tp)
{
	struct trunks *trunks = mem_zalloc(sizeof(*trunks), NULL);

	if (!trunks)
		return ENOMEM;
	*tp = trunks;
	return 0;
}

void trunks_free(struct trunks *trunks)
{
	if (!trunks)
		return;
	list_flush(&trunks->list);
	mem_deref(trunks);
}

static void trust_hosts(const struct trunks *trunks, const struct trunk *t,
			bool add)
{
	for (char **h = t->hosts; trunks->trust && h && *h; h++) {
		struct target_host host;
		struct sa sa;

		if (!target_host_parse(&host, *h, NULL, 0) &&
		    !sa_set_str(&sa, host.host, 0))
			trunks->trust(&sa, add, trunks->arg);
	}
}

static void trust_all(const struct trunks *trunks, bool add)
{
	struct le *le;

	LIST_FOREACH(&trunks->list, le)
	trust_hosts(trunks, le->data, add);
}

void trunks_trust(struct trunks *trunks, trunk_trust_h *trust, void *arg)
{
	trust_all(trunks, false);
	trunks->trust = trust;
	trunks->arg = arg;
	trust_all(trunks, true);
}

static int dup(char **dst, const char *src)
{
	return src && *src ? str_dup(dst, src) : 0;
}

static int hosts_dup(char ***dst, const char *const *src)
{
	size_t n = 0;
	char **hosts;

	while (src && src[n])
		n++;
	if (!n)
		return 0;
	hosts = mem_zalloc((n + 1) * sizeof(*hosts), NULL);
	if (!hosts)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (str_dup(&hosts[i], src[i])) {
			hosts_free(hosts);
			return ENOMEM;
		}
	}
	*dst = hosts;
	return 0;
}

int trunk_check(const struct trunk_params *p, char *err, size_t size)
{
	char why[128] = "", number[64];
	struct target_host host;

	if (!p->name || !*p->name || strpbrk(p->name, "/: \t\r\n")) {
		(void)snprintf(err, size,
			       "a trunk needs a name without '/', "
			       "':' and spaces");
		return EINVAL;
	}
	if ((!p->hosts || !p->hosts[0]) && (!p->account || !*p->account)) {
		(void)snprintf(err, size,
			       "trunk '%s' needs hosts or an account", p->name);
		return EINVAL;
	}
	for (size_t i = 0; p->hosts && p->hosts[i]; i++) {
		if (!strncasecmp(p->hosts[i], "sip:", 4)) {
			(void)snprintf(err, size,
				       "trunk '%s': hosts[%zu] '%s': a host is "
				       "expected; did you mean '%s'?",
				       p->name, i + 1, p->hosts[i],
				       p->hosts[i] + 4);
			return EINVAL;
		}
		if (!target_host_parse(&host, p->hosts[i], why, sizeof(why)) &&
		    host.secure) {
			(void)snprintf(err, size,
				       "trunk '%s': hosts[%zu] '%s': TLS is "
				       "not available",
				       p->name, i + 1, p->hosts[i]);
			return EINVAL;
		}
		if (target_host_parse(&host, p->hosts[i], why, sizeof(why))) {
			(void)snprintf(err, size,
				       "trunk '%s': hosts[%zu] "
				       "'%s': %s",
				       p->name, i + 1, p->hosts[i], why);
			return EINVAL;
		}
	}
	if (p->prefix && *p->prefix &&
	    target_number(number, sizeof(number), p->prefix, false, why,
			  sizeof(why))) {
		(void)snprintf(err, size, "trunk '%s': prefix '%s': %s",
			       p->name, p->prefix, why);
		return EINVAL;
	}
	return 0;
}

static void watch(const struct trunks *trunks, struct trunk *t)
{
	if (trunks->watch.stack &&
	    trunk_reach_fit(&t->reach, t, &trunks->watch))
		log_error(NULL, "trunk %s is not qualified: out of memory",
			  t->name);
}

void trunks_watch(struct trunks *trunks, struct stack *stack,
		  struct accounts *accounts, trunk_reach_h *handler, void *arg)
{
	struct le *le;

	trunks->watch = (struct trunk_watch){
		.stack = stack,
		.accounts = accounts,
		.handler = handler,
		.arg = arg,
	};
	LIST_FOREACH(&trunks->list, le)
	watch(trunks, le->data);
}

void trunks_account_set(struct trunks *trunks, const char *account)
{
	struct le *le;

	LIST_FOREACH(&trunks->list, le)
	{
		struct trunk *t = le->data;

		if (t->account && !t->hosts && !strcmp(t->account, account))
			watch(trunks, t);
	}
}

int trunk_set(struct trunks *trunks, const struct trunk_params *params,
	      char *err, size_t size)
{
	struct trunk fresh = {.active = 0}, *t;
	int e = trunk_check(params, err, size);

	if (e)
		return e;
	e = dup(&fresh.name, params->name);
	e |= dup(&fresh.account, params->account);
	e |= dup(&fresh.from, params->from);
	e |= dup(&fresh.prefix, params->prefix);
	e |= hosts_dup(&fresh.hosts, params->hosts);
	t = e ? NULL : trunk_find(trunks, params->name);
	if (!e && !t) {
		t = mem_zalloc(sizeof(*t), trunk_destructor);
		if (t)
			list_append(&trunks->list, &t->le, t);
	}
	if (!t) {
		strings_free(&fresh);
		(void)snprintf(err, size, "out of memory");
		return ENOMEM;
	}
	trust_hosts(trunks, t, false);
	strings_free(t);
	t->name = fresh.name;
	t->account = fresh.account;
	t->from = fresh.from;
	t->prefix = fresh.prefix;
	t->hosts = fresh.hosts;
	t->params = (struct trunk_params){
		.name = t->name,
		.hosts = (const char *const *)t->hosts,
		.account = t->account,
		.from = t->from,
		.prefix = t->prefix,
		.max_calls = params->max_calls,
		.max_cps = params->max_cps,
		.reach = params->reach,
		.keepalive = params->keepalive,
	};
	trust_hosts(trunks, t, true);
	watch(trunks, t);
	return 0;
}

struct trunk *trunk_find(const struct trunks *trunks, const char *name)
{
	struct le *le;

	LIST_FOREACH(&trunks->list, le)
	{
		struct trunk *t = le->data;

		if (name && !strcmp(t->name, name))
			return t;
	}
	return NULL;
}

struct trunk *trunk_only(const struct trunks *trunks)
{
	return trunks->list.head == trunks->list.tail
		       ? list_ledata(trunks->list.head)
		       : NULL;
}

static struct trunk *find_host(const struct trunks *trunks, const char *name,
			       const struct sa *addr)
{
	struct le *le;

	LIST_FOREACH(&trunks->list, le)
	{
		struct trunk *t = le->data;

		for (char **h = t->hosts; h && *h; h++) {
			struct target_host host;
			struct sa sa;

			if (target_host_parse(&host, *h, NULL, 0))
				continue;
			if (name && !strcasecmp(host.host, name))
				return t;
			if (addr && !sa_set_str(&sa, host.host, 0) &&
			    sa_cmp(&sa, addr, SA_ADDR))
				return t;
		}
	}
	return NULL;
}

struct trunk *trunk_of_host(const struct trunks *trunks, const char *host)
{
	return find_host(trunks, host, NULL);
}

struct trunk *trunk_of_addr(const struct trunks *trunks, const struct sa *addr)
{
	return find_host(trunks, NULL, addr);
}

const struct trunk_params *trunk_params(const struct trunk *trunk)
{
	return &trunk->params;
}

void trunk_each(const struct trunks *trunks, trunk_apply_h *fn, void *arg)
{
	struct le *le = trunks->list.head;

	while (le) {
		struct trunk *t = le->data;

		le = le->next;
		if (fn(t, arg))
			return;
	}
}

enum reach trunk_state(const struct trunk *trunk)
{
	struct trunk_reading reading;

	trunk_read(trunk, &reading);
	return reading.state;
}

void trunk_read(const struct trunk *trunk, struct trunk_reading *reading)
{
	if (trunk->reach)
		trunk_reach_read(trunk->reach, reading);
	else
		*reading = (struct trunk_reading){.availability = -1,
						  .reason = ""};
}

size_t trunk_host_count(const struct trunk *trunk)
{
	return trunk->reach ? trunk_reach_hosts(trunk->reach) : 0;
}

void trunk_read_host(const struct trunk *trunk, size_t host,
		     struct trunk_reading *reading)
{
	trunk_reach_read_host(trunk->reach, host, reading);
}

size_t trunk_history(const struct trunk *trunk, struct trunk_change *out,
		     size_t max)
{
	return trunk->reach ? trunk_reach_history(trunk->reach, out, max) : 0;
}

void trunk_recall(struct trunk *trunk, const char *host, uint64_t up_ms,
		  uint64_t down_ms, const struct trunk_change *changes,
		  size_t count)
{
	if (!trunk->reach)
		return;
	if (host)
		trunk_reach_recall_host(trunk->reach, host, up_ms, down_ms);
	else
		trunk_reach_recall(trunk->reach, up_ms, down_ms, changes,
				   count);
}

void trunk_qualify_now(struct trunk *trunk)
{
	if (trunk->reach)
		trunk_reach_now(trunk->reach);
}

void trunk_evidence(struct trunk *trunk, size_t host,
		    enum trunk_evidence evidence, uint32_t retry_after_s,
		    const char *reason)
{
	trunk_reach_evidence(trunk->reach, host, evidence, retry_after_s,
			     reason);
}

unsigned trunk_active(const struct trunk *trunk)
{
	return trunk->active;
}

bool trunk_admits(struct trunk *t, uint64_t now_ms)
{
	if (t->params.max_calls && t->active >= t->params.max_calls)
		return false;
	return bucket_has(&t->bucket, t->params.max_cps, now_ms);
}

unsigned trunk_room(struct trunk *t, uint64_t now_ms, unsigned wanted)
{
	const unsigned max = t->params.max_calls;

	if (max && t->active >= max)
		return 0;
	if (max && max - t->active < wanted)
		wanted = max - t->active;
	return bucket_count(&t->bucket, t->params.max_cps, now_ms, wanted);
}

void trunk_begin(struct trunk *t)
{
	(void)mem_ref(t);
	bucket_take(&t->bucket, t->params.max_cps);
	t->active++;
}

void trunk_traffic(const struct trunk *trunk, struct trunk_traffic *out)
{
	*out = trunk->traffic;
}

void trunk_end(struct trunk *t, const struct trunk_traffic *call)
{
	t->active--;
	if (call) {
		t->traffic.calls += call->calls;
		t->traffic.rang += call->rang;
		t->traffic.answered += call->answered;
		t->traffic.talk_ms += call->talk_ms;
		t->traffic.delay_ms += call->delay_ms;
	}
	mem_deref(t);
}
