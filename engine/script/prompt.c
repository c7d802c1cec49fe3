/* Prompts as scripts name them → sources for media. */
#include "script/args.h"
#include "script/play.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS_MAX = 32 };

/* ---- names -----------------------------------------------------------------
 */

/* No part of NAME is "..": with a root before it, it stays below. */
static bool stays_inside(const char *name)
{
	while (*name) {
		const size_t n = strcspn(name, "/");

		if (n == 2 && !strncmp(name, "..", 2))
			return false;
		name += n;
		name += strspn(name, "/");
	}
	return true;
}

static bool is_below(const char *root, const char *path)
{
	const size_t n = strlen(root);

	return n > 0 && !strncmp(path, root, n) &&
	       (root[n - 1] == '/' || path[n] == '/');
}

struct paths {
	const char *list[PATHS_MAX];
	size_t roots[PATHS_MAX]; /* how much of each is its folder */
	size_t count;
};

static void add(struct paths *paths, const char *folder, const char *name,
		const char *ending, size_t root)
{
	const char *const parts[] = {folder, *folder ? "/" : "", name, ending};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	size_t sizes[PARTS], size = 1;
	char *path, *p;

	for (size_t i = 0; i < PARTS; i++) {
		sizes[i] = strlen(parts[i]);
		size += sizes[i];
	}

	if (size > PATH_MAX || paths->count == PATHS_MAX)
		return;
	path = malloc(size);
	if (!path)
		return;
	p = path;
	for (size_t i = 0; i < PARTS; p += sizes[i++])
		memcpy(p, parts[i], sizes[i]);
	*p = '\0';
	paths->list[paths->count] = path;
	paths->roots[paths->count++] = root;
}

/* As it is called, and with ".wav". FOLDER "": NAME begins with its folder,
 * ROOT characters. */
static void add_both(struct paths *paths, const char *folder, const char *name,
		     size_t root)
{
	const size_t n = strlen(name);
	const bool has = n > 4 && !strcasecmp(name + n - 4, ".wav");

	if (!has)
		add(paths, folder, name, ".wav", root);
	add(paths, folder, name, "", root);
}

/* A name that is a path already. */
static bool add_below(struct paths *paths, const char *root, const char *name)
{
	if (!root || !is_below(root, name))
		return false;
	add_both(paths, "", name, strlen(root));
	return true;
}

static void candidates(const struct generation *gen, const char *name,
		       struct paths *paths)
{
	const struct scripts_config *config = &gen->host->config;
	const char *const *dir = config->prompt_dirs;

	if (!stays_inside(name))
		return;
	if (*name == '/') {
		bool below = add_below(paths, gen->folder, name) ||
			     add_below(paths, config->recordings_dir, name);

		for (; dir && *dir && !below; dir++)
			below = add_below(paths, *dir, name);
		return;
	}
	if (gen->folder) {
		char prompts[PATH_MAX];

		add_both(paths, gen->folder, name, strlen(gen->folder));
		(void)snprintf(prompts, sizeof(prompts), "%s/prompts",
			       gen->folder);
		add_both(paths, prompts, name, strlen(prompts));
	}
	for (; dir && *dir; dir++)
		add_both(paths, *dir, name, strlen(*dir));
	/* What was recorded can be played: its path as record returned it. */
	(void)add_below(paths, config->recordings_dir, name);
}

static struct media_source *next(lua_State *L, struct playlist *playlist,
				 const char *verb)
{
	struct media_source *source;

	if (playlist->count == PLAYLIST_MAX)
		(void)raise_error(L, "usage",
				  "%s: more than %d prompts in a list", verb,
				  PLAYLIST_MAX);
	if (playlist->count == playlist->size) {
		const size_t size = playlist->size ? 4 * playlist->size : 1;

		source = realloc(playlist->sources, size * sizeof(*source));
		if (!source)
			(void)raise_memory(L);
		playlist->sources = source;
		playlist->size = size;
	}
	source = &playlist->sources[playlist->count++];
	memset(source, 0, sizeof(*source));
	return source;
}

static void *memdup(const void *from, size_t size)
{
	void *copy = malloc(size);

	return copy ? memcpy(copy, from, size) : NULL;
}

static void read_name(lua_State *L, struct playlist *playlist, int index,
		      const char *verb)
{
	size_t size;
	const char *name = lua_tolstring(L, index, &size);
	struct paths paths = {.count = 0};
	struct media_source *source;

	if (size == 0 || strlen(name) != size)
		(void)raise_error(L, "usage", "%s: not a prompt's name", verb);
	source = next(L, playlist, verb);
	candidates(generation_current(L), name, &paths);
	if (paths.count == 0)
		(void)raise_error(L, "forbidden",
				  "%s: prompt '%.100s' lies outside the "
				  "folders of prompts",
				  verb, name);
	source->type = MEDIA_FILE;
	source->paths = memdup(paths.list, paths.count * sizeof(char *));
	source->roots = memdup(paths.roots, paths.count * sizeof(size_t));
	if (!source->paths || !source->roots) {
		for (size_t i = 0; i < paths.count; i++)
			free((void *)paths.list[i]);
		(void)raise_memory(L);
	}
	source->path_count = paths.count;
}

