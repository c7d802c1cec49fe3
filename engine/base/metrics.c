/* metrics.c -- a sorted list of counters */
#include <pthread.h>
#include <string.h>
#include "base/metrics.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct metric *first;

void metric_register(struct metric *metric)
{
	struct metric **p;

	pthread_mutex_lock(&mutex);
	for (p = &first; *p; p = &(*p)->next)
		if (strcmp(metric->name, (*p)->name) < 0)
			break;
	metric->next = *p;
	*p = metric;
	pthread_mutex_unlock(&mutex);
}

void metric_each(metric_h *fn, void *arg)
{
	const struct metric *metric;

	pthread_mutex_lock(&mutex);
	metric = first;
	pthread_mutex_unlock(&mutex);

	/* Without the lock, so that FN may do as it likes: metrics are never
	 * taken out. */
	for (; metric; metric = metric->next)
		fn(metric->name, metric->help,
		   atomic_load_explicit(&metric->value, memory_order_relaxed),
		   arg);
}
