/* header.h -- header fields that libre leaves to its user
 *
 * Checking what callers want to put into a message, so that nothing a script
 * or a lead says can add a line of its own; and reading and writing Reason
 * (RFC 3326). Pure functions.
 */
#ifndef MOONDIAL_SIP_HEADER_H
#define MOONDIAL_SIP_HEADER_H

#include <re.h>

/* The methods that we serve, as an Allow value. */
#define SIP_ALLOW      "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
#define SIP_ALLOW_LINE "Allow: " SIP_ALLOW "\r\n"

/* Whether TEXT is whole lines "Name: value\r\n" of header fields that a user
 * may add: token names, no control characters, and none of those that the
 * stack itself writes (Via, From, CSeq, Content-Length, …). NULL and "" are. */
bool headers_ok(const char *text);
/* The same for a 3xx, whose Contact the user gives. */
bool redirect_headers_ok(const char *text);

/* Whether TEXT can stand in a Request-URI and between < and > as it is: a
 * sip URI with a host, without blanks, controls, quotes or brackets. */
bool uri_ok(const char *text);

/* Whether TEXT may be a reason phrase or stand in a quoted string once its
 * quotes and backslashes are escaped: no control characters. */
bool text_ok(const char *text);

/* TEXT for a quoted string: \ and " escaped. A libre string; NULL: ENOMEM. */
char *quoted_dup(const char *text);

/* A Reason header's value. TEXT is empty when it has none. */
struct reason {
	uint16_t q850; /* 0: none */
	uint16_t sip;  /* 0: none */
	char text[128];
};

/* All Reason headers of MSG, those of Q.850 and SIP; the Q.850 text wins.
 * False when there is none. */
bool reason_decode(struct reason *reason, const struct sip_msg *msg);

/* "Reason: Q.850;cause=16;text=\"…\"\r\n"; nothing when Q850 is 0. */
struct reason_out {
	uint16_t q850;
	const char *text; /* or NULL */
};
int reason_print(struct re_printf *pf, const struct reason_out *reason);

/* The value of Retry-After in seconds, 0 when there is none. */
uint32_t retry_after(const struct sip_msg *msg);

#endif
