/* sources.c -- who sends how much, and who is not heard for a while
 *
 * Each level leaks at its rate and is full at its capacity (a leaky bucket).
 * EXCESS is what was sent beyond a limit, in thousandths of a second's worth of
 * it: half of that leaks away, and 5 s worth is a ban. So 5,000 calls a second
 * where 100 are allowed are banned after a tenth of a second, 200 after ten,
 * and 140 are refused for ever.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/sources.h"

METRIC(source_refused, "requests beyond their source's limit, answered 503")
METRIC(source_silenced, "requests far beyond their source's limit, dropped")
METRIC(source_dropped_banned, "packets of banned sources, dropped")
METRIC(source_bans, "sources banned")

enum {
	WAYS = 8,
	SETS = 1024,
	KEY = 16,
	UNIT = 1000,   /* of levels */
	LEAK_MS = 100, /* steps, so that the lowest rate leaks, too */
	EXCESS_MAX = 5 * UNIT,
	EXCESS_LEAK = UNIT / 2,
	SILENCE = 2,		/* limits: beyond it nobody is answered */
	FAULTS_BURST_S = 30,	/* so many seconds' worth at once */
	ASKED_MS = 32000,	/* a transaction's life */
	BAN_MAX_MS = 86400000,	/* a day */
	FORGIVEN_MS = 86400000, /* as if it had never been banned */
	PROVED_MS = 3600000,
	PROVED_FACTOR = 8,
};

#define FOR_EVER UINT64_MAX

struct source {
	uint8_t key[KEY];
	uint64_t seen_ms; /* 0: free */
	uint64_t leaked_ms;
	uint64_t ban_until_ms; /* 0: not banned */
	uint64_t asked_ms;
	uint64_t proved_ms; /* 0: nobody there has proved himself */
	uint64_t dropped;
	int64_t banned_at_ms; /* wall clock */
	const char *reason;
	uint32_t invites, requests, faults, excess; /* levels */
	uint32_t trust_epoch;
	uint16_t times;
	bool trusted, by_hand, v6;
};

struct sources {
	struct sources_config config;
	struct network *trusted;
	source_trust_h *trusth;
	source_ban_h *banh;
	void *arg;
	uint64_t seed[2];
	uint32_t trust_epoch;
	unsigned known;
	struct source table[SETS][WAYS];
};

/* ---- networks ---------------------------------------------------------- */

bool network_parse(struct network *net, const char *text, char *err,
		   size_t size)
{
	const char *slash = strchr(text, '/');
	struct pl addr = {.p = text,
			  .l = slash ? (size_t)(slash - text) : strlen(text)};
	unsigned most;

	if (sa_set(&net->addr, &addr, 0)) {
		(void)re_snprintf(err, size,
				  "'%s': expected an address or a network, as "
				  "in 192.0.2.1, 10.0.0.0/8, 2001:db8::/32",
				  text);
		return false;
	}
	most = sa_af(&net->addr) == AF_INET ? 32 : 128;
	net->bits = most;
	if (slash) {
		struct pl digits;

		pl_set_str(&digits, slash + 1);
		net->bits = pl_u32(&digits);
		if (!digits.l || digits.l > 3 || net->bits > most ||
		    strspn(digits.p, "0123456789") != digits.l) {
			(void)re_snprintf(err, size,
					  "'%s': '%s' is no prefix length (0 "
					  "to %u)",
					  text, slash, most);
			return false;
		}
	}
	return true;
}

