/* Every key of the configuration, with its type, range, default and meaning.
 * docs/configuration.md has the same keys: a test compares the two. */
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "base/clock.h"
#include "call/target.h"
#include "media/media.h"
#include "sip/header.h"
#include "sip/stack.h"

static bool check_listen(const cJSON *value, char *err, size_t size)
{
	struct stack_listen listen;

	return stack_listen_parse(&listen, value->valuestring, err, size);
}

static bool check_codec(const cJSON *value, char *err, size_t size)
{
	char names[128] = "";
	size_t n, used = 0;
	const struct media_codec *codecs = media_codecs(&n);

	if (media_codec_find(value->valuestring))
		return true;
	for (size_t i = 0; i < n && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", i ? ", " : "", codecs[i].name);
	(void)snprintf(err, size, "unknown codec '%s'; there are: %s",
		       value->valuestring, names);
	return false;
}

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

static bool check_network(const cJSON *value, char *err, size_t size)
{
	struct network net;

	return network_parse(&net, value->valuestring, err, size);
}

static const char *const expiries[] = {"contact", "header", "ignore", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static const struct schema listen_item = {.type = SCHEMA_STRING,
					  .check = check_listen};
static const struct schema codec_item = {.type = SCHEMA_STRING,
					 .check = check_codec};

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
	{.name = "keepalive_sip",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 2,
	 .max = 3600,
	 .unit = "s",
	 .def = "false",
	 .help = "OPTIONS within its calls so often; true: half of "
		 "nat_session_time"},
	{.name = "keepalive_rtp",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 2,
	 .max = 3600,
	 .unit = "s",
	 .def = "false",
	 .help = "some audio leaves within so long, also on hold; true: half "
		 "of nat_session_time"},
	{.name = "nat_session_time",
	 .type = SCHEMA_NUMBER,
	 .min = 5,
	 .max = 120,
	 .unit = "s",
	 .def = "30",
	 .help = "the shortest NAT binding that must be kept"},
	{.name = "keepalive_hangup",
	 .type = SCHEMA_BOOLEAN,
	 .def = "false",
	 .help = "whether an OPTIONS that nobody answers ends the call"},
	{0},
};

static const char *const qualify_answers[] = {"any", "2xx", NULL};
static const char *const trunk_keepalives[] = {
	"none", "crlf", "double_crlf", "stun", "options", "notify", NULL};

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
	{.name = "qualify",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 0.05,
	 .max = 60,
	 .unit = "s",
	 .def = "false",
	 .help = "whether its hosts are asked by OPTIONS if they are there; a "
		 "number: qualify_timeout"},
	{.name = "qualify_every",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 86400,
	 .unit = "s",
	 .def = "60",
	 .help = "from one time to the next"},
	{.name = "qualify_timeout",
	 .type = SCHEMA_NUMBER,
	 .min = 0.05,
	 .max = 60,
	 .unit = "s",
	 .def = "2",
	 .help = "a later answer means lagged"},
	{.name = "qualify_tries",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 20,
	 .def = "7",
	 .help = "without an answer, a second apart; then it is unreachable"},
	{.name = "qualify_answer",
	 .type = SCHEMA_STRING,
	 .choices = qualify_answers,
	 .def = "\"any\"",
	 .help = "what is a sign of life: any answer, or 2xx only"},
	{.name = "keepalive",
	 .type = SCHEMA_STRING,
	 .choices = trunk_keepalives,
	 .def = "\"none\"",
	 .help = "what keeps the way to its hosts open through NATs: as of "
		 "accounts, but register; what it finds dead is unreachable"},
	{.name = "keepalive_interval",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 3600,
	 .unit = "s",
	 .def = "25",
	 .help = "from one keepalive to the next at most"},
	{.name = "keepalive_sip",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 2,
	 .max = 3600,
	 .unit = "s",
	 .def = "the account's",
	 .help = "OPTIONS within its calls so often; true: half of "
		 "nat_session_time"},
	{.name = "keepalive_rtp",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 2,
	 .max = 3600,
	 .unit = "s",
	 .def = "the account's",
	 .help = "some audio leaves within so long, also on hold; true: half "
		 "of nat_session_time"},
	{.name = "nat_session_time",
	 .type = SCHEMA_NUMBER,
	 .min = 5,
	 .max = 120,
	 .unit = "s",
	 .def = "the account's",
	 .help = "the shortest NAT binding that must be kept"},
	{.name = "keepalive_hangup",
	 .type = SCHEMA_BOOLEAN,
	 .def = "the account's",
	 .help = "whether an OPTIONS that nobody answers ends the call"},
	{0},
};

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

