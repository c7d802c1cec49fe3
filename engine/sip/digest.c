/* digest.c -- answering a challenge: MD5, with and without qop=auth */
#include <ctype.h>
#include <string.h>
#include "sip/digest.h"

enum { HA1_SIZE = 2 * MD5_SIZE + 1 }; /* in hex, with its NUL */

struct digest {
	struct list realms;
	sip_auth_h *authh;
	void *arg;
	unsigned tries;
};

struct realm {
	struct le le;
	char *realm, *nonce, *opaque, *user, *password;
	bool qop;   /* the server offers "auth" */
	bool proxy; /* challenged by 407 */
	bool fresh; /* taken from the message at hand */
	uint32_t nc;
};

static void realm_destructor(void *arg)
{
	struct realm *realm = arg;

	list_unlink(&realm->le);
	mem_deref(realm->realm);
	mem_deref(realm->nonce);
	mem_deref(realm->opaque);
	mem_deref(realm->user);
	mem_deref(realm->password);
}

static void digest_destructor(void *arg)
{
	struct digest *digest = arg;

	list_flush(&digest->realms);
}

int digest_alloc(struct digest **dp, sip_auth_h *authh, void *arg)
{
	struct digest *digest = mem_zalloc(sizeof(*digest), digest_destructor);

	if (!digest)
		return ENOMEM;
	digest->authh = authh;
	digest->arg = arg;
	*dp = digest;
	return 0;
}

void digest_begin(struct digest *digest)
{
	if (digest)
		digest->tries = 0;
}

/* Whether a list such as "auth,auth-int" offers plain "auth". */
static bool offers_auth(const struct pl *qop)
{
	const char *p = qop->p, *end = qop->p + qop->l;

	while (p < end) {
		struct pl token = {.p = p};

		while (p < end && *p != ',')
			p++;
		token.l = (size_t)(p - token.p);
		while (token.l && (*token.p == ' ' || *token.p == '\t'))
			pl_advance(&token, 1);
		while (token.l && (token.p[token.l - 1] == ' ' ||
				   token.p[token.l - 1] == '\t'))
			token.l--;
		if (!pl_strcasecmp(&token, "auth"))
			return true;
		p++;
	}
	return false;
}

static struct realm *realm_find(const struct digest *digest,
				const struct pl *name, bool proxy)
{
	for (struct le *le = digest->realms.head; le; le = le->next) {
		struct realm *realm = le->data;

		if (realm->proxy == proxy && !pl_strcmp(name, realm->realm))
			return realm;
	}
	return NULL;
}

/* Credentials for a realm that asks for the first time. */
static struct realm *realm_add(struct digest *digest, const struct pl *name,
			       bool proxy)
{
	struct realm *realm = mem_zalloc(sizeof(*realm), realm_destructor);

	if (!realm)
		return NULL;
	realm->proxy = proxy;
	if (pl_strdup(&realm->realm, name) || !digest->authh ||
	    digest->authh(&realm->user, &realm->password, realm->realm,
			  digest->arg) ||
	    !realm->user || !realm->password)
		return mem_deref(realm);
	list_append(&digest->realms, &realm->le, realm);
	return realm;
}

static bool has_control(const struct pl *pl)
{
	for (size_t i = 0; i < pl->l; i++) {
		if ((unsigned char)pl->p[i] < ' ')
			return true;
	}
	return false;
}

struct taking {
	struct digest *digest;
	bool known;    /* a challenge in MD5 was there */
	bool answered; /* and we have credentials for it */
};

static bool take_challenge(const struct sip_hdr *hdr, const struct sip_msg *msg,
			   void *arg)
{
	const bool proxy = hdr->id == SIP_HDR_PROXY_AUTHENTICATE;
	struct taking *taking = arg;
	struct httpauth_digest_chall chall;
	struct realm *realm;
	char *nonce = NULL, *opaque = NULL;
	(void)msg;

	if (httpauth_digest_challenge_decode(&chall, &hdr->val))
		return false;
	if (pl_isset(&chall.algorithm) &&
	    pl_strcasecmp(&chall.algorithm, "MD5"))
		return false;
	if (pl_isset(&chall.qop) && !offers_auth(&chall.qop))
		return false;
	if (has_control(&chall.realm) || has_control(&chall.nonce) ||
	    has_control(&chall.opaque))
		return false; /* would be folded lines in our request */
	taking->known = true;

	realm = realm_find(taking->digest, &chall.realm, proxy);
	if (!realm)
		realm = realm_add(taking->digest, &chall.realm, proxy);
	if (!realm || realm->fresh)
		return false;
	if (realm->nonce && !pl_strcmp(&chall.nonce, realm->nonce))
		return false; /* what we said to this nonce was refused */
	if (pl_strdup(&nonce, &chall.nonce) ||
	    (pl_isset(&chall.opaque) && pl_strdup(&opaque, &chall.opaque))) {
		mem_deref(nonce);
		return false;
	}
	mem_deref(realm->nonce);
	mem_deref(realm->opaque);
	realm->nonce = nonce;
	realm->opaque = opaque;
	realm->qop = pl_isset(&chall.qop);
	realm->nc = 0;
	realm->fresh = true;
	taking->answered = true;
	return false;
}

