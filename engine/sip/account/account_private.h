/* account_private.h -- an account's inside
 *
 *   account.c         the table: set, changed, removed; reading
 *   account_invite.c  whom an INVITE is for
 *   account_hosts.c   the hosts that accounts name
 *   account_flows.c   registered by more than one server at once
 *   register.h        the binding, of one that registers
 */
#ifndef MOONDIAL_SIP_ACCOUNT_PRIVATE_H
#define MOONDIAL_SIP_ACCOUNT_PRIVATE_H

#include "sip/account/account.h"
#include "sip/account/account_params.h"
#include "sip/account/register_pace.h"

struct credentials;
struct registration;

struct accounts {
	struct stack *stack;
	struct register_pace pace;
	char *instance_id;
	account_h *handler;
	void *arg;
	struct hash *by_name, *by_line, *by_user, *by_host;
	struct list all;
	unsigned count;

	struct list leaving; /* struct leaving: they take bindings back */
	bool closing;
	struct tmr tmr;
	void (*done)(void *arg);
	void *done_arg;
};

/* One more registration of an account, by another of its servers. */
struct account_flow {
	struct account *account;
	struct registration *reg; /* NULL: none */
};

struct account {
	struct le le, by_name, by_line, by_user;
	struct accounts *accounts; /* NULL: closed */
	struct account_params_copy *params;
	struct credentials *credentials;
	struct registration *reg;
	struct account_flow flows[ACCOUNT_FLOWS_MAX - 1]; /* beside REG */
	const struct registration *told; /* which of them it was that the … */
	enum account_state told_state;	 /* … handler knows */
	struct session_keepalive keepalive;
	uint32_t register_ms; /* account_keep_registering() */
	char line[17];
};

/* ---- account.c */
/* Those of a registration of ACCOUNT. */
struct registration_params;
void account_registration_params(struct registration_params *r,
				 const struct accounts *accounts,
				 const struct account_params_copy *params,
				 const char *line,
				 struct credentials *credentials);
/* REG takes its binding back, if it has one, and is gone then. */
void account_leave(struct accounts *accounts, struct registration *reg);
/* Tell the handler, which may remove the account. */
void account_tell(struct account *account);

/* ---- account_flows.c */
/* The first registration may have changed, or what was asked for: begin the
 * others when it is an outbound one, end those that are too many. */
void account_flows_fit(struct account *account);
/* End them: taken back, or silently. */
void account_flows_close(struct account *account);
void account_flows_drop(struct account *account);
/* The one that calls go by: the first that is registered; else the first. */
const struct registration *account_current(const struct account *account);
/* Whether the handler hasn't been told of what is current now; it has then. */
bool account_has_news(struct account *account);

/* ---- account_hosts.c */
/* The hosts of an account come in and go. ENOMEM: none has come in. */
int account_hosts_add(struct accounts *accounts,
		      const struct account_params_copy *params);
void account_hosts_remove(struct accounts *accounts,
			  const struct account_params_copy *params);

#endif
