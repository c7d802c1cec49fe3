/* contact.c -- what a REGISTER says of a terminal: its Contact, Path,
 * User-Agent */
#include "sip/registrar/contact.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sip/header.h"
#include "sip/nat_contact.h"
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

/* ---- User-Agent ----------------------------------------------------- */

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

/* ---- where calls to it go ------------------------------------------- */

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
