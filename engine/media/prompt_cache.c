/* prompt_cache.c -- a hash table of prompts, the least recently used first out
 *
 * The cache itself holds one reference to each prompt that it knows, in the
 * table (can be found) or among the orphans (forgotten or failed, but somebody
 * has them). A prompt is freed when that reference is the last one; as new
 * references come only from prompt_get(), beneath the lock, or from an owner of
 * one, a count of one seen beneath the lock stays one.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "media/codec.h"
#include "media/file_thread.h"
#include "media/prompt_cache.h"
#include "media/prompt_decode.h"

enum {
	BUCKETS = 1024,
	SWEEP_MS = 1000, /* while it is too big, or has orphans */
};

struct prompt_encode {
	struct file_job job; /* first */
	struct prompt *prompt;
	const struct codec *codec;
};

struct prompt {
	struct file_task task; /* first: decoding */
	struct file_job load;
	struct prompt_cache *cache;
	atomic_uint refs;
	_Atomic(enum prompt_state) state;

	/* what was asked for */
	char **paths;
	size_t *roots; /* of each */
	size_t path_count;
	uint64_t hash;

	/* file thread, until state says that it is over */
	struct prompt_decode *decode;
	char *error;
	const char *path;
	int16_t *pcm;
	size_t samples;

	_Atomic(uint8_t *) payload[CODEC_MAX];
	atomic_uint wanted; /* bit i: codec i */
	struct prompt_encode encode[CODEC_MAX];

	/* beneath the lock */
	struct prompt *chain;
	struct prompt *newer, *older; /* in the table, or all orphans */
	bool orphan;
	uint64_t bytes;
};

struct prompt_list {
	struct prompt *newest, *oldest;
};

struct prompt_cache {
	pthread_mutex_t lock;
	struct file_thread *ft;
	uint64_t max_bytes, bytes;
	struct prompt *bucket[BUCKETS];
	struct prompt_list known, orphans;
	size_t count;
	uint64_t loads, hits, evicted;
	/* sweeping is set beneath the lock from the post to the last step */
	bool sweeping;
	struct file_job sweep_job;
	struct file_task sweep_task;
};

#define container(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

/* ---- lists, beneath the lock ---------------------------------------- */

static void list_push(struct prompt_list *list, struct prompt *p)
{
	p->newer = NULL;
	p->older = list->newest;
	if (list->newest)
		list->newest->newer = p;
	else
		list->oldest = p;
	list->newest = p;
}

static void list_remove(struct prompt_list *list, struct prompt *p)
{
	if (p->newer)
		p->newer->older = p->older;
	else
		list->newest = p->older;
	if (p->older)
		p->older->newer = p->newer;
	else
		list->oldest = p->newer;
}

static void table_remove(struct prompt_cache *cache, struct prompt *p)
{
	struct prompt **pp = &cache->bucket[p->hash % BUCKETS];

	while (*pp != p)
		pp = &(*pp)->chain;
	*pp = p->chain;
	list_remove(&cache->known, p);
	cache->count--;
}

static void prompt_free(struct prompt *p)
{
	for (size_t i = 0; i < p->path_count; i++)
		free(p->paths[i]);
	free(p->paths);
	free(p->roots);
	free(p->error);
	free(p->pcm);
	for (unsigned i = 0; i < CODEC_MAX; i++)
		free(atomic_load(&p->payload[i]));
	free(p);
}

static bool unreferenced(const struct prompt *p)
{
	return atomic_load_explicit(&p->refs, memory_order_acquire) == 1;
}

/* Free what may go. True when more will have to. */
static bool sweep(struct prompt_cache *cache)
{
	struct prompt *p, *next;

	for (p = cache->orphans.oldest; p; p = next) {
		next = p->newer;
		if (!unreferenced(p))
			continue;
		list_remove(&cache->orphans, p);
		cache->bytes -= p->bytes;
		prompt_free(p);
	}
	for (p = cache->known.oldest; p && cache->bytes > cache->max_bytes;
	     p = next) {
		next = p->newer;
		if (!unreferenced(p))
			continue;
		table_remove(cache, p);
		cache->bytes -= p->bytes;
		cache->evicted++;
		prompt_free(p);
	}
	return cache->orphans.oldest || cache->bytes > cache->max_bytes;
}

static int sweep_step(struct file_task *task)
{
	struct prompt_cache *cache =
		container(task, struct prompt_cache, sweep_task);
	int again = FILE_TASK_GONE;

	pthread_mutex_lock(&cache->lock);
	if (sweep(cache) && !file_thread_stopping(cache->ft))
		again = SWEEP_MS;
	else
		cache->sweeping = false;
	pthread_mutex_unlock(&cache->lock);
	return again;
}

static void sweep_run(struct file_job *job)
{
	struct prompt_cache *cache =
		container(job, struct prompt_cache, sweep_job);

	file_thread_add(cache->ft, &cache->sweep_task);
}