static bool check_realm(const cJSON *value, char *err, size_t size)
{
	const char *s = value->valuestring;

	if (*s && !strpbrk(s, "\"\\") && text_ok(s))
		return true;
	(void)snprintf(err, size,
		       "must be a text without quotes, backslashes and control "
		       "characters");
	return false;
}

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
	{.name = "qualify",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 0.05,
	 .max = 60,
	 .unit = "s",
	 .def = "false",
	 .help = "whether its telephones are asked by OPTIONS if they are "
		 "there; a "
		 "number: qualify_timeout"},
	{.name = "qualify_every",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 86400,
	 .unit = "s",
	 .def = "60",
	 .help = "from one time to the next"},
	{.name = "qualify_timeout",
	 .type = SCHEMA_NUMBER,
	 .min = 0.05,
	 .max = 60,
	 .unit = "s",
	 .def = "2",
	 .help = "a later answer means lagged"},
	{.name = "qualify_tries",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 20,
	 .def = "7",
	 .help = "without an answer, a second apart; then it is unreachable"},
	{.name = "qualify_answer",
	 .type = SCHEMA_STRING,
	 .choices = qualify_answers,
	 .def = "\"any\"",
	 .help = "what is a sign of life: any answer, or 2xx only"},
	{0},
};

static const struct schema registrar_fields[] = {
	{.name = "realm",
	 .type = SCHEMA_STRING,
	 .check = check_realm,
	 .def = "\"moondial\"",
	 .help = "of digest authentication; an HA1 is of one realm"},
	{.name = "domains",
	 .type = SCHEMA_STRING_OR_LIST,
	 .def = "any",
	 .help = "calls from endpoints' names at other hosts are strangers' "
		 "and not challenged; our addresses always count"},
	{0},
};

static const struct schema endpoint_item = {.type = SCHEMA_TABLE,
					    .fields = config_endpoint_fields};
static const struct schema account_item = {.type = SCHEMA_TABLE,
					   .fields = config_account_fields};
static const struct schema trunk_item = {.type = SCHEMA_TABLE,
					 .fields = config_trunk_fields};

static const char *const openings[] = {"rtp", "crlf", "empty", NULL};
static const char *const latches[] = {"nat", "signalled", "any", NULL};

static const struct schema jitter_fields[] = {
	{.name = "min",
	 .type = SCHEMA_NUMBER,
	 .min = 0.02,
	 .max = 0.3,
	 .unit = "s",
	 .def = "0.02",
	 .help = "the least delay of the jitter buffer"},
	{.name = "max",
	 .type = SCHEMA_NUMBER,
	 .min = 0.02,
	 .max = 0.3,
	 .unit = "s",
	 .def = "0.2",
	 .help = "the most; what comes later is lost"},
	{0},
};

static const struct schema rtp_fields[] = {
	{.name = "port_min",
	 .type = SCHEMA_INTEGER,
	 .min = 1024,
	 .max = 65534,
	 .def = "10000",
	 .help = "first port of RTP and RTCP pairs"},
	{.name = "port_max",
	 .type = SCHEMA_INTEGER,
	 .min = 1025,
	 .max = 65535,
	 .def = "19999",
	 .help = "last one"},
	{.name = "ptime",
	 .type = SCHEMA_NUMBER,
	 .min = 0.01,
	 .max = 0.06,
	 .unit = "s",
	 .def = "0.02",
	 .help = "length of the packets we send, unless the peer asks else"},
	{.name = "latch",
	 .type = SCHEMA_STRING,
	 .choices = latches,
	 .def = "\"nat\"",
	 .help = "whose RTP is heard: nat, signalled or any; see below"},
	{.name = "jitter",
	 .type = SCHEMA_TABLE,
	 .fields = jitter_fields,
	 .help = "bounds of the delay that evens out what comes unevenly"},
	{.name = "timeout",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 86400,
	 .unit = "s",
	 .def = "30",
	 .help = "without RTP, until scripts get media_timeout; 0: never"},
	{.name = "timeout_hangup",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 86400,
	 .unit = "s",
	 .def = "300",
	 .help = "without RTP, until the call is ended; 0: never"},
	{.name = "realtime",
	 .type = SCHEMA_BOOLEAN,
	 .def = "true",
	 .help = "audio goes before all else, where the system permits "
		 "real-time priority"},
	{.name = "opening_packets",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 50,
	 .def = "0",
	 .help = "sent before the audio of a stream, to open NATs and media "
		 "proxies"},
	{.name = "opening_kind",
	 .type = SCHEMA_STRING,
	 .choices = openings,
	 .def = "\"rtp\"",
	 .help = "of which kind: rtp (silence), crlf (two line ends), empty"},
	{.name = "workers",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 256,
	 .def = "0",
	 .help = "media threads; 0: cores − 1, at least 1"},
	{.name = "cache",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 65536,
	 .unit = "MiB",
	 .def = "256",
	 .help = "prompts kept decoded"},
	{0},
};