int digest_challenged(struct digest *digest, const struct sip_msg *msg)
{
	struct taking taking = {.digest = digest};

	if (!digest || !msg)
		return EINVAL;
	if (digest->tries >= DIGEST_TRIES)
		return EAUTH;
	for (struct le *le = digest->realms.head; le; le = le->next)
		((struct realm *)le->data)->fresh = false;
	sip_msg_hdr_apply(msg, true, SIP_HDR_WWW_AUTHENTICATE, take_challenge,
			  &taking);
	sip_msg_hdr_apply(msg, true, SIP_HDR_PROXY_AUTHENTICATE, take_challenge,
			  &taking);
	if (taking.answered) {
		digest->tries++;
		return 0;
	}
	return taking.known ? EAUTH : ENOSYS;
}

/* HA1 of a realm, in lower-case hex. */
static int ha1_hex(char hex[HA1_SIZE], const struct realm *realm)
{
	const char *given = realm->password + strlen(DIGEST_HA1);
	uint8_t ha1[MD5_SIZE];
	int err;

	if (!strncmp(realm->password, DIGEST_HA1, strlen(DIGEST_HA1))) {
		if (strlen(given) != HA1_SIZE - 1)
			return EINVAL;
		for (size_t i = 0; i < HA1_SIZE; i++)
			hex[i] = (char)tolower((unsigned char)given[i]);
		return 0;
	}
	err = md5_printf(ha1, "%s:%s:%s", realm->user, realm->realm,
			 realm->password);
	if (!err)
		(void)re_snprintf(hex, HA1_SIZE, "%w", ha1, sizeof(ha1));
	return err;
}

static int print_realm(struct mbuf *mb, struct realm *realm, const char *method,
		       const char *uri)
{
	char ha1[HA1_SIZE];
	uint8_t ha2[MD5_SIZE], response[MD5_SIZE];
	const uint64_t cnonce = rand_u64();
	int err;

	err = ha1_hex(ha1, realm);
	if (err)
		return err;
	err = md5_printf(ha2, "%s:%s", method, uri);
	realm->nc++;
	if (realm->qop)
		err |= md5_printf(response, "%s:%s:%08x:%016llx:auth:%w", ha1,
				  realm->nonce, realm->nc,
				  (unsigned long long)cnonce, ha2, sizeof(ha2));
	else
		err |= md5_printf(response, "%s:%s:%w", ha1, realm->nonce, ha2,
				  sizeof(ha2));

	err |= mbuf_printf(
		mb,
		"%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", "
		"uri=\"%s\", response=\"%w\", algorithm=MD5",
		realm->proxy ? "Proxy-Authorization" : "Authorization",
		realm->user, realm->realm, realm->nonce, uri, response,
		sizeof(response));
	if (realm->opaque)
		err |= mbuf_printf(mb, ", opaque=\"%s\"", realm->opaque);
	if (realm->qop)
		err |= mbuf_printf(mb,
				   ", qop=auth, nc=%08x, cnonce=\"%016llx\"",
				   realm->nc, (unsigned long long)cnonce);
	err |= mbuf_write_str(mb, "\r\n");
	return err;
}

int digest_print(struct mbuf *mb, struct digest *digest, const char *method,
		 const char *uri)
{
	int err = 0;

	if (!digest)
		return 0;
	for (struct le *le = digest->realms.head; le && !err; le = le->next) {
		struct realm *realm = le->data;

		if (realm->nonce)
			err = print_realm(mb, realm, method, uri);
	}
	return err;
}