/* Beneath the lock. */
static void sweep_soon(struct prompt_cache *cache)
{
	if (cache->sweeping ||
	    (!cache->orphans.oldest && cache->bytes <= cache->max_bytes))
		return;
	cache->sweeping = true;
	file_thread_post(cache->ft, &cache->sweep_job);
}

static void make_orphan(struct prompt_cache *cache, struct prompt *p)
{
	if (p->orphan)
		return;
	table_remove(cache, p);
	p->orphan = true;
	list_push(&cache->orphans, p);
}

/* ---- on the file thread --------------------------------------------- */

static void charge(struct prompt *p, uint64_t bytes)
{
	struct prompt_cache *cache = p->cache;

	pthread_mutex_lock(&cache->lock);
	p->bytes += bytes;
	cache->bytes += bytes;
	sweep_soon(cache);
	pthread_mutex_unlock(&cache->lock);
}

static void encode_now(struct prompt *p, const struct codec *codec)
{
	unsigned index = codec_index(codec);
	size_t bytes = codec_payload_bytes(codec, p->samples);
	uint8_t *payload;

	if (atomic_load(&p->payload[index]))
		return;
	payload = malloc(bytes);
	/* Players encode by themselves what isn't there. */
	if (!payload)
		return;
	codec->encode(payload, p->pcm, p->samples);
	charge(p, bytes);
	atomic_store_explicit(&p->payload[index], payload,
			      memory_order_release);
}

static void encode_run(struct file_job *job)
{
	struct prompt_encode *e = (struct prompt_encode *)job;

	/* When it is loading still, the end of the load sees what is wanted. */
	if (prompt_state(e->prompt) == PROMPT_READY)
		encode_now(e->prompt, e->codec);
	prompt_unref(e->prompt);
}

static void load_failed(struct prompt *p, const char *err)
{
	struct prompt_cache *cache = p->cache;

	log_debug(NULL, "prompt: %s", err);
	p->error = strdup(err);
	pthread_mutex_lock(&cache->lock);
	/* Not kept: who asks next has the file read again. */
	make_orphan(cache, p);
	sweep_soon(cache);
	pthread_mutex_unlock(&cache->lock);
	atomic_store_explicit(&p->state, PROMPT_FAILED, memory_order_release);
}

static void load_done(struct prompt *p)
{
	const struct codec *codec;
	unsigned wanted;

	p->pcm = prompt_decode_take(p->decode, &p->samples);
	charge(p, p->samples * sizeof(*p->pcm));
	wanted = atomic_load(&p->wanted);
	for (unsigned i = 0; (codec = codec_at(i)); i++)
		if (wanted & 1U << i)
			encode_now(p, codec);
	atomic_store_explicit(&p->state, PROMPT_READY, memory_order_release);
	log_debug(NULL, "prompt %s: %zu ms", p->path,
		  p->samples / AUDIO_SAMPLES_PER_MS);
}

static int load_step(struct file_task *task)
{
	struct prompt *p = (struct prompt *)task;
	char err[PROMPT_ERROR_SIZE];
	bool done = false;

	if (file_thread_stopping(p->cache->ft))
		load_failed(p, "not loaded: the engine stops");
	else if (prompt_decode_step(p->decode, &done, err))
		load_failed(p, err);
	else if (!done)
		return 0;
	else
		load_done(p);
	prompt_decode_free(p->decode);
	p->decode = NULL;
	prompt_unref(p);
	return FILE_TASK_GONE;
}

static void load_run(struct file_job *job)
{
	struct prompt *p = container(job, struct prompt, load);
	char err[PROMPT_ERROR_SIZE];
	size_t index;

	if (prompt_decode_open(&p->decode, (const char *const *)p->paths,
			       p->roots, p->path_count, &index, err)) {
		load_failed(p, err);
		prompt_unref(p);
		return;
	}
	p->path = p->paths[index];
	p->task.step = load_step;
	file_thread_add(p->cache->ft, &p->task);
}

/* ---- the door ------------------------------------------------------- */

int prompt_cache_alloc(struct prompt_cache **cp, struct file_thread *ft,
		       uint64_t max_bytes)
{
	struct prompt_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return ENOMEM;
	pthread_mutex_init(&cache->lock, NULL);
	cache->ft = ft;
	cache->max_bytes = max_bytes;
	cache->sweep_job.run = sweep_run;
	cache->sweep_task.step = sweep_step;
	*cp = cache;
	return 0;
}

void prompt_cache_free(struct prompt_cache *cache)
{
	if (!cache)
		return;
	/* The file thread is gone: nothing must be posted to it. */
	cache->sweeping = true;
	prompt_cache_forget(cache);
	(void)sweep(cache);
	/* Somebody has a prompt still: better leaked than used after free. */
	assert(!cache->orphans.oldest);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* FNV-1a over all the paths, their ends included. */
static uint64_t hash_paths(const char *const *paths, size_t count)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < count; i++) {
		const char *c = paths[i];

		do {
			hash = (hash ^ (uint8_t)*c) * 0x100000001b3U;
		} while (*c++);
	}
	return hash;
}