static const struct schema limit_fields[] = {
	{.name = "calls",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "calls at once; more get 503; 0: no limit"},
	{.name = "rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "calls/s",
	 .def = "0",
	 .help = "new calls; more get 503; 0: no limit"},
	{.name = "ring_timeout",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 3600,
	 .unit = "s",
	 .def = "180",
	 .help = "an incoming call that no script answers ends with 480"},
	{.name = "duration",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 604800,
	 .unit = "s",
	 .def = "14400",
	 .help = "the longest call; 0: no limit"},
	{.name = "connections",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "1000",
	 .help = "TCP connections for SIP; beyond it the oldest without a "
		 "message makes room; 0: no limit"},
	{.name = "delay",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 10,
	 .unit = "s",
	 .def = "0.05",
	 .help = "new calls get 503 while requests wait longer than this to be "
		 "handled: the engine is overloaded; 0: never"},
	{0},
};

static const struct schema source_fields[] = {
	{.name = "rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "calls/s",
	 .def = "100",
	 .help = "new calls from one address; more get 503, then a ban; 0: no "
		 "limit"},
	{.name = "requests",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "requests/s",
	 .def = "100",
	 .help = "the same for requests of other kinds that belong to no call; "
		 "0: no limit"},
	{.name = "faults",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "a minute",
	 .def = "120",
	 .help = "garbage, malformed and refused requests from one address; "
		 "more "
		 "are a ban; 0: no limit"},
	{.name = "connections",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "32",
	 .help = "TCP connections from one address; 0: no limit"},
	{.name = "ban",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 604800,
	 .unit = "s",
	 .def = "300",
	 .help = "the first ban; each further one is twice as long, up to a "
		 "day; 0: nobody is banned but by hand"},
	{0},
};

static const struct schema outbound_fields[] = {
	{.name = "allow",
	 .type = SCHEMA_STRING_OR_LIST,
	 .help = "hosts that scripts may call directly, besides trunks and "
		 "loopback; * matches any part"},
	{.name = "deny",
	 .type = SCHEMA_STRING_OR_LIST,
	 .help = "hosts or numbers that are never called; wins over allow"},
	{.name = "rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "calls/s",
	 .def = "0",
	 .help = "new outgoing calls; 0: no limit"},
	{.name = "concurrent",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 1000000,
	 .def = "0",
	 .help = "outgoing calls at once; 0: no limit"},
	{0},
};

static const struct schema script_fields[] = {
	{.name = "slice",
	 .type = SCHEMA_NUMBER,
	 .min = 0.001,
	 .max = 1,
	 .unit = "s",
	 .def = "0.02",
	 .help = "the most CPU time that a script may take without a wait"},
	{.name = "grace",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 60,
	 .unit = "s",
	 .def = "5",
	 .help = "how long a script may go on after its call has ended"},
	{.name = "memory_soft",
	 .type = SCHEMA_INTEGER,
	 .min = 1,
	 .max = 1048576,
	 .unit = "MiB",
	 .def = "256",
	 .help = "above it new calls get 503"},
	{.name = "memory",
	 .type = SCHEMA_INTEGER,
	 .min = 2,
	 .max = 1048576,
	 .unit = "MiB",
	 .def = "512",
	 .help = "the most that scripts may use; past it the one that asks "
		 "for more ends with an error"},
	{.name = "pattern_steps",
	 .type = SCHEMA_INTEGER,
	 .min = 1000,
	 .max = 1e9,
	 .def = "1000000",
	 .help = "work that one pattern match may do"},
	{0},
};

