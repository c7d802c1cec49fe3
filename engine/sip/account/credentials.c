/* credentials.c -- whom an account proves itself to */
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "sip/account/credentials.h"
#include "sip/digest.h"

enum { HOSTS = 3 };

/* What the first challenge of a server, or of a proxy before it, has said. */
struct learned {
	struct le le;
	unsigned server;
	bool by_proxy;
	char *realm;
};

struct credentials {
	char *name, *user, *password, *realm;
	char *hosts[HOSTS];
	struct list learned;
	/* of the challenge at hand */
	unsigned server;
	bool by_proxy;
};

static void learned_destructor(void *arg)
{
	struct learned *learned = arg;

	list_unlink(&learned->le);
	mem_deref(learned->realm);
}

static void credentials_destructor(void *arg)
{
	struct credentials *c = arg;

	mem_deref(c->name);
	mem_deref(c->user);
	mem_deref(c->password);
	mem_deref(c->realm);
	for (size_t i = 0; i < HOSTS; i++)
		mem_deref(c->hosts[i]);
	list_flush(&c->learned);
}

static int copy(char **to, const char *from)
{
	return from ? str_dup(to, from) : 0;
}

int credentials_alloc(struct credentials **cp,
		      const struct credentials_params *params)
{
	struct credentials *c = mem_zalloc(sizeof(*c), credentials_destructor);
	int err;

	if (!c)
		return ENOMEM;
	err = copy(&c->name, params->name);
	err |= copy(&c->user, params->user);
	err |= copy(&c->realm, params->realm);
	for (size_t i = 0; i < HOSTS; i++)
		err |= copy(&c->hosts[i], params->hosts[i]);
	if (params->ha1)
		err |= re_sdprintf(&c->password, "%s%s", DIGEST_HA1,
				   params->ha1);
	else
		err |= copy(&c->password, params->password);
	if (err) {
		mem_deref(c);
		return ENOMEM;
	}
	*cp = c;
	return 0;
}

static int give(const struct credentials *c, char **user, char **password)
{
	char *u = NULL, *p = NULL;

	if (str_dup(&u, c->user) || str_dup(&p, c->password)) {
		mem_deref(u);
		return ENOMEM;
	}
	*user = u;
	*password = p;
	return 0;
}

static bool is_host(const struct credentials *c, const char *realm)
{
	for (size_t i = 0; i < HOSTS; i++) {
		if (c->hosts[i] && !str_casecmp(c->hosts[i], realm))
			return true;
	}
	return false;
}

static bool is_realm(const char *known, const char *realm)
{
	return known && !strcmp(known, realm);
}

static int refuse(const struct credentials *c, const char *realm)
{
	static struct log_limit limit = LOG_LIMIT(10, 60000);

	log_limited(&limit, LOG_WARN, NULL,
		    "account %s: no credentials given for the realm \"%s\"; "
		    "if it may have them, set realm",
		    c->name, realm);
	return EAUTH;
}

/* NULL: that server has not said any yet. */
static const struct learned *learned_here(const struct credentials *c)
{
	for (struct le *le = c->learned.head; le; le = le->next) {
		const struct learned *l = le->data;

		if (l->server == c->server && l->by_proxy == c->by_proxy)
			return l;
	}
	return NULL;
}

static bool is_learned(const struct credentials *c, const char *realm)
{
	for (struct le *le = c->learned.head; le; le = le->next)
		if (is_realm(((const struct learned *)le->data)->realm, realm))
			return true;
	return false;
}

static int learn(struct credentials *c, const char *realm)
{
	struct learned *l = mem_zalloc(sizeof(*l), learned_destructor);

	if (!l || str_dup(&l->realm, realm)) {
		mem_deref(l);
		return ENOMEM;
	}
	l->server = c->server;
	l->by_proxy = c->by_proxy;
	list_append(&c->learned, &l->le, l);
	return 0;
}

int credentials_for_call(char **user, char **password, const char *realm,
			 void *arg)
{
	const struct credentials *c = arg;

	if (!c->password)
		return EAUTH;
	if (c->realm ? is_realm(c->realm, realm)
		     : is_learned(c, realm) || is_host(c, realm))
		return give(c, user, password);
	return refuse(c, realm);
}

bool credentials_learning(const struct credentials *c)
{
	return c->password && !c->realm && !c->learned.head;
}

void credentials_challenged(struct credentials *c, uint16_t scode,
			    unsigned server)
{
	c->by_proxy = scode == 407;
	c->server = server;
}

int credentials_for_registrar(char **user, char **password, const char *realm,
			      void *arg)
{
	struct credentials *c = arg;
	const struct learned *here = learned_here(c);

	if (!c->password)
		return EAUTH;
	if (c->realm ? !is_realm(c->realm, realm)
		     : here && !is_realm(here->realm, realm))
		return refuse(c, realm);
	if (!here && !c->realm && learn(c, realm))
		return ENOMEM;
	return give(c, user, password);
}
