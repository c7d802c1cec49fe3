/* authenticate.c -- credentials: read, checked, asked for */
#include "sip/registrar/authenticate.h"

#include <ctype.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { HEX_MAX = 2 * 32 + 1 };

static const EVP_MD *hash_of(enum auth_algorithm algorithm)
{
	return algorithm == AUTH_SHA256 ? EVP_sha256() : EVP_md5();
}

static size_t hex_length(enum auth_algorithm algorithm)
{
	return algorithm == AUTH_SHA256 ? 64 : 32;
}

unsigned auth_algorithms(const struct auth_secret *secret)
{
	unsigned can = 0;

	if (secret->password)
		can = AUTH_MD5 | AUTH_SHA256;
	if (secret->ha1)
		can |= AUTH_MD5;
	if (secret->ha1_sha256)
		can |= AUTH_SHA256;
	return secret->algorithms ? can & secret->algorithms : can;
}

/* ---- reading -------------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip(struct pl *pl, bool commas)
{
	while (pl->l && (blank(*pl->p) || (commas && *pl->p == ',')))
		pl_advance(pl, 1);
}

/* A name, '=', a token or quoted string. Escapes in it are not undone: what we
 * compare has none. False at the end, and when it is malformed (*BROKEN). */
static bool next_param(struct pl *left, struct pl *name, struct pl *value,
		       bool *broken)
{
	skip(left, true);
	if (!left->l)
		return false;
	*broken = true;
	name->p = left->p;
	while (left->l && *left->p != '=' && !blank(*left->p) &&
	       *left->p != ',')
		pl_advance(left, 1);
	name->l = (size_t)(left->p - name->p);
	skip(left, false);
	if (!left->l || *left->p != '=')
		return false;
	pl_advance(left, 1);
	skip(left, false);
	if (left->l && *left->p == '"') {
		pl_advance(left, 1);
		value->p = left->p;
		while (left->l && *left->p != '"')
			pl_advance(left,
				   *left->p == '\\' && left->l > 1 ? 2 : 1);
		if (!left->l)
			return false;
		value->l = (size_t)(left->p - value->p);
		pl_advance(left, 1);
	} else {
		value->p = left->p;
		while (left->l && *left->p != ',' && !blank(*left->p))
			pl_advance(left, 1);
		value->l = (size_t)(left->p - value->p);
	}
	*broken = false;
	return true;
}

struct reading {
	const char *realm;
	struct auth_answer answer;
	bool found, broken;
};

static bool algorithm_of(enum auth_algorithm *algorithm, const struct pl *name)
{
	if (!pl_isset(name) || !pl_strcasecmp(name, "MD5"))
		*algorithm = AUTH_MD5;
	else if (!pl_strcasecmp(name, "SHA-256"))
		*algorithm = AUTH_SHA256;
	else
		return false;
	return true;
}

static struct pl *field(struct auth_answer *a, const struct pl *name)
{
	const struct {
		const char *name;
		struct pl *value;
	} fields[] = {
		{"username", &a->user},	    {"realm", &a->realm},
		{"nonce", &a->nonce},	    {"uri", &a->uri},
		{"response", &a->response}, {"nc", &a->nc},
		{"cnonce", &a->cnonce},	    {"qop", &a->qop},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!pl_strcasecmp(name, fields[i].name))
			return fields[i].value;
	}
	return NULL;
}

/* Each parameter may occur once (RFC 3261 25.1): of two nobody can say which
 * one another reader would take. */
static bool read_credentials(const struct sip_hdr *hdr,
			     const struct sip_msg *msg, void *arg)
{
	static const struct pl digest = PL("Digest");
	struct reading *reading = arg;
	struct auth_answer a = {.algorithm = AUTH_MD5};
	struct pl left = hdr->val, scheme = hdr->val, name, value;
	struct pl algorithm = PL_INIT;
	bool broken = false;
	(void)msg;

	skip(&scheme, false);
	left = scheme;
	scheme.l = scheme.l < digest.l ? scheme.l : digest.l;
	if (pl_casecmp(&scheme, &digest))
		return false;
	pl_advance(&left, (ssize_t)digest.l);
	while (next_param(&left, &name, &value, &broken)) {
		struct pl *pl = pl_strcasecmp(&name, "algorithm")
					? field(&a, &name)
					: &algorithm;

		if (pl && pl_isset(pl))
			broken = true;
		if (broken)
			break;
		if (pl)
			*pl = value;
	}
	if (pl_isset(&a.realm) && pl_strcmp(&a.realm, reading->realm))
		return false; /* somebody else's */
	reading->found = true;
	reading->broken = broken || !pl_isset(&a.user) || !pl_isset(&a.realm) ||
			  !pl_isset(&a.nonce) || !pl_isset(&a.uri) ||
			  !pl_isset(&a.response) ||
			  !algorithm_of(&a.algorithm, &algorithm);
	reading->answer = a;
	return true;
}

enum auth_verdict auth_read(struct auth_answer *answer,
			    const struct nonces *nonces, const char *realm,
			    const struct sip_msg *msg, uint64_t now_ms)
{
	struct reading reading = {.realm = realm};

	sip_msg_hdr_apply(msg, true, SIP_HDR_AUTHORIZATION, read_credentials,
			  &reading);
	if (!reading.found)
		sip_msg_hdr_apply(msg, true, SIP_HDR_PROXY_AUTHORIZATION,
				  read_credentials, &reading);
	if (!reading.found)
		return AUTH_MISSING;
	if (reading.broken)
		return AUTH_BROKEN;
	*answer = reading.answer;
	return nonce_check(nonces, &answer->nonce, now_ms,
			   &answer->nonce_number) == NONCE_GOOD
		       ? AUTH_PROVED
		       : AUTH_STALE;
}

