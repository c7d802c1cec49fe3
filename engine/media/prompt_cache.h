/* prompt_cache.h -- audio files, decoded once for all calls
 *
 * A prompt is a list of paths of which the first that exists is decoded (by
 * the file thread) to AUDIO_SRATE mono PCM, and, for each codec in use, to
 * ready payloads. Once ready it never changes. Its state is an atomic that
 * anybody may poll; references are counted atomically, and memory is given
 * back by the cache only, never by a worker.
 *
 * The cache has a lock: prompt_get() and the rest of prompt_cache_… are for
 * the loop and file threads; prompt_… below are for any thread and lock-free.
 */
#ifndef MOONDIAL_MEDIA_PROMPT_CACHE_H
#define MOONDIAL_MEDIA_PROMPT_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct codec;
struct file_thread;
struct prompt;
struct prompt_cache;

enum {
	PROMPT_MAX_S = 3600, /* a longer file is refused */
};

/* MAX_BYTES: what is kept of unreferenced prompts ends there (least recently
 * used go first); 0: nothing is kept. Call before the file thread has work
 * from it; free it after file_thread_free(). ENOMEM. */
int prompt_cache_alloc(struct prompt_cache **cp, struct file_thread *ft,
		       uint64_t max_bytes);
void prompt_cache_free(struct prompt_cache *cache);

/* The prompt of these candidates, loading or ready: one load however many
 * ask. The caller owns one reference. ENOMEM, EINVAL (no paths). */
int prompt_get(struct prompt **pp, struct prompt_cache *cache,
	       const char *const *paths, size_t count);

/* The same; paths[i] must not leave the folder that its first roots[i]
 * characters name (open_beneath.h). ROOTS may be NULL. */
int prompt_get_beneath(struct prompt **pp, struct prompt_cache *cache,
		       const char *const *paths, const size_t *roots,
		       size_t count);

/* The next prompt_get() reads files again; who has a reference keeps it. */
void prompt_cache_forget(struct prompt_cache *cache);

struct prompt_cache_stats {
	uint64_t bytes; /* of all that is in memory, referenced or not */
	size_t prompts; /* in the cache, loading ones included */
	uint64_t loads, hits, evicted;
};
void prompt_cache_stats(struct prompt_cache *cache,
			struct prompt_cache_stats *stats);

/* ---- any thread, no lock -------------------------------------------- */

enum prompt_state { PROMPT_LOADING, PROMPT_READY, PROMPT_FAILED };

enum prompt_state prompt_state(const struct prompt *prompt);

/* FAILED: which file, and what is wrong. */
const char *prompt_error(const struct prompt *prompt);

/* READY: the path that was read. */
const char *prompt_path(const struct prompt *prompt);

/* READY: the audio. */
const int16_t *prompt_pcm(const struct prompt *prompt, size_t *samples);

/* READY: payload bytes of the whole prompt, or NULL when they aren't made
 * (yet); see prompt_want(). */
const uint8_t *prompt_payload(const struct prompt *prompt,
			      const struct codec *codec);

/* Have the file thread make payloads for CODEC, once. Takes the mailbox's
 * mutex the first time: for set-up, not for each packet. */
void prompt_want(struct prompt *prompt, const struct codec *codec);

struct prompt *prompt_ref(struct prompt *prompt);
void prompt_unref(struct prompt *prompt); /* NULL is fine */

#endif
