/* log.h -- one line an event, from any thread
 *
 *   2026-11-21 09:25:00.123 info  01JD… call answered after 2.1 s
 *
 * time, level, call id (or "-"), message. Control characters in a message are
 * written as \xNN, and so is what is not UTF-8: nothing that came from the wire
 * can forge a line.
 */
#ifndef MOONDIAL_BASE_LOG_H
#define MOONDIAL_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What is below LEVEL is not written. Default: LOG_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* "debug", "info", "warn", "error" → level; false when it is none of them. */
bool log_level_parse(enum log_level *level, const char *name);

/* Write to FD instead of standard error (2). */
void log_set_fd(int fd);

/* ID: the call's id, or NULL. FMT as printf. */
void log_write(enum log_level level, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_vwrite(enum log_level level, const char *id, const char *fmt,
		va_list ap) __attribute__((format(printf, 3, 0)));

#define log_debug(id, ...)                                       \
	do {                                                     \
		if (log_enabled(LOG_DEBUG))                      \
			log_write(LOG_DEBUG, (id), __VA_ARGS__); \
	} while (0)
#define log_info(id, ...)  log_write(LOG_INFO, (id), __VA_ARGS__)
#define log_warn(id, ...)  log_write(LOG_WARN, (id), __VA_ARGS__)
#define log_error(id, ...) log_write(LOG_ERROR, (id), __VA_ARGS__)

/* At most BURST lines in PERIOD_MS; a line before the next one let through
 * tells how many were left out. Make it static beside the message it guards;
 * for messages that a stranger can cause at will. */
struct log_limit {
	uint32_t burst, period_ms;
	uint64_t since_ms;
	uint32_t written, left_out;
};
#define LOG_LIMIT(burst_, period_ms_)                        \
	{                                                    \
		.burst = (burst_), .period_ms = (period_ms_) \
	}
void log_limited(struct log_limit *limit, enum log_level level, const char *id,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Send what libraries print to the C stream stderr (libre does) to the log,
 * line by line, rate-limited. Once, at start. */
void log_capture_stderr(void);

#endif
