/* callee.h -- answers each call that the engine makes, until its BYE
 */
#ifndef MOONDIAL_BENCH_CALLEE_H
#define MOONDIAL_BENCH_CALLEE_H

#include "bench/audio.h"
#include "bench/sip_text.h"

struct callee_result {
	uint64_t answered, completed;
	uint64_t again;		    /* INVITEs that came once more */
	uint64_t most;		    /* at once */
	uint64_t first_ns, last_ns; /* the first INVITE, the last BYE */
};

struct callee;

/* AUDIO: as for callers. */
struct callee *callee_new(int fd, const struct sip_self *self,
			  struct audio *audio);

void callee_message(struct callee *callee, const struct sip_text *sip,
		    const struct sockaddr_in *peer);

/* Send what is to be sent. */
void callee_flush(struct callee *callee);

uint64_t callee_active(const struct callee *callee);
struct callee_result *callee_result(struct callee *callee);

#endif
