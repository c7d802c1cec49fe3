#include "call/digit_filter.h"

bool digit_filter_pass(struct digit_filter *f, enum digit_means means,
		       char digit, uint32_t duration_ms, uint64_t now_ms)
{
	unsigned i;

	/* the oldest first: presses find partners in their order */
	for (unsigned n = 0; n < DIGIT_FILTER_KEPT; n++) {
		uint32_t longer;

		i = (f->next + n) % DIGIT_FILTER_KEPT;
		if (f->kept[i].digit != digit || f->kept[i].means == means)
			continue;
		longer = f->kept[i].duration_ms > duration_ms
				 ? f->kept[i].duration_ms
				 : duration_ms;
		if (now_ms - f->kept[i].at_ms > DIGIT_DOUBLE_MS + longer)
			continue;
		f->kept[i].digit = 0;
		return false;
	}
	i = f->next;
	f->kept[i].digit = digit;
	f->kept[i].means = means;
	f->kept[i].at_ms = now_ms;
	f->kept[i].duration_ms = duration_ms;
	f->next = (i + 1) % DIGIT_FILTER_KEPT;
	return true;
}
