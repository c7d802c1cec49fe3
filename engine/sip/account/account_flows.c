/* account_flows.c -- registered by more than one server at once (RFC 5626 4.2)
 *
 * The first registration tries all servers in turn. When the registrar has said
 * that it knows RFC 5626, which keeps bindings of one instance apart by reg-id,
 * each other flow has one of the further servers, and stays with it.
 */
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "sip/account/account_private.h"
#include "sip/account/register.h"

enum { SPREAD_MS = 1000 };

const struct registration *account_current(const struct account *account)
{
	if (account->reg &&
	    registration_state(account->reg) == ACCOUNT_REGISTERED)
		return account->reg;
	for (size_t i = 0; i < ARRAY_SIZE(account->flows); i++) {
		const struct registration *reg = account->flows[i].reg;

		if (reg && registration_state(reg) == ACCOUNT_REGISTERED)
			return reg;
	}
	return account->reg;
}

static bool has_flows(const struct account *account)
{
	for (size_t i = 0; i < ARRAY_SIZE(account->flows); i++)
		if (account->flows[i].reg)
			return true;
	return false;
}

bool account_has_news(struct account *account)
{
	const struct registration *now = account_current(account);
	const enum account_state state = account_state(account);
	const bool same = has_flows(account) && now == account->told &&
			  state == account->told_state;

	account->told = now;
	account->told_state = state;
	return !same;
}

static void on_changed(void *arg)
{
	struct account_flow *flow = arg;

	if (account_has_news(flow->account))
		account_tell(flow->account);
}

static unsigned wanted(const struct account *account)
{
	const struct account_params_copy *params = account->params;
	unsigned servers = 0;

	while (params->servers[servers])
		servers++;
	if (!account->reg || !params->p.outbound)
		return 0;
	return params->p.flows < servers ? params->p.flows : servers;
}

static int begin(struct account *account, unsigned number)
{
	struct account_flow *flow = &account->flows[number - 1];
	const struct account_params_copy *params = account->params;
	const char *const servers[] = {params->servers[number], NULL};
	struct registration_params r;

	account_registration_params(&r, account->accounts, params,
				    account->line, account->credentials);
	r.servers = servers;
	r.first_server = number;
	flow->account = account;
	return registration_alloc(&flow->reg, account->accounts->stack, &r,
				  rand_u32() % SPREAD_MS, on_changed, flow);
}

void account_flows_fit(struct account *account)
{
	const unsigned count = wanted(account);
	const bool can =
		count &&
		registration_state(account->reg) == ACCOUNT_REGISTERED &&
		registration_grant(account->reg)->outbound;

	for (unsigned i = 1; i <= ARRAY_SIZE(account->flows); i++) {
		struct account_flow *flow = &account->flows[i - 1];
		int err = 0;

		if (flow->reg && i >= count) {
			account_leave(account->accounts, flow->reg);
			flow->reg = NULL;
		} else if (!flow->reg && i < count && can) {
			err = begin(account, i);
		}
		if (err)
			log_warn(NULL, "account %s: no flow by %s: %s",
				 account->params->p.name,
				 account->params->servers[i], strerror(err));
	}
}

void account_flows_close(struct account *account)
{
	for (size_t i = 0; i < ARRAY_SIZE(account->flows); i++) {
		account_leave(account->accounts, account->flows[i].reg);
		account->flows[i].reg = NULL;
	}
}

void account_flows_drop(struct account *account)
{
	for (size_t i = 0; i < ARRAY_SIZE(account->flows); i++)
		account->flows[i].reg = mem_deref(account->flows[i].reg);
}

bool account_read_flow(const struct account *account, unsigned number,
		       struct account_flow_reading *reading)
{
	const struct registration *reg =
		!number ? account->reg
		: number <= ARRAY_SIZE(account->flows)
			? account->flows[number - 1].reg
			: NULL;

	if (!reg)
		return false;
	*reading = (struct account_flow_reading){
		.reg_id = number + 1,
		.state = registration_state(reg),
		.server = registration_server(reg),
		.reason = registration_reason(reg),
	};
	return true;
}