static size_t address_bytes(const struct sa *addr, uint8_t out[KEY])
{
	if (sa_af(addr) == AF_INET) {
		const uint32_t v4 = htonl(sa_in(addr));

		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	sa_in6(addr, out);
	return KEY;
}

bool network_has(const struct network *net, const struct sa *addr)
{
	uint8_t a[KEY], b[KEY];
	const unsigned bytes = net->bits / 8, bits = net->bits % 8;

	if (sa_af(&net->addr) != sa_af(addr))
		return false;
	(void)address_bytes(&net->addr, a);
	(void)address_bytes(addr, b);
	if (memcmp(a, b, bytes) != 0)
		return false;
	return !bits || (a[bytes] ^ b[bytes]) >> (8 - bits) == 0;
}

/* ---- the table --------------------------------------------------------- */

int sources_alloc(struct sources **sp, const struct sources_config *config,
		  source_trust_h *trusth, source_ban_h *banh, void *arg)
{
	struct sources *sources = mem_zalloc(sizeof(*sources), NULL);
	const size_t size = config->trusted_count * sizeof(*config->trusted);

	if (!sources)
		return ENOMEM;
	sources->config = *config;
	sources->trusth = trusth;
	sources->banh = banh;
	sources->arg = arg;
	sources->seed[0] = rand_u64();
	sources->seed[1] = rand_u64();
	sources->trust_epoch = 1;
	if (size) {
		sources->trusted = mem_alloc(size, NULL);
		if (!sources->trusted) {
			mem_deref(sources);
			return ENOMEM;
		}
		memcpy(sources->trusted, config->trusted, size);
	}
	*sp = sources;
	return 0;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	mem_deref(sources->trusted);
	mem_deref(sources);
}

void sources_trust_changed(struct sources *sources)
{
	sources->trust_epoch++;
}

/* An IPv6 host has a /64 to choose its addresses from. */
static void key_of(uint8_t key[KEY], const struct sa *addr)
{
	uint8_t bytes[KEY];
	const size_t n = address_bytes(addr, bytes);

	memset(key, 0, KEY);
	if (n == KEY) {
		memcpy(key, bytes, KEY / 2);
	} else {
		key[10] = key[11] = 0xff;
		memcpy(key + KEY - 4, bytes, 4);
	}
}

bool same_source(const struct sa *a, const struct sa *b)
{
	uint8_t x[KEY], y[KEY];

	key_of(x, a);
	key_of(y, b);
	return !memcmp(x, y, KEY);
}

/* MurmurHash3's finalizer: each bit of X changes half of the result. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

/* The seeds keep strangers from choosing addresses that share a set. */
static unsigned set_of(const struct sources *sources, const uint8_t key[KEY])
{
	uint64_t a, b;

	memcpy(&a, key, sizeof(a));
	memcpy(&b, key + sizeof(a), sizeof(b));
	a = mix(a ^ sources->seed[0]);
	return (unsigned)(mix(a ^ b ^ sources->seed[1]) % SETS);
}

/* Who makes room first: strangers not seen for long before
 * those seen now, before the banned; those banned by hand never. */
static bool makes_room_before(const struct source *a, const struct source *b)
{
	if (a->by_hand != b->by_hand)
		return b->by_hand;
	if (!a->ban_until_ms != !b->ban_until_ms)
		return !a->ban_until_ms;
	if (a->ban_until_ms)
		return a->ban_until_ms < b->ban_until_ms;
	return a->seen_ms < b->seen_ms;
}

static struct source *find(struct sources *sources, const uint8_t key[KEY])
{
	struct source *set = sources->table[set_of(sources, key)];

	for (unsigned i = 0; i < WAYS; i++)
		if (!memcmp(set[i].key, key, KEY) && set[i].seen_ms)
			return &set[i];
	return NULL;
}

/* NULL: all of its set are banned by hand. */
static struct source *add(struct sources *sources, const uint8_t key[KEY],
			  uint64_t now_ms)
{
	struct source *set = sources->table[set_of(sources, key)];
	struct source *victim = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].by_hand && set[i].ban_until_ms <= now_ms)
			set[i].by_hand = false;
		if (makes_room_before(&set[i], victim))
			victim = &set[i];
	}
	if (victim->by_hand)
		return NULL;
	if (!victim->seen_ms)
		sources->known++;
	memset(victim, 0, sizeof(*victim));
	memcpy(victim->key, key, KEY);
	return victim;
}

static bool is_trusted(const struct sources *sources, const struct sa *addr)
{
	for (size_t i = 0; i < sources->config.trusted_count; i++)
		if (network_has(&sources->trusted[i], addr))
			return true;
	return sources->trusth && sources->trusth(addr, sources->arg);
}

static struct source *look_up(struct sources *sources, const struct sa *addr,
			      uint64_t now_ms)
{
	struct source *source;
	uint8_t key[KEY];

	key_of(key, addr);
	source = find(sources, key);
	if (!source)
		source = add(sources, key, now_ms);
	if (!source)
		return NULL;
	source->v6 = sa_af(addr) == AF_INET6;
	source->seen_ms = now_ms ? now_ms : 1;
	if (source->trust_epoch != sources->trust_epoch) {
		source->trust_epoch = sources->trust_epoch;
		source->trusted = is_trusted(sources, addr);
	}
	return source;
}

