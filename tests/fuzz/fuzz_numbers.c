/* fuzz_numbers.c -- a list of telephone numbers, and a line of its source
 *
 * A file that is taken can be asked; a line that is taken is a number of 7 to
 * 15 digits.
 */
#include <re.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void ask(const uint8_t *bytes, size_t size)
{
	const int fd = memfd_create("numbers", MFD_CLOEXEC);
	struct numbers *numbers = NULL;
	char path[64];
	bool has;

	require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!numbers_open(&numbers, path)) {
		for (uint64_t key = 1; key && key < UINT64_MAX / 7; key *= 7)
			require(!numbers_has(numbers, key, &has));
		mem_deref(numbers);
	}
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const countries[] = {NULL, "1", "39", "44", "420"};
	char line[NUMBERS_LINE_MAX];
	const size_t n = size < sizeof(line) - 1 ? size : sizeof(line) - 1;

	memcpy(line, bytes, n);
	line[n] = '\0';
	for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
		uint64_t key;

		if (numbers_line(line, countries[i], &key))
			require(key >= UINT64_C(1000000) &&
				key < UINT64_C(1000000000000000));
	}
	ask(bytes, size);
	return 0;
}
