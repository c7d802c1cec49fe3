#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/engine.h"

const char *engine_share(const char *what, char *out, size_t size)
{
	const char *env = getenv("MOONDIAL_SHARE");
	char exe[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	/* from build/<preset>/moondial, from bin/moondial */
	static const char *const up[] = {"../..", "../share/moondial"};

	if (env) {
		(void)snprintf(out, size, "%s/%s", env, what);
		return access(out, R_OK) ? NULL : out;
	}
	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
		(void)snprintf(out, size, "%s/%s/%s", exe, up[i], what);
		if (!access(out, R_OK))
			return out;
	}
	return NULL;
}