struct source *source_see(struct sources *sources, const struct sa *addr,
			  uint64_t now_ms)
{
	struct source *source = look_up(sources, addr, now_ms);

	/* A /64 may hold a trusted address and others. */
	if (source && source->v6)
		return is_trusted(sources, addr) ? NULL : source;
	return source && source->trusted ? NULL : source;
}

/* ---- bans -------------------------------------------------------------- */

static void address_of(struct sa *addr, const struct source *source)
{
	uint32_t v4;

	if (source->v6) {
		sa_set_in6(addr, source->key, 0);
		return;
	}
	memcpy(&v4, source->key + 12, sizeof(v4));
	sa_set_in(addr, ntohl(v4), 0);
}

static void describe(struct source_ban *ban, const struct source *source)
{
	const uint64_t now = clock_mono_ms();

	memset(ban, 0, sizeof(*ban));
	address_of(&ban->addr, source);
	ban->network = source->v6;
	ban->reason = source->reason;
	ban->since_ms = source->banned_at_ms;
	if (source->ban_until_ms && source->ban_until_ms != FOR_EVER)
		ban->until_ms = clock_wall_ms() +
				((int64_t)source->ban_until_ms - (int64_t)now);
	ban->times = source->times;
	ban->dropped = source->dropped;
}

bool source_banned(const struct source *source, uint64_t now_ms)
{
	return source && source->ban_until_ms > now_ms;
}

static void tell(const struct sources *sources, const struct source *source)
{
	struct source_ban ban;

	if (!sources->banh)
		return;
	describe(&ban, source);
	sources->banh(&ban, sources->arg);
}

static void ban(struct sources *sources, struct source *source,
		const char *reason, uint64_t ms, uint64_t now_ms)
{
	static struct log_limit limit = LOG_LIMIT(20, 60000);
	char text[64];
	struct sa addr;

	if (source->times < UINT16_MAX)
		source->times++;
	source->reason = reason;
	source->ban_until_ms = ms ? now_ms + ms : FOR_EVER;
	source->banned_at_ms = clock_wall_ms();
	source->dropped = 0;
	source->invites = source->requests = source->faults = source->excess =
		0;
	metric_add(&source_bans, 1);
	address_of(&addr, source);
	(void)re_snprintf(text, sizeof(text), "%j%s", &addr,
			  source->v6 ? "/64" : "");
	if (ms)
		log_limited(&limit, LOG_WARN, NULL,
			    "%s is banned for %.0f s: %s", text,
			    (double)ms / 1000, reason);
	else
		log_limited(&limit, LOG_WARN, NULL,
			    "%s is banned until it is unbanned: %s", text,
			    reason);
	tell(sources, source);
}

static bool ban_itself(struct sources *sources, struct source *source,
		       const char *reason, uint64_t now_ms)
{
	uint64_t ms = sources->config.ban_ms;

	if (!ms || source->by_hand)
		return false;
	if (source->ban_until_ms && now_ms > source->ban_until_ms + FORGIVEN_MS)
		source->times = 0;
	for (unsigned i = 0; i < source->times && ms < BAN_MAX_MS; i++)
		ms *= 2;
	if (ms > BAN_MAX_MS && sources->config.ban_ms <= BAN_MAX_MS)
		ms = BAN_MAX_MS;
	ban(sources, source, reason, ms, now_ms);
	return true;
}

void source_dropped(struct source *source)
{
	source->dropped++;
	metric_add(&source_dropped_banned, 1);
}

void source_asked(struct source *source, uint64_t now_ms)
{
	if (source)
		source->asked_ms = now_ms;
}

bool source_was_asked(const struct source *source, uint64_t now_ms)
{
	return source->asked_ms && now_ms - source->asked_ms < ASKED_MS;
}

/* ---- levels ------------------------------------------------------------ */

void source_prove(struct sources *sources, const struct sa *addr,
		  uint64_t now_ms)
{
	struct source *source = source_see(sources, addr, now_ms);

	if (source)
		source->proved_ms = now_ms ? now_ms : 1;
}

/* How many telephones may stand behind one NAT. */
static unsigned factor(const struct source *source, uint64_t now_ms)
{
	return source->proved_ms && now_ms - source->proved_ms < PROVED_MS
		       ? PROVED_FACTOR
		       : 1;
}

static void leak_one(uint32_t *level, uint64_t units)
{
	*level = units < *level ? *level - (uint32_t)units : 0;
}

