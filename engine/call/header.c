#include "call/header.h"

#include <string.h>
#include <strings.h>

#include "sip/header.h"

/* The line at P: lengths of its name and value, where the next one begins.
 * False when there is no colon or no CRLF. */
static bool split(const char *p, size_t *name, const char **value,
		  size_t *value_len, const char **next)
{
	const char *end = strstr(p, "\r\n");
	const char *colon = strchr(p, ':');

	if (!end || !colon || colon > end)
		return false;
	*name = (size_t)(colon - p);
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t');)
		colon++;
	*value = colon;
	*value_len = (size_t)(end - colon);
	*next = end + 2;
	return true;
}

int headers_set(char **headers, const char *name, const char *value)
{
	const char *p = *headers, *v, *next;
	size_t name_len = name ? strlen(name) : 0, n, v_len;
	struct mbuf *mb;
	char *all = NULL;
	int err = 0;

	if (!name || !value || strpbrk(name, ":\r\n") || strpbrk(value, "\r\n"))
		return EINVAL;
	mb = mbuf_alloc(256);
	if (!mb)
		return ENOMEM;
	for (; p && *p; p = next) {
		if (!split(p, &n, &v, &v_len, &next))
			break;
		if (n != name_len || strncasecmp(p, name, n) != 0)
			err |= mbuf_write_mem(mb, (const uint8_t *)p,
					      (size_t)(next - p));
	}
	err |= mbuf_printf(mb, "%s: %s\r\n", name, value);
	if (!err && mb->end > HEADERS_MAX)
		err = EOVERFLOW;
	if (!err) {
		mb->pos = 0;
		err = mbuf_strdup(mb, &all, mb->end);
	}
	mem_deref(mb);
	if (!err && !headers_ok(all))
		err = EINVAL;
	if (err) {
		mem_deref(all);
		return err;
	}
	mem_deref(*headers);
	*headers = all;
	return 0;
}

int header_of_msg(const struct sip_msg *msg, const char *name, char *out,
		  size_t size)
{
	/* libre's id of a header is this hash; one of a compact name has that
	 * of the long one, and X-… have none */
	const unsigned id = hash_joaat_ci(name, strlen(name)) & 0xfff;
	struct le *le;

	LIST_FOREACH(&msg->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;
		size_t n = 0;

		if (pl_strcasecmp(&hdr->name, name) &&
		    (hdr->name.l > 1 || (unsigned)hdr->id != id))
			continue;
		if (hdr->val.l >= size)
			return EOVERFLOW;
		for (size_t i = 0; i < hdr->val.l; i++) {
			char c = hdr->val.p[i];

			if (c == '\r' || c == '\n' || c == '\0')
				continue; /* the space that follows remains */
			out[n++] = c;
		}
		out[n] = '\0';
		return 0;
	}
	return ENOENT;
}
