/* mix.c -- the members of a mix, and what each hears of the others */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "media/codec.h"
#include "media/mix.h"

struct mix {
	atomic_uint references;
	struct mix_member *members; /* of one worker */
};

int mix_alloc(struct mix **mp)
{
	struct mix *mix = calloc(1, sizeof(*mix));

	if (!mix)
		return ENOMEM;
	atomic_init(&mix->references, 1);
	*mp = mix;
	return 0;
}

struct mix *mix_ref(struct mix *mix)
{
	atomic_fetch_add_explicit(&mix->references, 1, memory_order_relaxed);
	return mix;
}

void mix_deref(struct mix *mix)
{
	if (mix && atomic_fetch_sub(&mix->references, 1) == 1)
		free(mix);
}

int mix_member_alloc(struct mix_member **mp, struct mix *mix, uint32_t talk,
		     uint32_t hear)
{
	struct mix_member *member = calloc(1, sizeof(*member));

	if (!member)
		return ENOMEM;
	member->mix = mix_ref(mix);
	member->talk = talk;
	member->hear = hear;
	*mp = member;
	return 0;
}

void mix_member_free(struct mix_member *member)
{
	if (!member)
		return;
	mix_deref(member->mix);
	free(member);
}

void mix_join(struct mix_member *member)
{
	member->next = member->mix->members;
	member->mix->members = member;
}

void mix_leave(struct mix_member *member)
{
	struct mix_member **mp = &member->mix->members;

	while (*mp && *mp != member)
		mp = &(*mp)->next;
	if (*mp)
		*mp = member->next;
	member->next = NULL;
}

bool mix_is_heard(const struct mix_member *member)
{
	for (const struct mix_member *m = member->mix->members; m; m = m->next)
		if (m != member && (m->hear & member->talk))
			return true;
	return false;
}

void mix_heard(struct mix_member *member, const int16_t *pcm)
{
	member->speaks = pcm != NULL;
	if (pcm)
		memcpy(member->frame, pcm, sizeof(member->frame));
}

bool mix_others(const struct mix_member *member, int16_t *pcm)
{
	bool any = false;

	for (const struct mix_member *m = member->mix->members; m;
	     m = m->next) {
		if (m == member || !m->speaks || !(member->hear & m->talk))
			continue;
		if (any)
			pcm_add(pcm, m->frame, JITTER_FRAME);
		else
			memcpy(pcm, m->frame, sizeof(m->frame));
		any = true;
	}
	return any;
}