static void leak(const struct sources *sources, struct source *source,
		 uint64_t now_ms)
{
	uint64_t ms = now_ms - source->leaked_ms;

	if (ms < LEAK_MS)
		return;
	source->leaked_ms = now_ms;
	if (ms > 600000)
		ms = 600000; /* long enough to empty all */
	/* a second's leak is RATE × UNIT, a millisecond's RATE */
	leak_one(&source->invites, ms * sources->config.invites);
	leak_one(&source->requests,
		 ms * sources->config.requests * factor(source, now_ms));
	leak_one(&source->faults,
		 ms * sources->config.faults * factor(source, now_ms) / 60);
	leak_one(&source->excess, ms * EXCESS_LEAK / 1000);
}

/* Level full at RATE: a second's worth. */
static enum source_verdict fill(struct sources *sources, struct source *source,
				uint32_t *level, unsigned rate,
				const char *reason, uint64_t now_ms)
{
	if (!rate)
		return SOURCE_PASS;
	if (*level + UNIT <= rate * UNIT) {
		*level += UNIT;
		return SOURCE_PASS;
	}
	source->excess += UNIT / rate ? UNIT / rate : 1;
	if (source->excess >= EXCESS_MAX &&
	    ban_itself(sources, source, reason, now_ms))
		return SOURCE_DROP;
	if (source->excess > EXCESS_MAX)
		source->excess = EXCESS_MAX;
	if (source->excess > SILENCE * UNIT) {
		metric_add(&source_silenced, 1);
		return SOURCE_DROP;
	}
	metric_add(&source_refused, 1);
	return SOURCE_REFUSE;
}

enum source_verdict source_charge(struct sources *sources,
				  struct source *source,
				  enum source_charge what, uint64_t now_ms)
{
	if (!source)
		return SOURCE_PASS;
	leak(sources, source, now_ms);
	return what == SOURCE_INVITE
		       ? fill(sources, source, &source->invites,
			      sources->config.invites, "too many calls", now_ms)
		       : fill(sources, source, &source->requests,
			      sources->config.requests * factor(source, now_ms),
			      "too many requests", now_ms);
}

void source_fault(struct sources *sources, struct source *source,
		  uint64_t now_ms)
{
	const uint64_t most = (uint64_t)sources->config.faults *
			      FAULTS_BURST_S * UNIT / 60 *
			      (source ? factor(source, now_ms) : 1);

	if (!source || !sources->config.faults || source->ban_until_ms > now_ms)
		return;
	leak(sources, source, now_ms);
	source->faults += UNIT;
	if (source->faults > most) {
		source->faults = (uint32_t)most;
		(void)ban_itself(sources, source, "requests that fail", now_ms);
	}
}

/* ---- by hand ----------------------------------------------------------- */

int sources_ban(struct sources *sources, const struct sa *addr,
		const char *reason, uint64_t ms)
{
	const uint64_t now = clock_mono_ms();
	struct source *source;

	assert(loop_current());
	if (is_trusted(sources, addr))
		return EPERM;
	source = look_up(sources, addr, now);
	if (!source)
		return ENOSPC;
	source->by_hand = true;
	ban(sources, source, reason, ms, now);
	return 0;
}

static void unban(struct source *source)
{
	source->ban_until_ms = 0;
	source->by_hand = false;
	source->times = 0;
	source->reason = NULL;
}

int sources_unban(struct sources *sources, const struct sa *addr)
{
	const uint64_t now = clock_mono_ms();
	struct source *source;
	uint8_t key[KEY];

	assert(loop_current());
	if (addr) {
		key_of(key, addr);
		source = find(sources, key);
		if (!source_banned(source, now))
			return ENOENT;
		unban(source);
		return 0;
	}
	for (unsigned i = 0; i < SETS * WAYS; i++) {
		source = &sources->table[i / WAYS][i % WAYS];
		if (source->ban_until_ms)
			unban(source);
	}
	return 0;
}

void sources_bans(const struct sources *sources, source_ban_h *fn, void *arg)
{
	const uint64_t now = clock_mono_ms();

	for (unsigned i = 0; i < SETS * WAYS; i++) {
		const struct source *source =
			&sources->table[i / WAYS][i % WAYS];
		struct source_ban one;

		if (!source_banned(source, now))
			continue;
		describe(&one, source);
		fn(&one, arg);
	}
}

void sources_count(const struct sources *sources, struct sources_count *count)
{
	const uint64_t now = clock_mono_ms();

	count->known = sources->known;
	count->banned = 0;
	for (unsigned i = 0; i < SETS * WAYS; i++)
		count->banned +=
			source_banned(&sources->table[i / WAYS][i % WAYS], now);
}
