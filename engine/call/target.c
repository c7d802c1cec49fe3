/* A target's grammar is narrower than RFC 3261's on purpose: one '@', no
 * password, no ?headers, no parameter that moves the request elsewhere, so
 * that this parser and libre's can't understand a text differently. */
#include "call/target.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz";
static const char digits[] = "0123456789";

static bool in(const char *set, char c)
{
	return c && strchr(set, c);
}

static bool alnum(char c)
{
	return in(letters, c) || in(digits, c);
}

/* The message into ERR, EINVAL as its value. */
#define fail(err_, size_, ...) \
	((void)snprintf((err_), (size_), __VA_ARGS__), EINVAL)

/* ---- numbers and names ------------------------------------------------ */

static int user_name(char *out, size_t out_size, const char *text, char *err,
		     size_t size)
{
	size_t n = strlen(text);

	if (n >= out_size)
		return fail(err, size, "the name is longer than %zu characters",
			    out_size - 1);
	for (size_t i = 0; i < n; i++) {
		if (!alnum(text[i]) && !in("._-", text[i]))
			return fail(err, size,
				    "character %zu of the name is not a "
				    "letter, digit, '.', '_' or '-'",
				    i + 1);
	}
	memcpy(out, text, n + 1);
	return 0;
}

int target_number(char *out, size_t out_size, const char *text, bool names,
		  char *err, size_t size)
{
	char number[64];
	size_t n = 0;

	if (names && in(letters, text[0]))
		return user_name(out, out_size, text, err, size);

	for (size_t i = 0; text[i]; i++) {
		if (in("-.() ", text[i]))
			continue;
		if (text[i] == '+' && n == 0) {
			/* only there: +49+1 is nobody's number */
		} else if (!in(digits, text[i]) && !in("*#", text[i])) {
			return fail(err, size,
				    "character %zu of the number is not a "
				    "digit, '*', '#' or a separator",
				    i + 1);
		}
		if (n + 1 >= sizeof(number) || n + 1 >= out_size)
			return fail(err, size, "the number is too long");
		number[n++] = text[i];
	}
	number[n] = '\0';
	if (n == 0 || !strcmp(number, "+"))
		return fail(err, size, "there is no number");
	memcpy(out, number, n + 1);
	return 0;
}

/* ---- hosts ------------------------------------------------------------ */

static int host_name(struct target_host *h, const char *p, size_t n, char *err,
		     size_t size)
{
	bool dot = true, numeric = true;
	struct sa sa;

	if (n == 0)
		return fail(err, size, "there is no host");
	if (n >= sizeof(h->host))
		return fail(err, size, "the host is too long");
	for (size_t i = 0; i < n; i++) {
		bool is_dot = p[i] == '.';

		if (!alnum(p[i]) && !in(".-_", p[i]))
			return fail(err, size,
				    "character %zu of the host is not allowed",
				    i + 1);
		if (is_dot && dot)
			return fail(err, size, "a label of the host is empty");
		if (!is_dot && !in(digits, p[i]))
			numeric = false;
		dot = is_dot;
		h->host[i] = (char)tolower((unsigned char)p[i]);
	}
	h->host[n] = '\0';
	/* "127.1" and "2130706433" mean an address to some resolvers */
	if (numeric && sa_set_str(&sa, h->host, 0))
		return fail(err, size, "'%s' is not an IPv4 address", h->host);
	return 0;
}

static int host_ipv6(struct target_host *h, const char *p, size_t n, char *err,
		     size_t size)
{
	struct sa sa;

	if (n >= sizeof(h->host))
		return fail(err, size, "the host is too long");
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)p[i]) && p[i] != ':')
			return fail(err, size, "not an IPv6 address");
		h->host[i] = (char)tolower((unsigned char)p[i]);
	}
	h->host[n] = '\0';
	if (sa_set_str(&sa, h->host, 0) || sa_af(&sa) != AF_INET6)
		return fail(err, size, "'%s' is not an IPv6 address", h->host);
	h->ipv6 = true;
	return 0;
}

static bool named(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && !strncasecmp(p, name, n);
}

