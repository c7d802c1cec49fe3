/* sources.h -- who sends how much, and who is not heard for a while
 *
 * Requests are counted for each source: an IPv4 address, or an IPv6 /64. Past
 * its limits a source is refused; when it goes on, or sends what fails, it is
 * banned for a time that doubles with each ban. Trusted addresses are neither
 * limited nor banned. Responses are never counted.
 *
 * Over UDP a source address can be forged, so somebody can have an address
 * banned that isn't his. What a ban takes away is therefore bounded: nothing
 * of a trusted address, no call that exists, no answer to what we have asked.
 *
 * A table of fixed size: strangers that haven't been seen for longest make
 * room, bans last, those made by hand never. Looking at a packet costs one
 * probe of it. On the loop thread.
 */
#ifndef MOONDIAL_SIP_SOURCES_H
#define MOONDIAL_SIP_SOURCES_H

#include <re.h>

struct sources;
struct source;

/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.1". */
struct network {
	struct sa addr;
	unsigned bits;
};
bool network_parse(struct network *net, const char *text, char *err,
		   size_t size);
bool network_has(const struct network *net, const struct sa *addr);

/* Whether two addresses are counted as one. */
bool same_source(const struct sa *a, const struct sa *b);

struct sources_config {
	unsigned invites;  /* new calls a second; 0: no limit */
	unsigned requests; /* other requests outside of calls; 0: no limit */
	unsigned faults;   /* requests a minute that fail; 0: no limit */
	uint32_t ban_ms;   /* of a first ban; 0: nobody is banned by itself */
	const struct network *trusted; /* copied */
	size_t trusted_count;
};

struct source_ban {
	struct sa addr; /* of a /64: its first address */
	bool network;	/* ADDR stands for its /64 */
	const char *reason;
	int64_t since_ms, until_ms; /* wall clock; until 0: for ever */
	unsigned times;		    /* how often it was banned */
	uint64_t dropped;	    /* packets, since it was */
};
typedef void(source_ban_h)(const struct source_ban *ban, void *arg);
/* Whether ADDR belongs to an account or trunk: as stack_trusted(). */
typedef bool(source_trust_h)(const struct sa *addr, void *arg);

int sources_alloc(struct sources **sp, const struct sources_config *config,
		  source_trust_h *trusth, source_ban_h *banh, void *arg);
void sources_free(struct sources *sources);
/* Trust has changed: ask again. */
void sources_trust_changed(struct sources *sources);

/* The entry of an address; NULL: it is trusted. */
struct source *source_see(struct sources *sources, const struct sa *addr,
			  uint64_t now_ms);
bool source_banned(const struct source *source, uint64_t now_ms);
/* A packet of a banned one was dropped. */
void source_dropped(struct source *source);
/* We have sent a request there: its answer is heard, banned or not. */
void source_asked(struct source *source, uint64_t now_ms);
bool source_was_asked(const struct source *source, uint64_t now_ms);

/* Somebody at ADDR has proved who he is: for an hour the limits of requests
 * and faults are eight times as wide there, since all telephones of an office
 * may stand behind one address. */
void source_prove(struct sources *sources, const struct sa *addr,
		  uint64_t now_ms);

enum source_charge { SOURCE_INVITE, SOURCE_REQUEST };
enum source_verdict {
	SOURCE_PASS,
	SOURCE_REFUSE, /* beyond its limit: 503 */
	SOURCE_DROP,   /* far beyond, or just banned: nothing */
};
/* Count one, and say what becomes of it. SOURCE may be NULL: passes. */
enum source_verdict source_charge(struct sources *sources,
				  struct source *source,
				  enum source_charge what, uint64_t now_ms);
/* Something of it has failed: garbage, malformed, unknown method or number.
 * May ban it. */
void source_fault(struct sources *sources, struct source *source,
		  uint64_t now_ms);

/* Ban by hand, for MS (0: for ever). EPERM: it is trusted; ENOSPC. */
int sources_ban(struct sources *sources, const struct sa *addr,
		const char *reason, uint64_t ms);
/* ENOENT: it isn't banned. ADDR NULL: all; never fails. */
int sources_unban(struct sources *sources, const struct sa *addr);
void sources_bans(const struct sources *sources, source_ban_h *fn, void *arg);

struct sources_count {
	unsigned known, banned;
};
void sources_count(const struct sources *sources, struct sources_count *count);

#endif
