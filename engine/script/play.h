/* play.h -- private to script: prompts, and one that plays
 *
 * What scripts name is resolved to candidate paths below the roots (the
 * script's folder, its prompts/, the configured folders): nothing outside them
 * is ever opened. Media takes the first that exists.
 */
#ifndef MOONDIAL_SCRIPT_PLAY_H
#define MOONDIAL_SCRIPT_PLAY_H

#include "script/leg.h"

enum { PLAYLIST_MAX = 64 };

struct playlist {
	struct media_source *sources; /* grows */
	size_t count, size;
};

/* A prompt (name, list, {tone=…}, {silence=…}) at INDEX is added. PLAYLIST is
 * zeroed before the first; playlist_clear() also after an error. raises */
void playlist_read(lua_State *L, struct playlist *playlist, int index,
		   const char *verb);
void playlist_clear(struct playlist *playlist);

/* moon.find_prompt into the table on the stack. */
void prompt_add_moon(lua_State *L);

/* Counted by mem_ref; the leg's watch holds one while it plays. */
struct playback {
	struct leg *leg;
	uint32_t op;
	bool done, quiet; /* quiet: isn't the call's output (mix, gather) */
	bool async;	  /* nobody need wait for it: play_async */
	enum media_result result;
	char *text; /* MEDIA_FAILED */
	uint64_t stamp;
	struct watch watch;
	struct list watches;
};

/* 0, or errno; a reference is given. */
int playback_start(struct playback **pp, struct leg *leg,
		   const struct media_play *play, bool quiet);
void playback_stop(struct playback *pb);
/* Not the call's output any more, whatever media still does. */
void playback_release(struct playback *pb);
/* Music that plays for somebody who waits (play_async) ends with the waiting.
 */
void playback_hush(struct leg *leg);
struct playback *playback_test(lua_State *L, int index);
/* "done", "stopped", or raises (hangup, prompt). */
int playback_push_result(lua_State *L, const struct playback *pb);

struct play_options {
	struct media_play play;
	char stop_on[24];
	bool stops;
};
/* Options of play (ASYNC: of play_async) at INDEX. raises */
void play_read_options(lua_State *L, int index, const char *verb, bool async,
		       struct play_options *o);
/* Raises when nothing can be heard on the call yet. */
void play_need_audio(lua_State *L, const struct leg *leg, const char *verb);

/* Start the prompt at INDEX without a wait; pushes the playback. raises */
int play_start(lua_State *L, struct leg *leg, int index, const char *verb);

#endif
