/* body.c -- the session description in a message's body */
#include <string.h>
#include "sip/body.h"

enum { BOUNDARY_MAX = 70 }; /* RFC 2046 5.1.1 */

static int copy(struct mbuf **sdp, const char *p, size_t len)
{
	struct mbuf *mb = mbuf_alloc(len ? len : 1);

	if (!mb)
		return ENOMEM;
	if (len && mbuf_write_mem(mb, (const uint8_t *)p, len)) {
		mem_deref(mb);
		return ENOMEM;
	}
	mb->pos = 0;
	*sdp = mb;
	return 0;
}

static const char *find(const char *p, const char *end, const char *what,
			size_t len)
{
	return p < end ? memmem(p, (size_t)(end - p), what, len) : NULL;
}

/* Whether the header lines of a part say that it is SDP. */
static bool part_is_sdp(const char *p, const char *end)
{
	struct pl value;

	return !re_regex(p, (size_t)(end - p),
			 "Content-Type[ \t]*:[ \t]*application/sdp", NULL,
			 NULL) ||
	       !re_regex(p, (size_t)(end - p), "c[ \t]*:[ \t]*application/sdp",
			 NULL, &value);
}

/* Walk the parts of a multipart body (RFC 2046 5.1.1). A part that ends with
 * the message instead of a delimiter is cut short: broken. */
static int multipart(struct mbuf **sdp, const char *p, size_t len,
		     const struct pl *boundary)
{
	char delimiter[BOUNDARY_MAX + 3];
	const char *end = p + len;
	const size_t dlen = boundary->l + 2;

	if (!boundary->l || boundary->l > BOUNDARY_MAX)
		return EBADMSG;
	(void)re_snprintf(delimiter, sizeof(delimiter), "--%r", boundary);

	p = find(p, end, delimiter, dlen);
	if (!p)
		return EBADMSG;
	for (;;) {
		const char *head = p + dlen, *body, *next;

		if (end - head >= 2 && !memcmp(head, "--", 2))
			return ENOTSUP; /* the last delimiter */
		next = find(head, end, delimiter, dlen);
		if (!next)
			return EBADMSG;
		body = find(head, next, "\r\n\r\n", 4);
		if (body && part_is_sdp(head, body)) {
			const char *stop = next;

			body += 4;
			if (stop - body >= 2 && !memcmp(stop - 2, "\r\n", 2))
				stop -= 2;
			return copy(sdp, body,
				    stop > body ? (size_t)(stop - body) : 0);
		}
		p = next;
	}
}

int body_sdp(struct mbuf **sdp, const struct sip_msg *msg)
{
	const struct sip_hdr *encoding;
	const char *p;
	size_t len;

	*sdp = NULL;
	if (!msg || !msg->mb || !mbuf_get_left(msg->mb))
		return 0;
	p = (const char *)mbuf_buf(msg->mb);
	len = mbuf_get_left(msg->mb);

	encoding = sip_msg_hdr(msg, SIP_HDR_CONTENT_ENCODING);
	if (encoding && pl_strcasecmp(&encoding->val, "identity"))
		return ENOTSUP;
	if (msg_ctype_cmp(&msg->ctyp, "application", "sdp"))
		return copy(sdp, p, len);
	if (pl_isset(&msg->ctyp.type) &&
	    !pl_strcasecmp(&msg->ctyp.type, "multipart")) {
		struct pl boundary;

		if (msg_param_decode(&msg->ctyp.params, "boundary", &boundary))
			return EBADMSG;
		return multipart(sdp, p, len, &boundary);
	}
	return ENOTSUP;
}
