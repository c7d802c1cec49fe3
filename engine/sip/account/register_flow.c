/* register_flow.c -- the way to the registrar: kept alive, found dead, left for
 * a better one */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sip/reach/keepalive.h"
#include "sip/account/register_private.h"
#include "sip/account/register_request.h"
#include "sip/account/register_wait.h"
#include "sip/stack_private.h"

enum {
	/* How soon a server before the one in use is tried again: first, at
	 * most. */
	RETURN_MIN_MS = 60000,
	RETURN_MAX_MS = 600000,
	NETWORK_SPREAD_MS = 2000,
};

/* ---- back to the first server ------------------------------------------- */

/* Registered at another than the first: that one is tried again before long,
 * and each time later. */
uint64_t registration_return_ms(struct registration *reg, uint64_t refresh)
{
	const uint64_t now = clock_mono_ms();

	if (reg->server.number == reg->first_server && !reg->server.place) {
		reg->return_ms = 0;
		return refresh;
	}
	if (!reg->return_ms || now >= reg->return_at_ms) {
		reg->return_ms =
			!reg->return_ms ? RETURN_MIN_MS : 2 * reg->return_ms;
		if (reg->return_ms > RETURN_MAX_MS)
			reg->return_ms = RETURN_MAX_MS;
		reg->return_at_ms = now + reg->return_ms -
				    register_random(reg->return_ms / 5);
	}
	if (reg->return_at_ms > now + refresh)
		return refresh;
	reg->returning = true;
	return reg->return_at_ms - now;
}

/* ---- a dead flow -------------------------------------------------------- */

/* At once; but when no keep-alive was ever answered, not every other second. */
static uint64_t wait_ms(struct registration *reg)
{
	if (!reg->flow_deaths++)
		return 0;
	return register_retry_ms(reg->flow_deaths - 2, REGISTER_PASSING,
				 reg->retry_min_ms, reg->retry_max_ms, 0);
}

void registration_flow_failed(struct registration *reg, const char *why)
{
	uint64_t ms;

	/* It is being tried already, or about to be. */
	if (reg->closing || reg->state != ACCOUNT_REGISTERED || !reg->here)
		return;
	ms = wait_ms(reg);
	reg->scode = 0;
	(void)re_snprintf(reg->reason, sizeof(reg->reason), "%s", why);
	log_warn(NULL, "account %s: the flow to its registrar is dead: %s",
		 reg->name, why);
	registration_keep_stop(reg);
	registration_moved_forget(reg);
	reg->here = reg->returning = false;
	registration_restart(reg, ms);
	if (!ms) {
		tmr_cancel(&reg->tmr);
		servers_begin(reg->servers, &reg->server.addr, true);
	}
	mem_ref(reg); /* who is told may close it */
	registration_set_state(reg, ACCOUNT_FAILED);
	if (!ms && !reg->closing)
		registration_next(reg);
	mem_deref(reg);
}

/* ---- keep-alive -------------------------------------------------------- */

void registration_keep_stop(struct registration *reg)
{
	reg->keepalive = mem_deref(reg->keepalive);
	tcp_watch_end(&reg->connection);
}

static void on_keepalive(bool dead, const char *reason, void *arg)
{
	struct registration *reg = arg;
	char text[sizeof(reg->reason)];

	if (!dead) {
		reg->flow_deaths = 0;
		return;
	}
	(void)re_snprintf(text, sizeof(text), "keep-alive: %s", reason);
	registration_flow_failed(reg, text);
}

static void on_closed(void *arg)
{
	registration_flow_failed(arg, "its connection was closed");
}

/* The end of the connection that it has registered by is the end of the flow
 * (RFC 5626 4.2.2), where there is to be one. Without, the registrar opens
 * another to our contact. */
static void watch_connection(struct registration *reg,
			     const struct sip_msg *msg)
{
	if (msg->tp != SIP_TRANSP_TCP ||
	    (!reg->outbound && reg->keepalive_kind == KEEPALIVE_NONE))
		return;
	/* it has lasted since the last time */
	if (tcp_watch_waits(&reg->connection, &msg->src))
		reg->flow_deaths = 0;
	else
		(void)tcp_watch_begin(&reg->connection, reg->stack->tcp,
				      &msg->src, on_closed, reg);
}

void registration_keep(struct registration *reg, const struct sip_msg *msg)
{
	/* what the server has asked for is the longest (RFC 5626 5.4) */
	const uint64_t asked_ms = (uint64_t)reg->grant.flow_timer * 1000;
	const uint32_t ms =
		reg->keepalive_ms ? reg->keepalive_ms : KEEPALIVE_INTERVAL_MS;
	const struct keepalive_params params = {
		.kind = reg->keepalive_kind,
		.interval_ms =
			asked_ms && asked_ms < ms ? (uint32_t)asked_ms : ms,
		.uri = reg->server.uri,
		.flow = msg,
	};
	int err;

	if (reg->keepalive && keepalive_is_flow(reg->keepalive, msg))
		return;
	reg->keepalive = mem_deref(reg->keepalive);
	watch_connection(reg, msg);
	if (reg->keepalive_kind == KEEPALIVE_NONE ||
	    reg->keepalive_kind == KEEPALIVE_REGISTER)
		return;
	err = keepalive_alloc(&reg->keepalive, reg->stack, &params,
			      on_keepalive, reg);
	if (err)
		log_warn(NULL, "account %s: no keep-alive: %s", reg->name,
			 strerror(err));
}

uint64_t registration_keep_ms(const struct registration *reg, uint64_t wait_ms)
{
	const uint64_t ms =
		reg->keepalive_ms ? reg->keepalive_ms : KEEPALIVE_INTERVAL_MS;

	if (reg->keepalive_kind == KEEPALIVE_REGISTER && ms < wait_ms)
		wait_ms = ms;
	return reg->register_ms && reg->register_ms < wait_ms ? reg->register_ms
							      : wait_ms;
}

void registration_keep_registering(struct registration *reg, uint32_t ms)
{
	const bool sooner = ms && (!reg->register_ms || ms < reg->register_ms);

	reg->register_ms = ms;
	if (sooner && reg->state == ACCOUNT_REGISTERED && reg->here &&
	    reg->next_at > clock_wall_ms() + (int64_t)ms)
		registration_schedule(reg, ms);
}

/* ---- another network ---------------------------------------------------- */

bool registration_network_changed(struct registration *reg)
{
	const struct sa *contact = register_request_laddr(reg->request);
	struct sa laddr;

	if (reg->closing || reg->state != ACCOUNT_REGISTERED ||
	    stack_source(reg->stack, reg->server_tp, &reg->server.addr, &laddr,
			 NULL) ||
	    sa_cmp(&laddr, contact, SA_ADDR))
		return false;
	reg->scode = 0;
	(void)re_snprintf(reg->reason, sizeof(reg->reason),
			  "our address has changed from %j to %j", contact,
			  &laddr);
	log_info(NULL, "account %s: %s", reg->name, reg->reason);
	registration_restart(reg, register_random(NETWORK_SPREAD_MS));
	registration_set_state(reg, ACCOUNT_TRYING);
	return true;
}
