/* The keys of accounts, trunks and endpoints: of whom we call and are called
 * by. docs/configuration.md has the same keys: a test compares the two. */
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "call/target.h"
#include "sip/account/account.h"

static bool check_uri(const cJSON *value, char *err, size_t size)
{
	struct target target;
	char uri[256];

	if (!target_parse(&target, value->valuestring, err, size) &&
	    target.type == TARGET_URI)
		return true;
	(void)snprintf(uri, sizeof(uri), "sip:%s", value->valuestring);
	if (!target_parse(&target, uri, err, size) && target.type == TARGET_URI)
		(void)snprintf(err, size,
			       "'%s' is not a SIP URI; did you mean '%s'?",
			       value->valuestring, uri);
	else
		(void)snprintf(err, size,
			       "'%s' is not a SIP URI such as "
			       "sip:alice@example.org",
			       value->valuestring);
	return false;
}

static bool check_instance(const cJSON *value, char *err, size_t size)
{
	const char *s = value->valuestring;

	if (!strncmp(s, "urn:uuid:", 9) && strlen(s) == 45 &&
	    strspn(s + 9, "0123456789abcdefABCDEF-") == 36)
		return true;
	(void)snprintf(err, size,
		       "'%.60s' is not urn:uuid: and a UUID, as uuidgen makes "
		       "them",
		       s);
	return false;
}

static bool check_ha1(const cJSON *value, char *err, size_t size)
{
	const char *s = value->valuestring;

	if (strlen(s) == 32 && strspn(s, "0123456789abcdefABCDEF") == 32)
		return true;
	(void)snprintf(err, size,
		       "must be 32 hex digits: the MD5 of "
		       "user:realm:password");
	return false;
}

static bool check_sha256(const cJSON *value, char *err, size_t size)
{
	const char *s = value->valuestring;

	if (strlen(s) == 64 && strspn(s, "0123456789abcdefABCDEF") == 64)
		return true;
	(void)snprintf(err, size,
		       "must be 64 hex digits: the SHA-256 of "
		       "user:realm:password");
	return false;
}

static const char *const expiries[] = {"contact", "header", "ignore", NULL};
static const char *const qualify_answers[] = {"any", "2xx", NULL};

/* How a trunk and an endpoint are asked; WHOSE are. */
#define QUALIFY_FIELDS(whose)                                               \
	{.name = "qualify",                                                 \
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,                                  \
	 .min = 0.05,                                                       \
	 .max = 60,                                                         \
	 .unit = "s",                                                       \
	 .def = "false",                                                    \
	 .help = "whether " whose " asked by OPTIONS if they are there; a " \
		 "number: qualify_timeout"},                                \
		{.name = "qualify_every",                                   \
		 .type = SCHEMA_NUMBER,                                     \
		 .min = 1,                                                  \
		 .max = 86400,                                              \
		 .unit = "s",                                               \
		 .def = "60",                                               \
		 .help = "from one time to the next"},                      \
		{.name = "qualify_timeout",                                 \
		 .type = SCHEMA_NUMBER,                                     \
		 .min = 0.05,                                               \
		 .max = 60,                                                 \
		 .unit = "s",                                               \
		 .def = "2",                                                \
		 .help = "a later answer means lagged"},                    \
		{.name = "qualify_tries",                                   \
		 .type = SCHEMA_INTEGER,                                    \
		 .min = 1,                                                  \
		 .max = 20,                                                 \
		 .def = "7",                                                \
		 .help = "without an answer, a second apart; then it is "   \
			 "unreachable"},                                    \
	{                                                                   \
		.name = "qualify_answer", .type = SCHEMA_STRING,            \
		.choices = qualify_answers, .def = "\"any\"",               \
		.help = "what is a sign of life: any answer, or 2xx only"   \
	}

/* What keeps calls open; by default as OWN and SESSION say. */
#define CALL_KEEPALIVE_FIELDS(own, session)                                    \
	{.name = "keepalive_sip",                                              \
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,                                     \
	 .min = 2,                                                             \
	 .max = 3600,                                                          \
	 .unit = "s",                                                          \
	 .def = own,                                                           \
	 .help = "OPTIONS within its calls so often; true: half of "           \
		 "nat_session_time"},                                          \
		{.name = "keepalive_rtp",                                      \
		 .type = SCHEMA_NUMBER_OR_BOOLEAN,                             \
		 .min = 2,                                                     \
		 .max = 3600,                                                  \
		 .unit = "s",                                                  \
		 .def = own,                                                   \
		 .help = "some audio leaves within so long, also on hold; "    \
			 "true: half "                                         \
			 "of nat_session_time"},                               \
		{.name = "nat_session_time",                                   \
		 .type = SCHEMA_NUMBER,                                        \
		 .min = 5,                                                     \
		 .max = 120,                                                   \
		 .unit = "s",                                                  \
		 .def = session,                                               \
		 .help = "the shortest NAT binding that must be kept"},        \
	{                                                                      \
		.name = "keepalive_hangup", .type = SCHEMA_BOOLEAN,            \
		.def = own,                                                    \
		.help = "whether an OPTIONS that nobody answers ends the call" \
	}

