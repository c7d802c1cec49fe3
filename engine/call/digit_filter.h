/* digit_filter.h -- the same key by RFC 4733 and by INFO is one digit
 *
 * Some phones send both. A digit by one means is dropped when the same digit
 * came by the other means within DIGIT_DOUBLE_MS (plus the longer of the two
 * durations: one side may report at the key's press, the other at its release)
 * and has not been the partner of a digit before. So fast repetition of one
 * key survives: each press has exactly one partner. A phone that uses one
 * means only is never filtered. A value; belongs to its call.
 */
#ifndef MOONDIAL_CALL_DIGIT_FILTER_H
#define MOONDIAL_CALL_DIGIT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum { DIGIT_DOUBLE_MS = 300, DIGIT_FILTER_KEPT = 8 };

enum digit_means { DIGIT_RFC4733, DIGIT_INFO };

struct digit_filter {
	struct {
		char digit; /* 0: free, or has had its partner */
		enum digit_means means;
		uint64_t at_ms;
		uint32_t duration_ms;
	} kept[DIGIT_FILTER_KEPT];
	unsigned next;
};

/* Whether this digit counts. NOW_MS: monotonic. */
bool digit_filter_pass(struct digit_filter *filter, enum digit_means means,
		       char digit, uint32_t duration_ms, uint64_t now_ms);

#endif
