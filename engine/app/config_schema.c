/* Every key of the configuration, with its type, range, default and meaning.
 * docs/configuration.md has the same keys: a test compares the two. */
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "base/clock.h"
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

static bool check_network(const cJSON *value, char *err, size_t size)
{
	struct network net;

	return network_parse(&net, value->valuestring, err, size);
}

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static const struct schema listen_item = {.type = SCHEMA_STRING,
					  .check = check_listen};
static const struct schema codec_item = {.type = SCHEMA_STRING,
					 .check = check_codec};

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

/* Any keys: lua/moondial/agents/options.lua checks them. */
static const struct schema agent_item = {.type = SCHEMA_TABLE};

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
	{.name = "agents",
	 .type = SCHEMA_LIST,
	 .item = &agent_item,
	 .help = "people who talk to those whom campaigns reach, or who call: "
		 "name, target, groups, skills, pin, nailed_up, wrapup, "
		 "answer_timeout (docs/dialer.md)"},
	{.name = "agent_groups",
	 .type = SCHEMA_LIST,
	 .item = &agent_item,
	 .help = "groups of agents that are not as by default: name, strategy, "
		 "wrapup, answer_timeout, lost_after, announce, music, "
		 "dispositions"},
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
