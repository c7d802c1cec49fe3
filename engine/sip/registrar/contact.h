/* contact.h -- what a REGISTER says of a terminal: its Contact, Path,
 * User-Agent
 *
 * Private to the registrar. What is read points into the message. On the loop
 * thread.
 */
#ifndef MOONDIAL_SIP_CONTACT_H
#define MOONDIAL_SIP_CONTACT_H

#include <re.h>

struct binding;
struct stack;

enum {
	CONTACT_MAX = 512, /* bytes of a contact's URI … */
	PATH_MAX_BYTES = 1024,
	PATH_HOPS_MAX = 8, /* as many Routes as a call may have */
	INSTANCE_MAX = 128,
	USER_AGENT_MAX = 96, /* … of what is cut */
};

/* A contact of a REGISTER, pointing into it. */
struct contact {
	struct pl auri, instance;
	struct uri uri;
	uint32_t expires; /* s, granted */
	uint32_t reg_id;
	uint16_t q;
	bool has_expires;
	struct binding *binding; /* that it is; NULL: a new one */
};

/* From a Contact value. 0, or the status to refuse it with and the REASON
 * (constant). Unless it is to go (EXPIRES 0 in it), it must be callable. */
uint16_t contact_read(struct contact *contact, const struct pl *value,
		      const char **reason);
/* "0.5" → 500; at most 1000. */
uint16_t q_read(const struct pl *value);

/* The User-Agent of MSG as a text without control characters, cut; "". */
void user_agent_read(char out[USER_AGENT_MAX + 1], const struct sip_msg *msg);

/* RFC 3261 19.1.4. */
bool uri_same(const struct uri *a, const struct uri *b);

/* The Path of MSG, its values joined, a libre string; NULL: none. EBADMSG,
 * EMSGSIZE, ENOMEM. */
int path_read(char **path, const struct sip_msg *msg);

/* Whether calling CONTACT would come back to ourselves. */
bool contact_is_ours(const struct stack *stack, const struct uri *uri);

#endif
