#include "script/record_path.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { VALUE_MAX = 256 };

__attribute__((format(printf, 4, 5))) static const char *
fail(char *err, size_t size, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err, size, fmt, ap);
	va_end(ap);
	return code;
}

/* What came from the wire may name a file, never a folder. */
static size_t put_clean(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		const unsigned char c = (unsigned char)*text;
		const bool keep = isalnum(c) || c == '-' || c == '_' ||
				  c == '+' || (c == '.' && n > 0);

		out[n++] = '_';
		if (keep)
			out[n - 1] = *text;
	}
	out[n] = '\0';
	return n;
}

static const char *value_of(const struct cdr *cdr, const char *name, size_t n,
			    char time[CLOCK_ISO_SIZE])
{
	const struct {
		const char *name, *value;
	} values[] = {
		{"id", cdr->id},
		{"from", cdr->from_user},
		{"to", cdr->to_user},
		{"time", time},
		{"date", NULL},
		{"account", cdr->account},
		{"campaign", cdr->campaign},
		{"lead", cdr->lead_id},
	};

	(void)clock_iso(time, clock_wall_ms());
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (strlen(values[i].name) != n ||
		    strncmp(values[i].name, name, n) != 0)
			continue;
		if (!strcmp(values[i].name, "date")) {
			time[10] = '\0';
			return time;
		}
		return values[i].value ? values[i].value : "";
	}
	return NULL;
}

static bool leaves(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return true;
	}
	return false;
}

const char *record_path(const struct scripts *host, const struct cdr *cdr,
			const char *file, char path[PATH_MAX], size_t *root,
			char *err, size_t size)
{
	size_t n = (size_t)snprintf(path, PATH_MAX, "%s/",
				    host->config.recordings_dir
					    ? host->config.recordings_dir
					    : "recordings");
	const size_t begin = n;
	char time[CLOCK_ISO_SIZE];

	if (*file == '/')
		return fail(err, size, "forbidden",
			    "file '%.80s' must be relative to the folder of "
			    "recordings",
			    file);
	while (*file && n + VALUE_MAX + 44 < PATH_MAX) {
		const char *end = *file == '{' ? strchr(file, '}') : NULL;
		const char *value;

		if (!end) {
			path[n++] = *file++;
			continue;
		}
		value = value_of(cdr, file + 1, (size_t)(end - file - 1), time);
		if (!value)
			return fail(err, size, "usage",
				    "file: {%.*s} is none of {id}, {from}, "
				    "{to}, {time}, {date}, {account}, "
				    "{campaign}, {lead}",
				    (int)(end - file - 1), file + 1);
		n += put_clean(path + n, VALUE_MAX, value);
		file = end + 1;
	}
	path[n] = '\0';
	if (*file || n == begin)
		return fail(err, size, "usage", "not a file name");
	if (leaves(path + begin))
		return fail(err, size, "forbidden",
			    "file lies outside the folder of recordings");
	if (n < 4 || strcasecmp(path + n - 4, ".wav") != 0)
		memcpy(path + n, ".wav", 5);
	*root = begin - 1;
	return NULL;
}
