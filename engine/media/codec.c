/* codec.c -- the table of codecs, and what they share */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include "media/codec.h"

static const struct codec *const table[] = {&codec_pcmu, &codec_pcma};

enum { TABLE_COUNT = sizeof(table) / sizeof(table[0]) };
static_assert((int)TABLE_COUNT <= (int)CODEC_MAX, "prompts have a slot each");

/* What SDP reads is an array of media_codec; the table holds whole codecs. */
static struct media_codec infos[TABLE_COUNT];

__attribute__((constructor)) static void infos_fill(void)
{
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		infos[i] = table[i]->info;
}

const struct media_codec *media_codecs(size_t *count)
{
	*count = TABLE_COUNT;
	return infos;
}

const struct media_codec *media_codec_find(const char *name)
{
	if (!name)
		return NULL;
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		if (!strcasecmp(infos[i].name, name))
			return &infos[i];
	return NULL;
}

const struct codec *codec_of(const struct media_codec *info)
{
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		if (info == &infos[i] || info == &table[i]->info)
			return table[i];
	return NULL;
}

unsigned codec_index(const struct codec *codec)
{
	unsigned i = 0;

	while (table[i] != codec) {
		i++;
		assert(i < TABLE_COUNT);
	}
	return i;
}

const struct codec *codec_at(unsigned index)
{
	return index < TABLE_COUNT ? table[index] : NULL;
}