void playlist_clear(struct playlist *playlist)
{
	for (size_t i = 0; i < playlist->count; i++) {
		struct media_source *source = &playlist->sources[i];

		for (size_t j = 0; j < source->path_count; j++)
			free((void *)source->paths[j]);
		free((void *)source->paths);
		free((void *)source->roots);
	}
	free(playlist->sources);
	memset(playlist, 0, sizeof(*playlist));
}

/* ---- tones
 * ------------------------------------------------------------------- */

/* Tones of North America (ITU-T E.180 supplement 2). */
static const struct {
	const char *name;
	float hz[2];
	uint32_t on_ms, off_ms, duration_ms;
} tones[] = {
	{"beep", {1000, 0}, 200, 0, 200},
	{"dial", {350, 440}, 1000, 0, 0},
	{"ringback", {440, 480}, 2000, 4000, 0},
	{"busy", {480, 620}, 500, 500, 0},
	{"congestion", {480, 620}, 250, 250, 0},
};

/* "440" or "350+440". */
static bool read_hz(const char *text, float hz[4])
{
	char *end;

	for (int i = 0; i < 4; i++) {
		hz[i] = strtof(text, &end);
		if (end == text || hz[i] < 1 || hz[i] > 4000)
			return false;
		if (!*end)
			return true;
		if (*end != '+')
			return false;
		text = end + 1;
	}
	return false;
}

static void read_tone(lua_State *L, struct playlist *playlist, int index,
		      const char *verb)
{
	struct media_source *source = next(L, playlist, verb);
	const char *name;
	size_t i;

	source->type = MEDIA_TONE;
	source->level_db = -13;
	source->on_ms = 1000;
	source->duration_ms = 1000;
	lua_pushliteral(L, "tone");
	lua_rawget(L, index);
	name = luaL_tolstring(L, -1, NULL);
	for (i = 0; i < sizeof(tones) / sizeof(*tones); i++) {
		if (strcmp(tones[i].name, name) != 0)
			continue;
		memcpy(source->hz, tones[i].hz, sizeof(tones[i].hz));
		source->on_ms = tones[i].on_ms;
		source->off_ms = tones[i].off_ms;
		source->duration_ms = tones[i].duration_ms;
		break;
	}
	if (i == sizeof(tones) / sizeof(*tones) && !read_hz(name, source->hz))
		(void)raise_error(L, "usage",
				  "%s: tone '%.40s' is neither beep, dial, "
				  "ringback, busy, congestion nor Hz such as "
				  "\"350+440\"",
				  verb, name);
	lua_pop(L, 2);
}

/* ---- values
 * -------------------------------------------------------------------- */

static const struct option prompt_options[] = {
	{"tone", OPT_ANY},	 {"duration", OPT_SECONDS},
	{"level", OPT_NUMBER},	 {"silence", OPT_SECONDS},
	{"say", OPT_LATER},	 {"voice", OPT_LATER},
	{"language", OPT_LATER}, {0},
};

void playlist_read(lua_State *L, struct playlist *playlist, int index,
		   const char *verb)
{
	const int type = lua_type(L, index);

	index = lua_absindex(L, index);
	luaL_checkstack(L, 8, verb);
	if (type == LUA_TSTRING) {
		read_name(L, playlist, index, verb);
		return;
	}
	if (type != LUA_TTABLE)
		(void)raise_error(L, "usage",
				  "%s: a prompt (a name, a list, {tone=…} or "
				  "{silence=…}) is expected, got %s",
				  verb, luaL_typename(L, index));
	args_check(L, index, verb, prompt_options, true);
	if (args_has(L, index, "tone")) {
		struct media_source *source;

		read_tone(L, playlist, index, verb);
		source = &playlist->sources[playlist->count - 1];
		if (args_has(L, index, "duration"))
			source->duration_ms = args_ms(L, index, "duration", 0);
		source->level_db =
			(float)args_number(L, index, "level", source->level_db);
	} else if (args_has(L, index, "silence")) {
		struct media_source *source = next(L, playlist, verb);

		source->type = MEDIA_QUIET;
		source->duration_ms = args_ms(L, index, "silence", 0);
	}
	for (lua_Integer i = 1;; i++) {
		if (lua_rawgeti(L, index, i) == LUA_TNIL)
			break;
		playlist_read(L, playlist, -1, verb);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* ---- moon.find_prompt ------------------------------------------------------
 */

/* moon.find_prompt(name) → the path of its file; nil: there is none that can be
 * read. Looks where play looks. */
static int l_find_prompt(lua_State *L)
{
	size_t size;
	const char *name = luaL_checklstring(L, 1, &size);
	struct paths paths = {.count = 0};
	size_t found = 0;

	luaL_argcheck(L, size > 0 && strlen(name) == size, 1,
		      "a prompt's name");
	candidates(generation_current(L), name, &paths);
	while (found < paths.count && access(paths.list[found], R_OK) != 0)
		found++;
	lua_pushstring(L, found < paths.count ? paths.list[found] : NULL);
	for (size_t i = 0; i < paths.count; i++)
		free((void *)paths.list[i]);
	return 1;
}

void prompt_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_find_prompt);
	lua_setfield(L, -2, "find_prompt");
}
