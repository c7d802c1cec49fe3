/* fuzz_config.c -- a configuration file, and --set options
 *
 * The input: lines KEY=VALUE for --set, an empty line, then the file. Values
 * are the subject, so files that compute are left out: Lua itself would only
 * be slow, or eat the memory that the file's owner lets it have.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "app/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { SETS_MAX = 16, FILE_MAX = 8192 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool computes(const char *text)
{
	static const char *const words[] = {"while", "for",	 "repeat",
					    "goto",  "function", "rep",
					    "find",  "match",	 "gsub"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* Cut the --set lines off TEXT; returns the file's part. */
static char *take_sets(char *text, const char *sets[SETS_MAX + 1])
{
	size_t n = 0;
	char *eol;

	while ((eol = strchr(text, '\n')) && eol != text) {
		*eol = '\0';
		if (n < SETS_MAX)
			sets[n++] = text;
		text = eol + 1;
	}
	sets[n] = NULL;
	return eol ? text + 1 : text;
}

static void load(const char *path, const char *const *sets)
{
	struct config *config = NULL;
	char err[1024] = "";
	cJSON *copy;

	if (!config_load(&config, path, sets, err, sizeof(err))) {
		require(*err && !config);
		return;
	}
	require(cJSON_IsObject(config_root(config)));
	for (int i = 0; i < 2; i++)
		cJSON_Delete(config_element(config, i ? "account" : "trunk",
					    NULL, err, sizeof(err)));
	copy = config_public(config);
	require(copy != NULL);
	cJSON_Delete(copy);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *sets[SETS_MAX + 1];
	char path[64], *text, *file;
	size_t len;
	int fd;

	if (size > FILE_MAX)
		return 0;
	text = malloc(size + 1);
	require(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	file = take_sets(text, sets);
	len = strlen(file);
	if (!computes(file)) {
		fd = memfd_create("config", MFD_CLOEXEC);
		require(fd >= 0 && write(fd, file, len) == (ssize_t)len);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		load(path, sets);
		close(fd);
	}
	free(text);
	return 0;
}
