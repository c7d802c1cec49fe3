/* log.c -- lines to a descriptor, each by one write(2) */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

METRIC(log_lines_lost, "log lines that could not be written");

enum {
	ON_STACK = 1024,     /* messages longer than this are allocated */
	LONGEST = 64 * 1024, /* and longer than this are cut */
	HEAD_SIZE = 96,
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static _Atomic int min_level = LOG_INFO;
static _Atomic int out_fd = STDERR_FILENO;

void log_set_level(enum log_level level)
{
	atomic_store(&min_level, (int)level);
}

bool log_enabled(enum log_level level)
{
	return (int)level >=
	       atomic_load_explicit(&min_level, memory_order_relaxed);
}

bool log_level_parse(enum log_level *level, const char *name)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (!strcasecmp(name, level_names[i])) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void log_set_fd(int fd)
{
	atomic_store(&out_fd, fd);
}

/* The length of the UTF-8 character at S that may stand in a line; 0 for a
 * control character (C0, DEL, C1) and for what is not UTF-8. */
static size_t printable(const unsigned char *s, size_t left)
{
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls, overlong forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
	    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* Copies TEXT to OUT, which has room for four times its length. */
static size_t escape(char *out, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	char *p = out;

	while (len) {
		size_t n = printable(s, len);

		if (n) {
			memcpy(p, s, n);
			p += n;
		} else {
			*p++ = '\\';
			*p++ = 'x';
			*p++ = hex[*s >> 4];
			*p++ = hex[*s & 15];
			n = 1;
		}
		s += n;
		len -= n;
	}
	return (size_t)(p - out);
}

static size_t format_head(char head[HEAD_SIZE], enum log_level level,
			  const char *id)
{
	int64_t now_ms = clock_wall_ms();
	time_t sec = (time_t)(now_ms / 1000);
	struct tm tm;
	size_t n;

	localtime_r(&sec, &tm);
	n = strftime(head, HEAD_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	return n + (size_t)snprintf(head + n, HEAD_SIZE - n,
				    ".%03d %-5s %.32s ", (int)(now_ms % 1000),
				    level_names[level], id && *id ? id : "-");
}

static void put_line(const char *line, size_t len)
{
	int fd = atomic_load_explicit(&out_fd, memory_order_relaxed);

	while (len) {
		ssize_t n = write(fd, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* Nobody to tell; and never wait for a full pipe that
			 * was made non-blocking. */
			metric_add(&log_lines_lost, 1);
			return;
		}
		line += n;
		len -= (size_t)n;
	}
}

static void write_line(enum log_level level, const char *id, const char *text,
		       size_t len)
{
	char stack[HEAD_SIZE + 4 * ON_STACK + 1];
	char *line = stack;
	size_t n;

	if (len > ON_STACK) {
		line = malloc(HEAD_SIZE + 4 * len + 1);
		if (!line) {
			line = stack;
			len = ON_STACK;
		}
	}
	n = format_head(line, level, id);
	n += escape(line + n, text, len);
	line[n++] = '\n';
	put_line(line, n);
	if (line != stack)
		free(line);
}

void log_vwrite(enum log_level level, const char *id, const char *fmt,
		va_list ap)
{
	const int saved_errno = errno;
	char stack[ON_STACK];
	char *text = stack;
	va_list again;
	int len;

	if (!log_enabled(level))
		return;
	va_copy(again, ap);
	len = vsnprintf(stack, sizeof(stack), fmt, ap);
	if (len < 0) {
		len = snprintf(stack, sizeof(stack), "(unprintable: %s)", fmt);
	} else if (len >= ON_STACK) {
		if (len > LONGEST)
			len = LONGEST;
		text = malloc((size_t)len + 1);
		if (text)
			vsnprintf(text, (size_t)len + 1, fmt, again);
		else
			text = stack;
	}
	if (text == stack && len >= ON_STACK)
		len = ON_STACK - 1;
	va_end(again);

	/* A line ends once. */
	while (len && text[len - 1] == '\n')
		len--;
	write_line(level, id, text, (size_t)len);
	if (text != stack)
		free(text);
	errno = saved_errno;
}

void log_write(enum log_level level, const char *id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, id, fmt, ap);
	va_end(ap);
}

/* True when one more line may pass; LEFT_OUT: how many before it did not. */
static bool limit_pass(struct log_limit *limit, uint32_t *left_out)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	const uint64_t now_ms = clock_mono_ms();
	bool pass;

	pthread_mutex_lock(&mutex);
	if (!limit->since_ms || now_ms - limit->since_ms >= limit->period_ms) {
		limit->since_ms = now_ms;
		limit->written = 0;
	}
	pass = limit->written < limit->burst;
	if (pass) {
		limit->written++;
		*left_out = limit->left_out;
		limit->left_out = 0;
	} else {
		limit->left_out++;
	}
	pthread_mutex_unlock(&mutex);
	return pass;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *id,
		 const char *fmt, ...)
{
	uint32_t left_out;
	va_list ap;

	if (!log_enabled(level) || !limit_pass(limit, &left_out))
		return;
	if (left_out)
		log_write(level, id, "(%u like the next left out)", left_out);
	va_start(ap, fmt);
	log_vwrite(level, id, fmt, ap);
	va_end(ap);
}
