/* fuzz_info_dtmf.c -- the body of an INFO request as a digit, both types
 *
 * The input's first byte says which type. What was read, printed again and
 * read again, is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "call/info_dtmf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void again(char digit, uint32_t duration_ms)
{
	const struct pl type = PL("application"), relay = PL("dtmf-relay");
	char text[INFO_DTMF_SIZE], digit2 = 0;
	uint32_t duration2_ms = 0;
	struct pl body;

	info_dtmf_print(text, digit, duration_ms);
	pl_set_str(&body, text);
	require(!info_dtmf_parse(&type, &relay, &body, &digit2, &duration2_ms));
	require(digit2 == digit && duration2_ms == duration_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct pl type = PL("application");
	struct pl subtype, body;
	uint32_t duration_ms = 0;
	char digit = 0;

	if (!size)
		return 0;
	pl_set_str(&subtype, bytes[0] & 1 ? "dtmf" : "dtmf-relay");
	body.p = (const char *)bytes + 1;
	body.l = size - 1;
	if (info_dtmf_parse(&type, &subtype, &body, &digit, &duration_ms))
		return 0;
	require(digit && strchr("0123456789*#ABCD", digit));
	require(duration_ms && duration_ms <= INFO_DTMF_MS_MAX);
	again(digit, duration_ms);
	return 0;
}