static const char *const keepalives[] = {"none",     "crlf",	"double_crlf",
					 "stun",     "options", "notify",
					 "register", NULL};

const struct schema config_account_fields[] = {
	{.name = "name",
	 .type = SCHEMA_STRING,
	 .required = true,
	 .help = "how scripts and trunks call it"},
	{.name = "uri",
	 .type = SCHEMA_STRING,
	 .required = true,
	 .check = check_uri,
	 .help = "the identity: sip:user@domain"},
	{.name = "display_name",
	 .type = SCHEMA_STRING,
	 .help = "shown to those who are called"},
	{.name = "auth_user",
	 .type = SCHEMA_STRING,
	 .def = "the uri's user",
	 .help = "user name for digest authentication"},
	{.name = "password",
	 .type = SCHEMA_STRING,
	 .help = "take it from the environment: env(\"NAME\")"},
	{.name = "ha1",
	 .type = SCHEMA_STRING,
	 .check = check_ha1,
	 .help = "MD5 of user:realm:password in hex, instead of a password"},
	{.name = "realm",
	 .type = SCHEMA_STRING,
	 .def = "the one the registrar asks for",
	 .help = "credentials are given for this realm only"},
	{.name = "registrar",
	 .type = SCHEMA_STRING_OR_LIST,
	 .check = check_uri,
	 .def = "the uri's domain",
	 .help = "where to register: sip:host; of a list the first that "
		 "answers"},
	{.name = "proxy",
	 .type = SCHEMA_STRING_OR_LIST,
	 .check = check_uri,
	 .help = "outbound proxy for all requests of this account; of a list "
		 "the first that answers"},
	{.name = "register",
	 .type = SCHEMA_BOOLEAN,
	 .def = "true",
	 .help = "false: credentials and identity only"},
	{.name = "expires",
	 .type = SCHEMA_INTEGER,
	 .min = 10,
	 .max = 86400,
	 .unit = "s",
	 .def = "600",
	 .help = "asked for; the registrar's answer counts"},
	{.name = "registrar_expires",
	 .type = SCHEMA_STRING,
	 .choices = expiries,
	 .def = "\"contact\"",
	 .help = "which expiry of the registrar's answer counts first: contact "
		 "(its parameter), header, or ignore (what we asked for)"},
	{.name = "unregister",
	 .type = SCHEMA_BOOLEAN,
	 .def = "true",
	 .help = "take the registration back when the account goes or the "
		 "engine stops"},
	{.name = "outbound",
	 .type = SCHEMA_BOOLEAN,
	 .def = "false",
	 .help = "register as RFC 5626 says, with instance-id and reg-id"},
	{.name = "flows",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = ACCOUNT_FLOWS_MAX,
	 .def = "1",
	 .help = "with outbound: by so many of the listed servers at once"},
	{.name = "instance_id",
	 .type = SCHEMA_STRING,
	 .check = check_instance,
	 .def = "the engine's own",
	 .help = "urn:uuid:…, for outbound"},
	{.name = "retry_min",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 3600,
	 .unit = "s",
	 .def = "5",
	 .help = "first wait after a failure; 12 times as long after refused "
		 "credentials"},
	{.name = "retry_max",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 86400,
	 .unit = "s",
	 .def = "300",
	 .help = "longest wait after failures; 12 times as long after refused "
		 "credentials"},
	{.name = "max_calls",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "calls at once, both ways; 0: no limit"},
	{.name = "max_rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "calls/s",
	 .def = "0",
	 .help = "new calls; 0: no limit"},
	{.name = "keepalive",
	 .type = SCHEMA_STRING,
	 .choices = keepalives,
	 .def = "\"none\"",
	 .help = "what keeps the way from the registrar open through NATs; see "
		 "below"},
	{.name = "keepalive_interval",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 3600,
	 .unit = "s",
	 .def = "25",
	 .help = "from one keepalive to the next at most"},
	CALL_KEEPALIVE_FIELDS("false", "30"),
	{0},
};