/* One ;name=value of N bytes, without the semicolon. */
static int host_param(struct target_host *h, const char *p, size_t n, char *err,
		      size_t size)
{
	static const char *const moving[] = {"maddr", "ttl",	  "method",
					     "lr",    "received", "rport"};
	const char *eq = memchr(p, '=', n);
	size_t name = eq ? (size_t)(eq - p) : n;
	const char *value = eq ? eq + 1 : p + n;
	size_t value_len = (size_t)(p + n - value);
	size_t used = strlen(h->params);

	for (size_t i = 0; i < n; i++) {
		if (!alnum(p[i]) && !in("-.!%*_+~=", p[i]))
			return fail(err, size, "a parameter is malformed");
	}
	if (name == 0 || (eq && value_len == 0))
		return fail(err, size, "a parameter is malformed");
	if (eq && memchr(value, '=', value_len))
		return fail(err, size, "a parameter is malformed");
	for (size_t i = 0; i < ARRAY_SIZE(moving); i++) {
		if (named(p, name, moving[i]))
			return fail(err, size,
				    "the parameter '%s' may not be "
				    "given",
				    moving[i]);
	}
	if (named(p, name, "transport")) {
		if (named(value, value_len, "tls"))
			h->secure = true;
		else if (!named(value, value_len, "udp") &&
			 !named(value, value_len, "tcp"))
			return fail(err, size,
				    "the transport is none of udp, "
				    "tcp, tls");
	}
	if (used + n + 2 > sizeof(h->params))
		return fail(err, size, "the parameters are too long");
	(void)snprintf(h->params + used, sizeof(h->params) - used, ";%.*s",
		       (int)n, p);
	return 0;
}

static int host_port(struct target_host *h, const char **pp, char *err,
		     size_t size)
{
	const char *p = *pp;
	unsigned long port = 0;
	size_t n = strspn(p, digits);

	for (size_t i = 0; i < n && i < 6; i++)
		port = port * 10 + (unsigned long)(p[i] - '0');
	if (n == 0 || n > 5 || port == 0 || port > 65535)
		return fail(err, size, "the port is not in 1 to 65535");
	h->port = (uint16_t)port;
	*pp = p + n;
	return 0;
}

int target_host_parse(struct target_host *out, const char *text, char *err,
		      size_t size)
{
	struct target_host h = {.port = 0};
	const char *p = text;
	int e;

	if (*p == '[') {
		size_t n = strcspn(p, "]");

		if (!p[n])
			return fail(err, size, "']' is missing");
		e = host_ipv6(&h, p + 1, n - 1, err, size);
		p += n + 1;
	} else {
		size_t n = strcspn(p, ":;");

		e = host_name(&h, p, n, err, size);
		p += n;
	}
	if (!e && *p == ':') {
		p++;
		e = host_port(&h, &p, err, size);
	}
	while (!e && *p == ';') {
		size_t n = strcspn(++p, ";");

		e = host_param(&h, p, n, err, size);
		p += n;
	}
	if (!e && *p)
		e = fail(err, size, "what follows the host is malformed");
	if (!e)
		*out = h;
	return e;
}

int target_host_print(const struct target_host *h, char *out, size_t size)
{
	char port[8] = "";
	int n;

	if (h->port)
		(void)snprintf(port, sizeof(port), ":%u", h->port);
	n = snprintf(out, size, "%s%s%s%s%s", h->ipv6 ? "[" : "", h->host,
		     h->ipv6 ? "]" : "", port, h->params);
	return n < 0 || (size_t)n >= size ? EOVERFLOW : 0;
}

/* ---- URIs ------------------------------------------------------------- */

/* RFC 3261's user, without what delimits elsewhere; escapes of controls are
 * refused because some peers unescape before they check. */
static int uri_user(struct target *t, const char *p, size_t n, char *err,
		    size_t size)
{
	if (n == 0)
		return fail(err, size, "there is no user before '@'");
	if (n >= sizeof(t->user))
		return fail(err, size, "the user is too long");
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '%') {
			unsigned c = 0;

			if (i + 2 >= n)
				return fail(err, size, "an escape is cut off");
			if (!isxdigit((unsigned char)p[i + 1]) ||
			    !isxdigit((unsigned char)p[i + 2]))
				return fail(err, size,
					    "an escape is malformed");
			(void)sscanf(p + i + 1, "%2x", &c);
			if (c < 0x20 || c == 0x7f)
				return fail(err, size,
					    "the user holds an "
					    "escaped control "
					    "character");
			i += 2;
			continue;
		}
		if (!alnum(p[i]) && !in("-_.!~*'()&=+$,#", p[i]))
			return fail(err, size,
				    "character %zu of the user is not allowed",
				    i + 1);
	}
	memcpy(t->user, p, n);
	t->user[n] = '\0';
	return 0;
}

