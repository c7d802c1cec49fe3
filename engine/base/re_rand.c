/* re_rand.c -- libre's random numbers, from the kernel by the handful
 *
 * libre asks OpenSSL for each four bytes, which takes a tenth of a call's CPU
 * time. These are as good: getrandom() fills a buffer of each thread, and what
 * has been given out is wiped. Defined here, so that the linker leaves libre's
 * rand.o out.
 */
#include <errno.h>
#include <re.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/log.h"

enum { POOL = 512 };

static _Thread_local uint8_t pool[POOL];
static _Thread_local size_t left;

static void fill(uint8_t *p, size_t size)
{
	while (size) {
		const ssize_t n = getrandom(p, size, 0);

		if (n > 0) {
			p += n;
			size -= (size_t)n;
		} else if (n < 0 && errno != EINTR) {
			/* Tags and nonces that can be guessed are worse. */
			log_error(NULL, "the kernel gives no random numbers");
			abort();
		}
	}
}

void rand_init(void)
{
}

/* SIZE bytes into P. */
void rand_bytes(uint8_t *p, size_t size)
{
	if (size > POOL / 4) {
		fill(p, size);
		return;
	}
	if (size > left) {
		fill(pool, POOL);
		left = POOL;
	}
	left -= size;
	memcpy(p, pool + left, size);
	explicit_bzero(pool + left, size);
}

uint16_t rand_u16(void)
{
	uint16_t v;

	rand_bytes((uint8_t *)&v, sizeof(v));
	return v;
}

uint32_t rand_u32(void)
{
	uint32_t v;

	rand_bytes((uint8_t *)&v, sizeof(v));
	return v;
}

uint64_t rand_u64(void)
{
	uint64_t v;

	rand_bytes((uint8_t *)&v, sizeof(v));
	return v;
}

/* SIZE - 1 letters and digits into STR, and the zero. */
void rand_str(char *str, size_t size)
{
	static const char alphanum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789";

	if (!str || !size)
		return;
	rand_bytes((uint8_t *)str, size - 1);
	for (size_t i = 0; i < size - 1; i++)
		str[i] = alphanum[(uint8_t)str[i] % (sizeof(alphanum) - 1)];
	str[size - 1] = '\0';
}

char rand_char(void)
{
	char s[2];

	rand_str(s, sizeof(s));
	return s[0];
}
