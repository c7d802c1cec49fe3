/* account_invite.c -- whom an INVITE is for */
#include "sip/account/account_private.h"
#include "sip/account/register.h"

static struct account *by_line(const struct accounts *accounts,
			       const struct pl *line)
{
	struct le *le =
		list_head(hash_list(accounts->by_line, hash_joaat_pl(line)));

	for (; le; le = le->next) {
		struct account *account = le->data;

		if (!pl_strcmp(line, account->line))
			return account;
	}
	return NULL;
}

static bool is_contact(const struct account *account, const struct uri *uri)
{
	const struct sa *contact;
	struct sa addr;

	if (!account->reg ||
	    sa_set(&addr, &uri->host, uri->port ? uri->port : SIP_PORT))
		return false;
	contact = registration_contact(account->reg);
	return sa_isset(contact, SA_ADDR) && sa_cmp(contact, &addr, SA_ALL);
}

static bool is_identity(const struct account *account, const struct uri *uri)
{
	return !pl_strcasecmp(&uri->host, account->params->host);
}

typedef bool(is_account_h)(const struct account *account,
			   const struct uri *uri);

static struct account *by_user(const struct accounts *accounts,
			       const struct uri *uri, is_account_h *is)
{
	struct le *le = list_head(
		hash_list(accounts->by_user, hash_joaat_pl(&uri->user)));

	for (; le; le = le->next) {
		struct account *account = le->data;

		if (!pl_strcmp(&uri->user, account->params->user) &&
		    is(account, uri))
			return account;
	}
	return NULL;
}

struct account *account_of_invite(const struct accounts *accounts,
				  const struct sip_msg *msg)
{
	struct account *account = NULL;
	struct pl line;

	if (!msg_param_decode(&msg->uri.params, "line", &line))
		account = by_line(accounts, &line);
	if (!account)
		account = by_user(accounts, &msg->to.uri, is_identity);
	if (!account)
		account = by_user(accounts, &msg->uri, is_contact);
	return account;
}
