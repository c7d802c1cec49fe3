/* caller.h -- calls into the engine, at a rate or held together
 *
 * Each INVITE is answered, refused or lost; an answered one lasts as long as
 * asked, or until the engine ends it. Retransmits as RFC 3261 17 wants, gives
 * up after 10 s.
 */
#ifndef MOONDIAL_BENCH_CALLER_H
#define MOONDIAL_BENCH_CALLER_H

#include "bench/audio.h"
#include "bench/samples.h"
#include "bench/sip_text.h"

struct caller_options {
	struct sockaddr_in target;
	double rate;	/* new calls a second */
	uint64_t count; /* of calls; 0: as many as start in SECONDS */
	double seconds;
	double hold;	 /* s from answer to our BYE; < 0: the engine ends it */
	bool together;	 /* hold all until caller_release() */
	char digit;	 /* pressed in each call; 0: none */
	double digit_at; /* s after the answer */
};

struct caller_result {
	uint64_t started, answered, completed;
	uint64_t refused;  /* 503 */
	uint64_t rejected; /* other final responses */
	uint64_t lost;	   /* no answer, or no answer to BYE, in 10 s */
	uint64_t cut;	   /* ended by the engine although we should */
	uint64_t retransmitted, stray;
	uint64_t first_ns, last_ns; /* INVITE of the first, end of the last */
	struct samples answer_us;   /* INVITE to 200 */
};

struct caller;

/* AUDIO: NULL when no RTP is to flow (the SDP then names its port all the
 * same: where nobody listens). */
struct caller *caller_new(const struct caller_options *options, int fd,
			  const struct sip_self *self, struct audio *audio);

/* A message came. */
void caller_message(struct caller *caller, const struct sip_text *sip,
		    const struct sockaddr_in *peer);

/* Start and end calls that are due. Returns when to call again. */
uint64_t caller_run(struct caller *caller);

/* No call waits for its answer, and no more will start. */
bool caller_settled(const struct caller *caller);

/* End all that are held together. */
void caller_release(struct caller *caller);

/* All have started and ended. */
bool caller_done(const struct caller *caller);

struct caller_result *caller_result(struct caller *caller);
uint64_t caller_active(const struct caller *caller);

#endif
