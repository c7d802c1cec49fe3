#include <re.h>

#include "base/numbers.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE = 512,	 /* numbers */
	DIGITS_MAX = 15, /* E.164 */
	DIGITS_MIN = 7,	 /* fewer are no subscriber's number */
	/* without + and with nobody saying whose it is: a national number
	 * rather than one with its country's code, and a list of such would
	 * protect nobody */
	WHOLE_MIN = 11,
	FIRST_ROOM = 1 << 16,
};

static const char magic[8] = {'M', 'O', 'O', 'N', 'N', 'U', 'M', '1'};

struct header {
	char magic[8];
	uint64_t count, pages;
};

struct numbers {
	int fd;
	uint64_t count, pages;
	uint64_t *index;
};

bool numbers_key(const char *text, uint64_t *key)
{
	uint64_t n = 0;
	int digits = 0;

	if (*text == '+')
		text++;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || ++digits > DIGITS_MAX)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*key = n;
	return n > 0;
}

/* ---- asking ------------------------------------------------------------- */

static void numbers_destructor(void *arg)
{
	struct numbers *n = arg;

	if (n->fd >= 0)
		(void)close(n->fd);
	free(n->index);
}

/* All SIZE bytes at OFFSET. */
static int read_all(int fd, void *buffer, size_t size, uint64_t offset)
{
	char *p = buffer;

	while (size) {
		const ssize_t n = pread(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return EBADMSG;
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static uint64_t page_at(const struct numbers *n, uint64_t page)
{
	return sizeof(struct header) + n->pages * sizeof(uint64_t) +
	       page * PAGE * sizeof(uint64_t);
}

static int read_header(struct numbers *n)
{
	struct header h;
	struct stat st;
	int err = read_all(n->fd, &h, sizeof(h), 0);

	if (err)
		return err;
	if (fstat(n->fd, &st))
		return errno;
	n->count = le64toh(h.count);
	n->pages = le64toh(h.pages);
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 ||
	    n->count > (uint64_t)st.st_size ||
	    n->pages != (n->count + PAGE - 1) / PAGE ||
	    page_at(n, n->pages) != (uint64_t)st.st_size)
		return EBADMSG;
	n->index = malloc((n->pages + 1) * sizeof(*n->index));
	if (!n->index)
		return ENOMEM;
	err = read_all(n->fd, n->index, n->pages * sizeof(*n->index),
		       sizeof(h));
	for (uint64_t i = 0; i < n->pages; i++)
		n->index[i] = le64toh(n->index[i]);
	return err;
}

int numbers_open(struct numbers **np, const char *path)
{
	struct numbers *n = mem_zalloc(sizeof(*n), numbers_destructor);
	int err;

	if (!n)
		return ENOMEM;
	n->fd = open(path, O_RDONLY | O_CLOEXEC);
	err = n->fd < 0 ? errno : read_header(n);
	if (err)
		mem_deref(n);
	else
		*np = n;
	return err;
}

uint64_t numbers_count(const struct numbers *numbers)
{
	return numbers->count;
}

/* How many of COUNT sorted numbers, little-endian or our own, are ≤ KEY. */
static size_t upto(const uint64_t *sorted, size_t count, uint64_t key,
		   bool little)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const uint64_t at = little ? le64toh(sorted[mid]) : sorted[mid];

		if (at <= key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int numbers_has(const struct numbers *n, uint64_t key, bool *has)
{
	uint64_t page[PAGE], first;
	size_t count, at;
	int err;

	*has = false;
	at = upto(n->index, n->pages, key, false);
	if (at == 0)
		return 0;
	first = (at - 1) * (uint64_t)PAGE;
	count = n->count - first < PAGE ? n->count - first : PAGE;
	err = read_all(n->fd, page, count * sizeof(*page), page_at(n, at - 1));
	if (err)
		return err;
	at = upto(page, count, key, true);
	*has = at > 0 && le64toh(page[at - 1]) == key;
	return 0;
}

/* ---- a line ------------------------------------------------------------- */

/* The digits of the column at *P, perhaps behind a +; *P is moved behind it.
 * False: there is something else in it, or too much. */
static bool column(const char **p, char digits[DIGITS_MAX + 8], bool *plus)
{
	size_t n = 0;

	*plus = false;
	for (; **p && !strchr(",;\t\r\n", **p); (*p)++) {
		const char c = **p;

		if (c == '+' && !n && !*plus)
			*plus = true;
		else if (c >= '0' && c <= '9' && n < DIGITS_MAX + 6)
			digits[n++] = c;
		else if (!strchr(" -.()/\"", c))
			return false;
	}
	digits[n] = '\0';
	return true;
}

bool numbers_line(const char *line, const char *country, uint64_t *key)
{
	char digits[DIGITS_MAX + 8], more[DIGITS_MAX + 8];
	char full[2 * (DIGITS_MAX + 8)];
	const char *p = line, *national;
	bool plus, second;

	if (!column(&p, digits, &plus))
		return false;
	if (!plus && strlen(digits) == 3 && *p && strchr(",;\t", *p)) {
		p++;
		if (!column(&p, more, &second) || second || strlen(more) != 7)
			return false;
		memcpy(digits + 3, more, 8);
	}
	national = digits;
	if (!plus && !strncmp(digits, "00", 2)) {
		plus = true;
		national += 2;
	}
	if (plus || !country) {
		(void)snprintf(full, sizeof(full), "%s", national);
	} else if (!strcmp(country, "1")) {
		/* the North American plan writes its own 1 or leaves it out */
		const bool has = *national == '1' && strlen(national) == 11;

		if (!has && strlen(national) != 10)
			return false;
		(void)snprintf(full, sizeof(full), "%s%s", has ? "" : "1",
			       national);
	} else {
		/* the 0 of long distance is no part of the number; but in
		 * Italy it is */
		if (*national == '0' && strcmp(country, "39") != 0)
			national++;
		(void)snprintf(full, sizeof(full), "%s%s", country, national);
	}
	if (!plus && !country && strlen(full) < WHOLE_MIN)
		return false;
	return strlen(full) >= DIGITS_MIN && full[0] != '0' &&
	       numbers_key(full, key);
}

/* ---- making one --------------------------------------------------------- */

struct keys {
	uint64_t *keys;
	size_t count, room;
};

static int add(struct keys *all, uint64_t key)
{
	if (all->count == all->room) {
		const size_t room = all->room ? all->room * 2 : FIRST_ROOM;
		uint64_t *more = realloc(all->keys, room * sizeof(*more));

		if (!more)
			return ENOMEM;
		all->keys = more;
		all->room = room;
	}
	all->keys[all->count++] = key;
	return 0;
}

static bool has_digit(const char *line)
{
	return line[strcspn(line, "0123456789")];
}

static int read_source(struct numbers_import *import, struct keys *all)
{
	FILE *f = fopen(import->source, "re");
	char line[NUMBERS_LINE_MAX];
	int err = 0;

	if (!f)
		return errno;
	while (!err && fgets(line, sizeof(line), f)) {
		char *text = line;
		uint64_t key;

		import->lines++;
		if (!strchr(line, '\n') && !feof(f)) {
			int c; /* longer than any number: its rest goes */

			while ((c = fgetc(f)) != EOF && c != '\n')
				;
		}
		if (import->lines == 1 && !strncmp(text, "\xef\xbb\xbf", 3))
			text += 3;
		if (!text[strspn(text, " \t\r\n")])
			continue;
		if (numbers_line(text, import->country, &key)) {
			err = add(all, key);
		} else if (import->lines > 1 || has_digit(text)) {
			if (import->bad < NUMBERS_BAD_SHOWN)
				import->bad_lines[import->bad] = import->lines;
			import->bad++;
		} /* else a header */
	}
	if (!err && ferror(f))
		err = errno ? errno : EIO;
	(void)fclose(f);
	return err;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void sort(struct numbers_import *import, struct keys *all)
{
	size_t kept = 0;

	if (!all->count)
		return;
	qsort(all->keys, all->count, sizeof(*all->keys), compare);
	for (size_t i = 0; i < all->count; i++) {
		if (!i || all->keys[i] != all->keys[i - 1])
			all->keys[kept++] = all->keys[i];
	}
	import->duplicates = all->count - kept;
	import->numbers = all->count = kept;
}

static bool put(FILE *f, uint64_t n)
{
	n = htole64(n);
	return fwrite(&n, sizeof(n), 1, f) == 1;
}

static int write_file(FILE *f, const struct keys *all)
{
	const uint64_t pages = (all->count + PAGE - 1) / PAGE;
	bool ok = fwrite(magic, sizeof(magic), 1, f) == 1 &&
		  put(f, all->count) && put(f, pages);

	for (uint64_t i = 0; ok && i < pages; i++)
		ok = put(f, all->keys[i * PAGE]);
	for (uint64_t i = 0; ok && i < pages * PAGE; i++)
		ok = put(f, i < all->count ? all->keys[i] : 0);
	if (!ok || fflush(f) || fsync(fileno(f)))
		return errno ? errno : EIO;
	return 0;
}

/* The folder of PATH remembers its new name. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	int fd, err;

	(void)snprintf(folder, sizeof(folder), "%.*s",
		       slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	err = fsync(fd) ? errno : 0;
	(void)close(fd);
	return err;
}

static int write_list(const struct numbers_import *import,
		      const struct keys *all)
{
	char part[4096];
	FILE *f;
	int err;

	if ((size_t)snprintf(part, sizeof(part), "%s.part", import->path) >=
	    sizeof(part))
		return ENAMETOOLONG;
	f = fopen(part, "we");
	if (!f)
		return errno;
	err = write_file(f, all);
	if (fclose(f) && !err)
		err = errno;
	if (!err && rename(part, import->path))
		err = errno;
	if (err)
		(void)unlink(part);
	return err ? err : sync_folder(import->path);
}

int numbers_build(struct numbers_import *import)
{
	struct keys all = {0};
	int err = read_source(import, &all);

	if (!err) {
		sort(import, &all);
		err = write_list(import, &all);
	}
	free(all.keys);
	return err;
}
