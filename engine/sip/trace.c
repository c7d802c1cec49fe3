/* trace.c -- every SIP message in the log, without its secrets */
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "sip/trace.h"

enum { LINE_MAX_SHOWN = 1024 };

/* Stars over the value after KEY, up to its closing quote or a separator. */
static void mask_value(char *line, const char *key)
{
	for (char *p = line; (p = strcasestr(p, key)) != NULL;) {
		char end;

		p += strlen(key);
		while (*p == ' ' || *p == '\t' || *p == '=')
			p++;
		end = *p == '"' ? '"' : ',';
		if (*p == '"')
			p++;
		while (*p && *p != end && (end == '"' || *p != ' '))
			*p++ = '*';
	}
}

void trace_mask(char *line)
{
	static const char *const names[] = {"Authorization:",
					    "Proxy-Authorization:"};
	char *colon = strchr(line, ':');

	if (!strncasecmp(line, "a=crypto", 8)) {
		char *key = strcasestr(line, "inline:");

		for (key = key ? key + 7 : NULL; key && *key && *key != ' ';)
			*key++ = '*';
		return;
	}
	for (size_t i = 0; colon && i < ARRAY_SIZE(names); i++) {
		char *value = colon + 1;
		const size_t len = strlen(names[i]) - 1;

		if (strncasecmp(line, names[i], len) != 0 ||
		    strspn(line + len, " \t") != (size_t)(colon - line) - len)
			continue;
		value += strspn(value, " \t");
		if (!strncasecmp(value, "Digest", 6)) {
			mask_value(value, "response");
		} else {
			for (value += strcspn(value, " "); *value; value++) {
				if (*value != ' ')
					*value = '*';
			}
		}
		return;
	}
}

static void log_line(const uint8_t *p, size_t len, bool *credentials)
{
	char line[LINE_MAX_SHOWN];
	const size_t shown = len < sizeof(line) - 1 ? len : sizeof(line) - 1;

	memcpy(line, p, shown);
	line[shown] = '\0';
	for (size_t i = 0; i < shown; i++) {
		if (!line[i])
			line[i] = '.';
	}
	/* A folded line goes on with the header before it. */
	if (*credentials && (line[0] == ' ' || line[0] == '\t')) {
		mask_value(line, "response");
	} else {
		*credentials = !strncasecmp(line, "Authorization", 13) ||
			       !strncasecmp(line, "Proxy-Authorization", 19);
		trace_mask(line);
	}
	log_write(LOG_INFO, NULL, "  | %s%s", line, shown < len ? " …" : "");
}

void trace_message(bool tx, enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, const uint8_t *pkt, size_t len,
		   void *arg)
{
	char head[160];
	bool credentials = false;
	size_t at = 0;
	(void)arg;

	(void)re_snprintf(head, sizeof(head), "sip %s %s %J -> %J, %zu bytes",
			  tx ? "sent" : "received", sip_transp_name(tp), src,
			  dst, len);
	log_write(LOG_INFO, NULL, "%s", head);
	while (at < len) {
		const uint8_t *end = memchr(pkt + at, '\n', len - at);
		size_t n = end ? (size_t)(end - pkt) - at : len - at;
		size_t next = at + n + 1;

		if (n && pkt[at + n - 1] == '\r')
			n--;
		log_line(pkt + at, n, &credentials);
		at = next;
	}
}
