/* status.c -- status codes: their phrases and their Q.850 causes */
#include <stddef.h>
#include "sip/session.h"

/* clang-format off */
static const struct {
	uint16_t scode;
	uint16_t q850; /* RFC 4497 8.4.1 and RFC 6432; 0: none given there */
	const char *phrase;
} statuses[] = {
	{100, 0, "Trying"},
	{180, 0, "Ringing"},
	{181, 0, "Call Is Being Forwarded"},
	{182, 0, "Queued"},
	{183, 0, "Session Progress"},
	{199, 0, "Early Dialog Terminated"},
	{200, 16, "OK"},
	{202, 16, "Accepted"},
	{204, 16, "No Notification"},
	{300, 23, "Multiple Choices"},
	{301, 22, "Moved Permanently"},
	{302, 23, "Moved Temporarily"},
	{305, 23, "Use Proxy"},
	{380, 31, "Alternative Service"},
	{400, 41, "Bad Request"},
	{401, 21, "Unauthorized"},
	{402, 21, "Payment Required"},
	{403, 21, "Forbidden"},
	{404, 1, "Not Found"},
	{405, 63, "Method Not Allowed"},
	{406, 79, "Not Acceptable"},
	{407, 21, "Proxy Authentication Required"},
	{408, 102, "Request Timeout"},
	{410, 22, "Gone"},
	{412, 127, "Conditional Request Failed"},
	{413, 127, "Request Entity Too Large"},
	{414, 127, "Request-URI Too Long"},
	{415, 79, "Unsupported Media Type"},
	{416, 127, "Unsupported URI Scheme"},
	{417, 127, "Unknown Resource-Priority"},
	{420, 127, "Bad Extension"},
	{421, 127, "Extension Required"},
	{422, 31, "Session Interval Too Small"},
	{423, 127, "Interval Too Brief"},
	{428, 21, "Use Identity Header"},
	{429, 31, "Provide Referrer Identity"},
	{433, 21, "Anonymity Disallowed"},
	{436, 31, "Bad Identity Info"},
	{437, 31, "Unsupported Credential"},
	{438, 31, "Invalid Identity Header"},
	{469, 79, "Bad Info Package"},
	{480, 18, "Temporarily Unavailable"},
	{481, 41, "Call/Transaction Does Not Exist"},
	{482, 25, "Loop Detected"},
	{483, 25, "Too Many Hops"},
	{484, 28, "Address Incomplete"},
	{485, 1, "Ambiguous"},
	{486, 17, "Busy Here"},
	{487, 16, "Request Terminated"},
	{488, 88, "Not Acceptable Here"},
	{489, 127, "Bad Event"},
	{491, 41, "Request Pending"},
	{493, 79, "Undecipherable"},
	{494, 79, "Security Agreement Required"},
	{500, 41, "Server Internal Error"},
	{501, 79, "Not Implemented"},
	{502, 38, "Bad Gateway"},
	{503, 41, "Service Unavailable"},
	{504, 102, "Server Time-out"},
	{505, 127, "Version Not Supported"},
	{513, 127, "Message Too Large"},
	{580, 47, "Precondition Failure"},
	{600, 17, "Busy Everywhere"},
	{603, 21, "Decline"},
	{604, 1, "Does Not Exist Anywhere"},
	{606, 58, "Not Acceptable"},
	{607, 21, "Unwanted"},
	{608, 21, "Rejected"},
};
/* clang-format on */

const char *status_phrase(uint16_t scode)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		if (statuses[i].scode == scode)
			return statuses[i].phrase;
	}
	return "Unknown";
}

uint16_t q850_of_status(uint16_t scode)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		if (statuses[i].scode == scode)
			return statuses[i].q850;
	}
	/* An unknown status is its class's x00 (RFC 3261 8.1.3.2). */
	if (scode >= 300 && scode < 700)
		return q850_of_status((uint16_t)(scode / 100 * 100));
	return scode >= 200 && scode < 300 ? 16 : 0;
}
