#include "app/amd_files.h"

#include <csv.h>
#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "store/detection_list.h"

/* ---- labels.csv ----------------------------------------------------- */

struct label {
	char *file;
	enum detect_kind kind;
};

struct labels {
	char folder[PATH_MAX]; /* that it was read in; "": none yet */
	struct label *list;
	size_t count, size;
	/* while it is read */
	size_t row, column, file_at, label_at;
	char *file, *label;
	const char *failed; /* why it can't be read */
	char unknown[64];
};

static void labels_clear(struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		free(labels->list[i].file);
	free(labels->list);
	free(labels->file);
	free(labels->label);
	memset(labels, 0, sizeof(*labels));
}

static void on_field(void *text, size_t size, void *arg)
{
	struct labels *l = arg;
	const size_t at = l->column++;
	char **into = at == l->file_at ? &l->file : &l->label;

	if (!l->row) {
		if (size == 4 && !strncasecmp(text, "file", size))
			l->file_at = at;
		if (size == 5 && !strncasecmp(text, "label", size))
			l->label_at = at;
		return;
	}
	if (at != l->file_at && at != l->label_at)
		return;
	free(*into);
	*into = strndup(text ? text : "", size);
	if (!*into)
		l->failed = "out of memory";
}

static void add(struct labels *l, enum detect_kind kind)
{
	if (l->count == l->size) {
		const size_t size = l->size ? 2 * l->size : 64;
		struct label *more = realloc(l->list, size * sizeof(*more));

		if (!more) {
			l->failed = "out of memory";
			return;
		}
		l->list = more;
		l->size = size;
	}
	l->list[l->count++] = (struct label){l->file, kind};
	l->file = NULL;
}

static void on_row(int c, void *arg)
{
	struct labels *l = arg;
	(void)c;

	if (!l->row && (l->file_at == SIZE_MAX || l->label_at == SIZE_MAX)) {
		l->failed = "its header needs the columns file and label";
	} else if (l->row && l->file && l->label && *l->label) {
		const enum detect_kind kind = detect_kind_of(l->label);

		if (kind == DETECT_NONE && !l->failed) {
			(void)snprintf(l->unknown, sizeof(l->unknown), "%s",
				       l->label);
			l->failed = "a label is none of human, machine, fax, "
				    "silence, unsure, screening";
		}
		add(l, kind);
	}
	l->row++;
	l->column = 0;
}

/* Those of FOLDER, if it has any. */
static bool labels_read(struct labels *l, const char *folder, char *err,
			size_t size)
{
	char path[PATH_MAX + 16], buf[4096];
	struct csv_parser parser;
	size_t n;
	FILE *f;

	if (!strcmp(l->folder, folder))
		return true;
	labels_clear(l);
	(void)snprintf(l->folder, sizeof(l->folder), "%s", folder);
	l->file_at = l->label_at = SIZE_MAX;
	(void)snprintf(path, sizeof(path), "%s/labels.csv", folder);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (csv_init(&parser, CSV_APPEND_NULL)) {
		(void)fclose(f);
		(void)snprintf(err, size, "out of memory");
		return false;
	}
	while (!l->failed && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		if (csv_parse(&parser, buf, n, on_field, on_row, l) != n)
			l->failed = csv_strerror(csv_error(&parser));
	(void)csv_fini(&parser, on_field, on_row, l);
	csv_free(&parser);
	(void)fclose(f);
	if (!l->failed)
		return true;
	(void)snprintf(err, size, "%s: %s%s%s%s", path, l->failed,
		       l->unknown[0] ? ": '" : "", l->unknown,
		       l->unknown[0] ? "'" : "");
	return false;
}

static enum detect_kind labels_find(const struct labels *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->list[i].file, name))
			return l->list[i].kind;
	return DETECT_NONE;
}

static bool label(struct labels *labels, struct amd_file *file, char *err,
		  size_t size)
{
	char path[PATH_MAX], *slash;
	const char *folder = ".", *name = path, *last;

	(void)snprintf(path, sizeof(path), "%s", file->path);
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		folder = path;
		name = slash + 1;
	}
	if (!labels_read(labels, folder, err, size))
		return false;
	file->label = labels_find(labels, name);
	last = strrchr(folder, '/');
	if (file->label == DETECT_NONE)
		file->label = detect_kind_of(last ? last + 1 : folder);
	return true;
}

/* ---- files ---------------------------------------------------------- */

/* nftw() has no argument for its handler. */
static struct amd_files *found;
static bool out_of_memory;

static int take(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	const size_t n = strlen(path);
	struct amd_file *more;
	(void)st;

	if (flag != FTW_F || (ftw && ftw->level > 0 &&
			      (n < 4 || strcasecmp(path + n - 4, ".wav") != 0)))
		return 0;
	if (found->count == found->size) {
		const size_t size = found->size ? 2 * found->size : 256;

		more = realloc(found->list, size * sizeof(*more));
		if (!more) {
			out_of_memory = true;
			return 1;
		}
		found->list = more;
		found->size = size;
	}
	more = &found->list[found->count];
	more->path = strdup(path);
	more->label = DETECT_NONE;
	out_of_memory |= !more->path;
	found->count += !!more->path;
	return out_of_memory;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct amd_file *)a)->path,
		      ((const struct amd_file *)b)->path);
}

static bool find(struct amd_files *files, const char *word, char *err,
		 size_t size)
{
	const size_t first = files->count;
	struct stat st;

	if (stat(word, &st)) {
		(void)snprintf(err, size, "%s: %s", word, strerror(errno));
		return false;
	}
	found = files;
	out_of_memory = false;
	if (S_ISDIR(st.st_mode))
		(void)nftw(word, take, 16, FTW_PHYS);
	else
		(void)take(word, &st, FTW_F, NULL);
	if (out_of_memory) {
		(void)snprintf(err, size, "out of memory");
		return false;
	}
	if (files->count == first) {
		(void)snprintf(err, size, "%s: no WAV is in it", word);
		return false;
	}
	qsort(files->list + first, files->count - first, sizeof(*files->list),
	      by_path);
	return true;
}

static int take_kept(const char *file, const char *agent,
		     const char *disposition, void *arg)
{
	struct amd_files *files = arg;
	enum detect_kind kind = DETECT_NONE;

	found = files;
	out_of_memory = false;
	(void)take(file, NULL, FTW_F, NULL);
	if (out_of_memory)
		return ENOMEM;
	if (agent && disposition)
		kind = detect_kind_of(disposition);
	if (agent && kind == DETECT_NONE)
		kind = DETECT_HUMAN;
	files->list[files->count - 1].label = kind;
	return 0;
}

bool amd_files_kept(struct amd_files *files, const char *db,
		    const char *campaign, char *err, size_t size)
{
	memset(files, 0, sizeof(*files));
	return !detection_list(db, campaign, take_kept, files, err, size);
}

bool amd_files_find(struct amd_files *files, char *const *words, int count,
		    char *err, size_t size)
{
	struct labels labels = {.count = 0};
	bool ok = true;

	memset(files, 0, sizeof(*files));
	for (int i = 0; ok && i < count; i++)
		ok = find(files, words[i], err, size);
	for (size_t i = 0; ok && i < files->count; i++)
		ok = label(&labels, &files->list[i], err, size);
	labels_clear(&labels);
	return ok;
}

void amd_files_free(struct amd_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->list[i].path);
	free(files->list);
}
