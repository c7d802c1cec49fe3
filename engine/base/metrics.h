/* metrics.h -- named counters that any room defines and `status` prints
 *
 *   METRIC(rtp_dropped, "RTP packets from an address that is not the peer's");
 *   metric_add(&rtp_dropped, 1);
 */
#ifndef MOONDIAL_BASE_METRICS_H
#define MOONDIAL_BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

struct metric {
	const char *name, *help;
	_Atomic uint64_t value;
	struct metric *next;
};

void metric_register(struct metric *metric);

#define METRIC(name_, help_)                                            \
	static struct metric name_ = {.name = #name_, .help = (help_)}; \
	__attribute__((constructor)) static void name_##_register(void) \
	{                                                               \
		metric_register(&name_);                                \
	}

static inline void metric_add(struct metric *metric, uint64_t n)
{
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

/* Calls FN for each, in alphabetical order of names. */
typedef void(metric_h)(const char *name, const char *help, uint64_t value,
		       void *arg);
void metric_each(metric_h *fn, void *arg);

#endif