static int uri_parse(struct target *t, const char *p, bool sips, char *err,
		     size_t size)
{
	const char *at = strchr(p, '@');
	struct target_host h;
	char hostport[256];
	int n, e = 0;

	if (at && strchr(at + 1, '@'))
		return fail(err, size, "there is more than one '@'");
	if (at)
		e = uri_user(t, p, (size_t)(at - p), err, size);
	if (e)
		return e;
	e = target_host_parse(&h, at ? at + 1 : p, err, size);
	if (e)
		return e;
	if (target_host_print(&h, hostport, sizeof(hostport)))
		return fail(err, size, "the URI is too long");

	/* '#' is on every keypad, but not in a URI's user (RFC 3261 25.1) */
	char user[sizeof(t->user) * 3];
	size_t used = 0;

	for (const char *c = t->user; *c; c++) {
		if (*c == '#') {
			memcpy(user + used, "%23", 3);
			used += 3;
		} else {
			user[used++] = *c;
		}
	}
	user[used] = '\0';
	n = snprintf(t->uri, sizeof(t->uri), "%s:%s%s%s", sips ? "sips" : "sip",
		     user, at ? "@" : "", hostport);
	if (n < 0 || (size_t)n >= sizeof(t->uri))
		return fail(err, size, "the URI is too long");
	memcpy(t->host, h.host, sizeof(t->host));
	t->secure = sips || h.secure;
	t->type = TARGET_URI;
	return 0;
}

/* ---- targets ---------------------------------------------------------- */

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncasecmp(text, prefix, n) ? NULL : text + n;
}

/* NAME/NUMBER */
static int behind(struct target *t, enum target_type type, const char *p,
		  char *err, size_t size)
{
	size_t n = strcspn(p, "/");
	char name[sizeof(t->name)];

	if (!p[n])
		return fail(err, size, "'/' and a number are missing");
	if (n >= sizeof(name))
		return fail(err, size, "the name is too long");
	memcpy(name, p, n);
	name[n] = '\0';
	if (!n)
		return fail(err, size, "there is no name before '/'");
	t->type = type;
	return user_name(t->name, sizeof(t->name), name, err, size)
		       ? EINVAL
		       : target_number(t->number, sizeof(t->number), p + n + 1,
				       true, err, size);
}

int target_parse(struct target *target, const char *text, char *err,
		 size_t size)
{
	struct target t = {.type = TARGET_NUMBER};
	const char *p;
	int e;

	if (!text || !*text)
		return fail(err, size, "there is no target");
	for (p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			return fail(err, size,
				    "character %zu of the target is not "
				    "printable ASCII",
				    (size_t)(p - text) + 1);
	}
	if ((p = after(text, "sip:"))) {
		e = uri_parse(&t, p, false, err, size);
	} else if ((p = after(text, "sips:"))) {
		e = uri_parse(&t, p, true, err, size);
	} else if ((p = after(text, "trunk:"))) {
		e = behind(&t, TARGET_TRUNK, p, err, size);
	} else if ((p = after(text, "account:"))) {
		e = behind(&t, TARGET_ACCOUNT, p, err, size);
	} else if ((p = after(text, "endpoint:"))) {
		t.type = TARGET_ENDPOINT;
		e = *p ? user_name(t.name, sizeof(t.name), p, err, size)
		       : fail(err, size, "there is no name");
	} else {
		p = after(text, "tel:");
		e = target_number(t.number, sizeof(t.number), p ? p : text,
				  false, err, size);
	}
	if (!e)
		*target = t;
	return e;
}

bool target_is_loopback(const char *host)
{
	struct sa sa;

	if (!strcasecmp(host, "localhost"))
		return true;
	if (sa_set_str(&sa, host, 0))
		return false;
	if (sa_af(&sa) == AF_INET) /* all of 127.0.0.0/8 */
		return sa_in(&sa) >> 24 == 127;
	return sa_is_loopback(&sa);
}

bool target_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	/* back to the last star only: linear in practice, never exponential */
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (tolower((unsigned char)*pattern) ==
			   tolower((unsigned char)*text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
