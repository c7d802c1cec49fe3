/* account_private.h -- an account's inside
 *
 *   account.c         the table: set, changed, removed; reading
 *   account_invite.c  whom an INVITE is for
 *   account_hosts.c   the hosts that accounts name
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

struct account {
	struct le le, by_name, by_line, by_user;
	struct accounts *accounts; /* NULL: closed */
	struct account_params_copy *params;
	struct credentials *credentials;
	struct registration *reg;
	struct session_keepalive keepalive;
	uint32_t register_ms; /* account_keep_registering() */
	char line[17];
};

/* ---- account_hosts.c */
/* The hosts of an account come in and go. ENOMEM: none has come in. */
int account_hosts_add(struct accounts *accounts,
		      const struct account_params_copy *params);
void account_hosts_remove(struct accounts *accounts,
			  const struct account_params_copy *params);

#endif
