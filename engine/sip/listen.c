/* listen.c -- listen addresses as text, and a free port when none is named */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sip/listen.h"

bool stack_listen_parse(struct stack_listen *listen, const char *text,
			char *err, size_t size)
{
	struct pl tp, host, rest, digits = PL_INIT;
	struct stack_listen parsed = {.tp = SIP_TRANSP_NONE};
	const char *colon = text ? strchr(text, ':') : NULL;
	uint32_t port = SIP_PORT;

	if (!colon) {
		(void)re_snprintf(err, size,
				  "'%s': expected udp:ADDRESS[:PORT] or "
				  "tcp:ADDRESS[:PORT]",
				  text ? text : "");
		return false;
	}
	tp = (struct pl){.p = text, .l = (size_t)(colon - text)};
	if (!pl_strcasecmp(&tp, "udp"))
		parsed.tp = SIP_TRANSP_UDP;
	else if (!pl_strcasecmp(&tp, "tcp"))
		parsed.tp = SIP_TRANSP_TCP;
	else {
		(void)re_snprintf(err, size,
				  "'%s': unknown transport '%r'; expected udp "
				  "or tcp",
				  text, &tp);
		return false;
	}

	pl_set_str(&rest, colon + 1);
	if (rest.l && rest.p[0] == '[') {
		const char *end = memchr(rest.p, ']', rest.l);

		if (!end)
			goto address;
		host = (struct pl){.p = rest.p + 1,
				   .l = (size_t)(end - rest.p) - 1};
		pl_advance(&rest, (ssize_t)host.l + 2);
	} else {
		const char *end = memchr(rest.p, ':', rest.l);

		host = rest;
		if (end)
			host.l = (size_t)(end - rest.p);
		pl_advance(&rest, (ssize_t)host.l);
	}
	if (rest.l) {
		digits = rest;
		pl_advance(&digits, 1);
		port = pl_u32(&digits);
		if (rest.p[0] != ':' || !digits.l || digits.l > 5 ||
		    port > 65535 ||
		    strspn(digits.p, "0123456789") != digits.l) {
			(void)re_snprintf(err, size,
					  "'%s': '%r' is no port (0 to 65535)",
					  text, &rest);
			return false;
		}
	}
	if (sa_set(&parsed.addr, &host, (uint16_t)port))
		goto address;
	*listen = parsed;
	return true;

address:
	(void)re_snprintf(err, size,
			  "'%s': expected a numeric address, as in "
			  "udp:192.0.2.1:5060 or tcp:[::1]:5060",
			  text);
	return false;
}

/* libre doesn't tell which port it was given when several listeners share a
 * family, so the port is found out first. */
int listen_free_port(struct stack_listen *listen)
{
	const int type =
		listen->tp == SIP_TRANSP_UDP ? SOCK_DGRAM : SOCK_STREAM;
	struct sa addr = listen->addr;
	int err = 0;
	int fd;

	fd = socket(sa_af(&addr), type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (bind(fd, &addr.u.sa, addr.len) < 0) {
		err = errno;
	} else {
		addr.len = sizeof(addr.u);
		if (getsockname(fd, &addr.u.sa, &addr.len) < 0)
			err = errno;
		else
			sa_set_port(&listen->addr, sa_port(&addr));
	}
	close(fd);
	return err;
}

/* libre doesn't listen to a wildcard address, and would write it into Via and
 * Contact: its addresses are listened to one by one. Link-local ones, which
 * mean nothing without an interface, are left out. */
int listen_expand(struct stack_listen *out, size_t *count,
		  const struct stack_listen *listen)
{
	struct stack_listen one = *listen;
	struct ifaddrs *all = NULL;
	size_t n = 0;
	int err = 0;

	if (!sa_is_any(&listen->addr)) {
		if (!*count)
			return EOVERFLOW;
		out[0] = one;
		*count = 1;
		return 0;
	}
	if (!sa_port(&one.addr))
		err = listen_free_port(&one);
	if (!err && getifaddrs(&all))
		err = errno;
	for (struct ifaddrs *i = all; i && !err; i = i->ifa_next) {
		struct sa addr;

		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
		    i->ifa_addr->sa_family != sa_af(&one.addr) ||
		    sa_set_sa(&addr, i->ifa_addr) || sa_is_linklocal(&addr))
			continue;
		if (n == *count) {
			err = EOVERFLOW;
			break;
		}
		sa_set_port(&addr, sa_port(&one.addr));
		out[n++] = (struct stack_listen){
			.tp = one.tp, .addr = addr, .by_wildcard = true};
	}
	if (all)
		freeifaddrs(all);
	if (!err && !n)
		err = EADDRNOTAVAIL;
	*count = n;
	return err;
}