const struct schema config_trunk_fields[] = {
	{.name = "name",
	 .type = SCHEMA_STRING,
	 .required = true,
	 .help = "how campaigns and moon.dial call it"},
	{.name = "hosts",
	 .type = SCHEMA_STRING_OR_LIST,
	 .help = "host[:port][;transport=tcp], tried in order; a call that "
		 "meets congestion goes to the next"},
	{.name = "account",
	 .type = SCHEMA_STRING,
	 .help = "its credentials and identity; without hosts, its registrar "
		 "takes the calls"},
	{.name = "from",
	 .type = SCHEMA_STRING,
	 .help = "caller id when the call names none"},
	{.name = "prefix",
	 .type = SCHEMA_STRING,
	 .def = "",
	 .help = "put before each number"},
	{.name = "max_calls",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "calls at once; 0: no limit"},
	{.name = "max_rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "calls/s",
	 .def = "0",
	 .help = "new calls; 0: no limit"},
	QUALIFY_FIELDS("its hosts are"),
	{.name = "keepalive",
	 .type = SCHEMA_STRING,
	 .choices = keepalives,
	 .def = "\"none\"",
	 .help = "what keeps the way to its hosts open through NATs, as of "
		 "accounts; what it finds dead is unreachable"},
	{.name = "keepalive_interval",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 3600,
	 .unit = "s",
	 .def = "25",
	 .help = "from one keepalive to the next at most"},
	CALL_KEEPALIVE_FIELDS("the account's", "the account's"),
	{0},
};

static const char *const algorithms[] = {"SHA-256", "MD5", NULL};
static const char *const nats[] = {"auto", "always", "never", NULL};

const struct schema config_endpoint_fields[] = {
	{.name = "name",
	 .type = SCHEMA_STRING,
	 .required = true,
	 .help = "the user of its address, and how scripts call it: "
		 "endpoint:NAME"},
	{.name = "auth_user",
	 .type = SCHEMA_STRING,
	 .def = "the name",
	 .help = "user name of its credentials"},
	{.name = "password",
	 .type = SCHEMA_STRING,
	 .help = "take it from the environment: env(\"NAME\")"},
	{.name = "ha1",
	 .type = SCHEMA_STRING,
	 .check = check_ha1,
	 .help = "MD5 of user:realm:password in hex, instead of a password"},
	{.name = "ha1_sha256",
	 .type = SCHEMA_STRING,
	 .check = check_sha256,
	 .help = "SHA-256 of the same, for telephones that can do better"},
	{.name = "algorithms",
	 .type = SCHEMA_STRING_OR_LIST,
	 .choices = algorithms,
	 .def = "{\"SHA-256\", \"MD5\"}",
	 .help = "offered for digest authentication; old telephones need "
		 "\"MD5\" alone"},
	{.name = "max_contacts",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 64,
	 .def = "10",
	 .help = "registrations at once; more get 403"},
	{.name = "single_contact",
	 .type = SCHEMA_BOOLEAN,
	 .def = "false",
	 .help = "one telephone only: its last registration takes the place "
		 "of any other"},
	{.name = "expires",
	 .type = SCHEMA_INTEGER,
	 .min = 10,
	 .max = 604800,
	 .unit = "s",
	 .def = "3600",
	 .help = "of a registration that says nothing"},
	{.name = "min_expires",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 604800,
	 .unit = "s",
	 .def = "60",
	 .help = "shorter ones get 423"},
	{.name = "max_expires",
	 .type = SCHEMA_INTEGER,
	 .min = 10,
	 .max = 604800,
	 .unit = "s",
	 .def = "86400",
	 .help = "longer ones are cut to it"},
	{.name = "nat",
	 .type = SCHEMA_STRING,
	 .choices = nats,
	 .def = "\"auto\"",
	 .help = "whether calls go to where its registration came from: "
		 "auto, always or never; see above"},
	{.name = "restart_ends_calls",
	 .type = SCHEMA_BOOLEAN,
	 .def = "true",
	 .help = "a telephone that registers under another Call-ID has "
		 "restarted: its calls are ended"},
	{.name = "max_calls",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "calls at once, both ways, ringing ones too; more get 486, "
		 "and moon.dial user_busy; 0: no limit"},
	{.name = "busy_level",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "with so many calls it isn't called any more (user_busy), "
		 "but may still call; 0: no limit"},
	QUALIFY_FIELDS("its telephones are"),
	{0},
};
