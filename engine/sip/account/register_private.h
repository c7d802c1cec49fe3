/* register_private.h -- a registration's inside, for register*.c */
#ifndef MOONDIAL_SIP_REGISTER_PRIVATE_H
#define MOONDIAL_SIP_REGISTER_PRIVATE_H

#include "sip/account/register.h"
#include "sip/account/servers.h"
#include "sip/tcp_guard.h"

struct digest;
struct register_request;

struct registration {
	struct stack *stack;
	struct register_request *request;
	struct servers *servers;
	unsigned first_server; /* number of the first of them */
	struct servers *moved; /* where a 3xx has sent us */
	struct credentials *credentials;
	struct digest *digest;
	struct register_pace *pace;
	struct tmr tmr;	       /* the next attempt */
	struct tmr silent_tmr; /* … or address */
	registration_h *changed, *done;
	void *arg;

	char *name, *user, *line;
	unsigned redirects;
	enum account_expiry expiry;
	uint32_t expires, retry_min_ms, retry_max_ms;
	uint32_t min_expires; /* the registrar's, from a 423 */
	uint32_t asked;	      /* in the request under way */
	uint64_t begun_ms;    /* the last request of an attempt */
	unsigned failures;
	bool raised;	   /* this attempt has met a 423 */
	bool outbound;	   /* asked for (RFC 5626), and not turned down */
	uint64_t until_ms; /* the registrar has our contact till then */
	bool closing;

	/* the server that is asked, or that it is registered at; its uri is a
	 * reference of ours */
	struct account_server server;
	bool server_moved; /* it is one that a 3xx named */
	enum sip_transp server_tp;
	bool here;			  /* the next attempt begins with it */
	bool returning;			  /* … or with the first one again */
	unsigned home_number, home_place; /* of the server registered at */
	uint32_t return_ms; /* how long it stays away; 0: it isn't */
	uint64_t return_at_ms;

	enum account_state state;
	uint16_t scode;
	char reason[200];
	uint32_t retry_after; /* of this round */
	struct grant grant;
	int64_t registered_at, next_at;
	struct sa trusted;
	bool trusts;

	/* register_flow.c */
	enum keepalive_kind keepalive_kind;
	uint32_t keepalive_ms;
	uint32_t register_ms;	     /* 0: nobody else wants it kept so */
	struct keepalive *keepalive; /* of the flow that it has registered by */
	struct tcp_watch connection;
	unsigned flow_deaths; /* since a keep-alive was last answered */
};

/* ---- register.c */
/* Whatever it waits for: it begins anew, in so long or a little later. */
void registration_restart(struct registration *reg, uint64_t wait_ms);
/* The next server, of the round that has been begun. */
void registration_next(struct registration *reg);
/* No server of a 3xx any more. */
void registration_moved_forget(struct registration *reg);
/* The next attempt begins in so long, or a second after the last. */
void registration_schedule(struct registration *reg, uint64_t wait_ms);
void registration_set_state(struct registration *reg, enum account_state state);

/* ---- register_flow.c */
/* Keep the flow that this response has come by. */
void registration_keep(struct registration *reg, const struct sip_msg *msg);
void registration_keep_stop(struct registration *reg);
/* The kind "register": a refresh that comes as early as a NAT wants it. */
uint64_t registration_keep_ms(const struct registration *reg, uint64_t wait_ms);
/* When the first server is to be tried again, or REFRESH_MS. */
uint64_t registration_return_ms(struct registration *reg, uint64_t refresh_ms);

#endif