/* ---- checking ------------------------------------------------------- */

/* Hex of the hash of TEXT; false: out of memory. */
static bool hash_hex(char out[HEX_MAX], enum auth_algorithm algorithm,
		     const char *fmt, ...)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *text = NULL;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = !re_vsdprintf(&text, fmt, ap);
	va_end(ap);
	ok = ok && EVP_Digest(text, strlen(text), md, &n, hash_of(algorithm),
			      NULL) == 1;
	if (ok)
		(void)re_snprintf(out, HEX_MAX, "%w", md, (size_t)n);
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	mem_deref(text);
	return ok;
}

static bool ha1(char out[HEX_MAX], const struct auth_answer *a,
		const struct auth_secret *secret)
{
	const char *given =
		a->algorithm == AUTH_SHA256 ? secret->ha1_sha256 : secret->ha1;

	if (given && strlen(given) == hex_length(a->algorithm)) {
		for (size_t i = 0; i <= hex_length(a->algorithm); i++)
			out[i] = (char)tolower((unsigned char)given[i]);
		return true;
	}
	return secret->password &&
	       hash_hex(out, a->algorithm, "%s:%r:%s", secret->user, &a->realm,
			secret->password);
}

static bool parse_nc(const struct auth_answer *a, uint32_t *nc)
{
	if (!pl_isset(&a->qop)) {
		*nc = 1;
		return true;
	}
	if (pl_strcasecmp(&a->qop, "auth") || a->nc.l != 8 ||
	    !pl_isset(&a->cnonce))
		return false;
	for (size_t i = 0; i < a->nc.l; i++) {
		if (!isxdigit((unsigned char)a->nc.p[i]))
			return false;
	}
	*nc = pl_x32(&a->nc);
	return *nc > 0;
}

/* Proxies may add parameters to a Request-URI or write it in another way, but
 * it is for the same host, and user when it names one: some peers leave him
 * out (SIPp does). */
static bool same_resource(const struct pl *text, const struct uri *uri)
{
	struct uri given;
	const uint16_t port = uri->port ? uri->port : SIP_PORT;

	return !uri_decode(&given, text) &&
	       !pl_casecmp(&given.scheme, &uri->scheme) &&
	       (!pl_isset(&given.user) || !pl_cmp(&given.user, &uri->user)) &&
	       !pl_casecmp(&given.host, &uri->host) &&
	       (given.port ? given.port : SIP_PORT) == port;
}

static bool response_ok(const struct auth_answer *a,
			const struct auth_secret *secret,
			const struct sip_msg *msg)
{
	char first[HEX_MAX], second[HEX_MAX], right[HEX_MAX], given[HEX_MAX];
	const size_t n = hex_length(a->algorithm);
	bool ok;

	if (a->response.l != n)
		return false;
	ok = ha1(first, a, secret) &&
	     hash_hex(second, a->algorithm, "%r:%r", &msg->met, &a->uri) &&
	     (pl_isset(&a->qop)
		      ? hash_hex(right, a->algorithm, "%s:%r:%r:%r:%r:%s",
				 first, &a->nonce, &a->nc, &a->cnonce, &a->qop,
				 second)
		      : hash_hex(right, a->algorithm, "%s:%r:%s", first,
				 &a->nonce, second));
	OPENSSL_cleanse(first, sizeof(first));
	for (size_t i = 0; i < n; i++)
		given[i] = (char)tolower((unsigned char)a->response.p[i]);
	return ok && !CRYPTO_memcmp(right, given, n);
}

enum auth_verdict auth_check(const struct auth_answer *answer,
			     const struct auth_secret *secret,
			     const struct sip_msg *msg, struct nonce_uses *uses)
{
	static const struct auth_secret nobody = {.user = "nobody",
						  .password = "none"};
	const struct auth_secret *s = secret ? secret : &nobody;
	const bool right = response_ok(answer, s, msg);
	uint32_t nc = 0;

	if (!right || !secret || pl_strcmp(&answer->user, s->user) ||
	    !(auth_algorithms(s) & answer->algorithm) ||
	    !parse_nc(answer, &nc) || !same_resource(&answer->uri, &msg->uri))
		return AUTH_WRONG;
	return nonce_use(uses, answer->nonce_number, nc) ? AUTH_PROVED
							 : AUTH_STALE;
}

/* ---- asking --------------------------------------------------------- */

void auth_challenge(char out[AUTH_CHALLENGE_SIZE], struct nonces *nonces,
		    const char *realm, unsigned algorithms, bool stale,
		    uint64_t now_ms)
{
	static const struct {
		enum auth_algorithm algorithm;
		const char *name;
	} offers[] = {{AUTH_SHA256, "SHA-256"}, {AUTH_MD5, "MD5"}};
	char nonce[NONCE_SIZE];
	size_t used = 0;

	nonce_make(nonces, nonce, now_ms);
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		int n;

		if (!(algorithms & offers[i].algorithm))
			continue;
		n = re_snprintf(out + used, AUTH_CHALLENGE_SIZE - used,
				"WWW-Authenticate: Digest realm=\"%s\", "
				"nonce=\"%s\", algorithm=%s, qop=\"auth\"%s"
				"\r\n",
				realm, nonce, offers[i].name,
				stale ? ", stale=true" : "");
		if (n > 0)
			used += (size_t)n;
	}
}