const struct schema config_fields[] = {
	{.name = "listen",
	 .type = SCHEMA_LIST,
	 .item = &listen_item,
	 .def = "{\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"}",
	 .help = "where SIP is received: udp|tcp:ADDRESS[:PORT]"},
	{.name = "user_agent",
	 .type = SCHEMA_STRING,
	 .def = "moondial/VERSION",
	 .help = "in SIP's User-Agent and Server headers"},
	{.name = "sip_trace",
	 .type = SCHEMA_BOOLEAN,
	 .def = "false",
	 .help = "log each SIP message, credentials masked"},
	{.name = "log",
	 .type = SCHEMA_STRING,
	 .choices = levels,
	 .def = "\"info\"",
	 .help = "the least level that is written"},
	{.name = "db",
	 .type = SCHEMA_STRING,
	 .def = "\"moondial.db\"",
	 .help = "the database; the control socket is DB.sock"},
	{.name = "prompts",
	 .type = SCHEMA_STRING_OR_LIST,
	 .help = "folders to look for prompts in, after the script's and "
		 "before the engine's own"},
	{.name = "recordings",
	 .type = SCHEMA_STRING,
	 .def = "\"recordings\"",
	 .help = "folder that recordings go to"},
	{.name = "codecs",
	 .type = SCHEMA_LIST,
	 .item = &codec_item,
	 .def = "{\"PCMU\", \"PCMA\"}",
	 .help = "offered, in this order"},
	{.name = "rtp",
	 .type = SCHEMA_TABLE,
	 .fields = rtp_fields,
	 .help = "audio"},
	{.name = "limits",
	 .type = SCHEMA_TABLE,
	 .fields = limit_fields,
	 .help = "of the whole engine"},
	{.name = "sources",
	 .type = SCHEMA_TABLE,
	 .fields = source_fields,
	 .help = "limits of each address (IPv6: of each /64) that is not "
		 "trusted"},
	{.name = "trusted",
	 .type = SCHEMA_STRING_OR_LIST,
	 .check = check_network,
	 .def = "{\"127.0.0.0/8\", \"::1\"}",
	 .help = "addresses and networks that no limit of sources holds for, "
		 "besides those of accounts and trunks"},
	{.name = "outbound",
	 .type = SCHEMA_TABLE,
	 .fields = outbound_fields,
	 .help = "what calls scripts may make"},
	{.name = "default_trunk",
	 .type = SCHEMA_STRING,
	 .def = "the only trunk, when there is one",
	 .help = "for numbers without a trunk"},
	{.name = "accounts",
	 .type = SCHEMA_LIST,
	 .item = &account_item,
	 .help = "identities at registrars"},
	{.name = "register_rate",
	 .type = SCHEMA_INTEGER,
	 .min = 0,
	 .max = 100000,
	 .unit = "a second",
	 .def = "200",
	 .help = "registrations of all accounts together, at the start and "
		 "whenever many are due; 0: no limit"},
	{.name = "unregister_wait",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 60,
	 .unit = "s",
	 .def = "2",
	 .help = "how long a stop waits for registrars to take back what was "
		 "registered"},
	{.name = "trunks",
	 .type = SCHEMA_LIST,
	 .item = &trunk_item,
	 .help = "ways out"},
	{.name = "endpoints",
	 .type = SCHEMA_LIST,
	 .item = &endpoint_item,
	 .help = "telephones that register with us"},
	{.name = "registrar",
	 .type = SCHEMA_TABLE,
	 .fields = registrar_fields,
	 .help = "of all endpoints"},
	{.name = "scripts",
	 .type = SCHEMA_TABLE,
	 .fields = script_fields,
	 .help = "what scripts may use up"},
	{.name = "campaign",
	 .type = SCHEMA_TABLE, /* any keys */
	 .help = "options that override those of each campaign, such as "
		 "retry.busy"},
	{.name = "drain",
	 .type = SCHEMA_NUMBER,
	 .min = 0,
	 .max = 86400,
	 .unit = "s",
	 .def = "30",
	 .help = "how long calls may go on after a stop was asked for"},
	{0},
};
