/* fuzz_target.c -- where a script, a lead or a trunk's hosts want to call
 *
 * What is taken must be fit to stand in a Request-URI: nothing that could
 * begin a line, end the URI or add a parameter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "call/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void harmless(const char *text, const char *bad)
{
	for (const char *p = text; *p; p++)
		require((unsigned char)*p > ' ' && (unsigned char)*p != 0x7f &&
			!strchr(bad, *p));
}

static void as_target(const char *text)
{
	struct target target;
	char err[256] = "";

	if (target_parse(&target, text, err, sizeof(err))) {
		require(*err);
		return;
	}
	if (target.type == TARGET_URI) {
		harmless(target.uri, "<>\"");
		require(*target.host);
		harmless(target.host, "<>\"@;?[]/");
		(void)target_is_loopback(target.host);
	} else if (target.type != TARGET_ENDPOINT) {
		require(*target.number);
		harmless(target.number, "<>\"@;?:/&=,%");
	}
}

static void as_host(const char *text)
{
	struct target_host host;
	char err[256] = "", out[400];

	if (target_host_parse(&host, text, err, sizeof(err))) {
		require(*err);
		return;
	}
	require(!target_host_print(&host, out, sizeof(out)));
	harmless(out, "<>\"@?");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	require(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	as_target(text);
	as_host(text);
	free(text);
	return 0;
}
