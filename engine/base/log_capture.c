/* log_capture.c -- what libraries print to the C stream stderr, as log lines
 *
 * The stream is replaced, not the descriptor: sanitizers and the C library's
 * last words write to descriptor 2 itself and still arrive there.
 *
 * libre colours its debug lines (dbg.c), which tells their level: red is a
 * warning, yellow a notice, green information. What it prints without colour
 * (a message that could not be decoded) a stranger can cause at will; it is
 * worth a warning, but a limited one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"

enum {
	LINE_SIZE = 1024,
	BURST = 20,
	PERIOD_MS = 10000,
};

/* The stream's lock guards it: write functions are called under that. */
static struct {
	char line[LINE_SIZE];
	size_t len;
	enum log_level level;
	char colour[8]; /* of the escape sequence being read */
	size_t colour_len;
	bool escape;
} capture = {.level = LOG_WARN};

static void put_line(void)
{
	static struct log_limit warnings = LOG_LIMIT(BURST, PERIOD_MS);
	static struct log_limit others = LOG_LIMIT(BURST, PERIOD_MS);

	if (capture.len)
		log_limited(capture.level == LOG_WARN ? &warnings : &others,
			    capture.level, NULL, "%.*s", (int)capture.len,
			    capture.line);
	capture.len = 0;
}

static void end_colour(void)
{
	capture.colour[capture.colour_len] = '\0';
	if (!strcmp(capture.colour, "33"))
		capture.level = LOG_INFO;
	else if (!strcmp(capture.colour, "32"))
		capture.level = LOG_DEBUG;
	else
		capture.level = LOG_WARN;
	capture.escape = false;
}

static void put_char(char c)
{
	if (capture.escape) {
		if (c == 'm')
			end_colour();
		else if (c != '[' &&
			 capture.colour_len < sizeof(capture.colour) - 1)
			capture.colour[capture.colour_len++] = c;
		else if (c != '[')
			capture.escape = false; /* no colour, whatever it is */
	} else if (c == '\x1b') {
		capture.escape = true;
		capture.colour_len = 0;
	} else if (c == '\n') {
		put_line();
	} else if (c != '\r') {
		if (capture.len == LINE_SIZE)
			put_line();
		capture.line[capture.len++] = c;
	}
}

static ssize_t on_write(void *cookie, const char *buf, size_t size)
{
	(void)cookie;
	for (size_t i = 0; i < size; i++)
		put_char(buf[i]);
	return (ssize_t)size;
}

void log_capture_stderr(void)
{
	static FILE *stream;

	if (stream)
		return;
	stream = fopencookie(NULL, "w",
			     (cookie_io_functions_t){.write = on_write});
	if (!stream) {
		log_warn(NULL, "standard error is not captured: %m");
		return;
	}
	setvbuf(stream, NULL, _IOLBF, LINE_SIZE);
	stderr = stream;
}
