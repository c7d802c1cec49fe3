/* test_layers.c -- no file includes one from a room above or beside its own
 *
 *   main → app → {script, api} → {call, store} → {sip, media} → base
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Rooms of one level don't include each other. */
static const struct {
	const char *name;
	int level;
} rooms[] = {
	{"base", 0},  {"sip", 1},    {"media", 1}, {"call", 2},
	{"store", 2}, {"script", 3}, {"api", 3},   {"app", 4},
};

enum { MAIN_LEVEL = 5, UNKNOWN = -1 };

/* The level of the room that PATH ("room/…") begins with. */
static int level_of(const char *path, size_t *len)
{
	*len = strcspn(path, "/");
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		if (strlen(rooms[i].name) == *len &&
		    !strncmp(rooms[i].name, path, *len))
			return rooms[i].level;
	return UNKNOWN;
}

static bool allowed(const char *file, const char *included)
{
	size_t file_room = 0, room;
	int below = level_of(included, &room);
	int above = strchr(file, '/') ? level_of(file, &file_room) : MAIN_LEVEL;

	if (above == UNKNOWN || below == UNKNOWN)
		return false;
	if (above == below)
		return file_room == room && !strncmp(file, included, room);
	return below < above;
}

/* Reads FILE (its path below engine/) and complains of each wrong include. */
static int count_wrong(const char *path, const char *file, int *seen)
{
	char line[1024], included[256];
	int wrong = 0;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " # include \"%255[^\"]\"", included) != 1)
			continue;
		++*seen;
		if (allowed(file, included))
			continue;
		print_error("engine/%s includes \"%s\"\n", file, included);
		wrong++;
	}
	fclose(f);
	return wrong;
}

static bool is_c(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".c") || !strcmp(dot, ".h") ||
		       !strcmp(dot, ".cc"));
}

static void files_include_downward_only(void **state)
{
	char root[] = SOURCE_DIR "/engine";
	char *roots[] = {root, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int wrong = 0, seen = 0;
	FTSENT *entry;
	(void)state;

	assert_non_null(tree);
	while ((entry = fts_read(tree)))
		if (entry->fts_info == FTS_F && is_c(entry->fts_name))
			wrong += count_wrong(entry->fts_path,
					     entry->fts_path + sizeof(root),
					     &seen);
	fts_close(tree);
	assert_true(seen > 20);
	assert_int_equal(wrong, 0);
}

static void the_rule_itself_tells_up_from_down(void **state)
{
	(void)state;
	assert_true(allowed("call/call.c", "base/log.h"));
	assert_true(allowed("call/call.c", "call/event.h"));
	assert_true(allowed("media/codecs/pcmu.c", "media/codec.h"));
	assert_true(allowed("main.c", "app/app.h"));
	assert_false(allowed("sip/stack.c", "media/media.h"));
	assert_false(allowed("sip/stack.c", "call/call.h"));
	assert_false(allowed("base/log.c", "sip/stack.h"));
	assert_false(allowed("api/api.c", "script/script.h"));
	assert_false(allowed("call/call.c", "call.h"));
	assert_false(allowed("attic/x.c", "base/log.h"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_itself_tells_up_from_down),
		cmocka_unit_test(files_include_downward_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