static bool same_paths(const struct prompt *p, const char *const *paths,
		       const size_t *roots, size_t count)
{
	if (p->path_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(p->paths[i], paths[i]) != 0 ||
		    p->roots[i] != (roots ? roots[i] : 0))
			return false;
	return true;
}

static struct prompt *prompt_new(struct prompt_cache *cache,
				 const char *const *paths, const size_t *roots,
				 size_t count)
{
	struct prompt *p = calloc(1, sizeof(*p));
	uint64_t bytes = sizeof(*p);

	if (!p)
		return NULL;
	p->paths = calloc(count, sizeof(*p->paths));
	p->roots = calloc(count, sizeof(*p->roots));
	if (!p->paths || !p->roots)
		goto oom;
	for (; p->path_count < count; p->path_count++) {
		p->paths[p->path_count] = strdup(paths[p->path_count]);
		if (!p->paths[p->path_count])
			goto oom;
		p->roots[p->path_count] = roots ? roots[p->path_count] : 0;
		bytes += strlen(paths[p->path_count]) + 1 + sizeof(char *) +
			 sizeof(size_t);
	}
	for (unsigned i = 0; codec_at(i); i++) {
		p->encode[i].job.run = encode_run;
		p->encode[i].prompt = p;
		p->encode[i].codec = codec_at(i);
	}
	p->cache = cache;
	p->bytes = bytes;
	p->load.run = load_run;
	atomic_init(&p->state, PROMPT_LOADING);
	return p;
oom:
	prompt_free(p);
	return NULL;
}

int prompt_get(struct prompt **pp, struct prompt_cache *cache,
	       const char *const *paths, size_t count)
{
	return prompt_get_beneath(pp, cache, paths, NULL, count);
}

int prompt_get_beneath(struct prompt **pp, struct prompt_cache *cache,
		       const char *const *paths, const size_t *roots,
		       size_t count)
{
	struct prompt *p;
	uint64_t hash;
	int err = 0;

	if (!paths || !count)
		return EINVAL;
	hash = hash_paths(paths, count);
	pthread_mutex_lock(&cache->lock);
	for (p = cache->bucket[hash % BUCKETS]; p; p = p->chain)
		if (p->hash == hash && same_paths(p, paths, roots, count))
			break;
	if (p) {
		cache->hits++;
		list_remove(&cache->known, p);
		list_push(&cache->known, p);
		atomic_fetch_add(&p->refs, 1);
		goto out;
	}
	p = prompt_new(cache, paths, roots, count);
	if (!p) {
		err = ENOMEM;
		goto out;
	}
	p->hash = hash;
	p->chain = cache->bucket[hash % BUCKETS];
	cache->bucket[hash % BUCKETS] = p;
	list_push(&cache->known, p);
	cache->count++;
	cache->loads++;
	cache->bytes += p->bytes;
	/* the cache, the load, the caller */
	atomic_init(&p->refs, 3);
	file_thread_post(cache->ft, &p->load);
out:
	pthread_mutex_unlock(&cache->lock);
	if (!err)
		*pp = p;
	return err;
}

void prompt_cache_forget(struct prompt_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->known.oldest)
		make_orphan(cache, cache->known.oldest);
	sweep_soon(cache);
	pthread_mutex_unlock(&cache->lock);
}

void prompt_cache_stats(struct prompt_cache *cache,
			struct prompt_cache_stats *stats)
{
	pthread_mutex_lock(&cache->lock);
	*stats = (struct prompt_cache_stats){
		.bytes = cache->bytes,
		.prompts = cache->count,
		.loads = cache->loads,
		.hits = cache->hits,
		.evicted = cache->evicted,
	};
	pthread_mutex_unlock(&cache->lock);
}

/* ---- any thread ----------------------------------------------------- */

enum prompt_state prompt_state(const struct prompt *p)
{
	return atomic_load_explicit(&p->state, memory_order_acquire);
}

const char *prompt_error(const struct prompt *p)
{
	if (prompt_state(p) != PROMPT_FAILED)
		return "";
	return p->error ? p->error : "out of memory";
}

const char *prompt_path(const struct prompt *p)
{
	return prompt_state(p) == PROMPT_READY ? p->path : NULL;
}

const int16_t *prompt_pcm(const struct prompt *p, size_t *samples)
{
	*samples = p->samples;
	return p->pcm;
}

const uint8_t *prompt_payload(const struct prompt *p, const struct codec *codec)
{
	return atomic_load_explicit(&p->payload[codec_index(codec)],
				    memory_order_acquire);
}

void prompt_want(struct prompt *p, const struct codec *codec)
{
	unsigned index = codec_index(codec), bit = 1U << index;

	if (atomic_fetch_or(&p->wanted, bit) & bit)
		return;
	/* The job's reference. */
	prompt_ref(p);
	file_thread_post(p->cache->ft, &p->encode[index].job);
}

struct prompt *prompt_ref(struct prompt *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void prompt_unref(struct prompt *p)
{
	if (p)
		atomic_fetch_sub_explicit(&p->refs, 1, memory_order_release);
}
