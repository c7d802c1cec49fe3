/* registrar_private.h -- what the registrar's files share
 *
 *   registrar.c   the table, reading it
 *   registrar_ask.c   who asks, and proves it
 *   register_in.c one REGISTER: its contacts, the rules, the answer
 *   contact.c     what a REGISTER says of a terminal (contact.h)
 *   binding.c     a contact that is registered: whose it is, kept, watched
 */
#ifndef MOONDIAL_SIP_REGISTRAR_PRIVATE_H
#define MOONDIAL_SIP_REGISTRAR_PRIVATE_H

#include "base/ids.h"
#include "base/loop.h"
#include "sip/registrar/registrar.h"
#include "sip/stack.h"
#include "sip/registrar/terminal.h"
#include "sip/tcp_guard.h"

struct contact;

enum {
	CALL_ID_MAX = 256, /* bytes */
	REQUEST_CONTACTS_MAX = 16,
	OFFERED = 512,
};

struct registrar {
	struct stack *stack;
	char *realm;
	struct registrar_handlers h;
	void *arg;
	struct nonces nonces;
	struct hash *users;		/* struct address */
	struct list queries;		/* not answered yet */
	struct registrar_query *asking; /* the handler is being asked */
	uint64_t last_query;
	unsigned pending;
	unsigned count; /* bindings in force */
	uint64_t accepted;
	/* REGISTERs that were offered SHA-256 and MD5, by their Call-ID */
	struct {
		uint32_t hash, cseq;
	} offered[OFFERED];
};

/* A user's bindings: an address of record. */
struct address {
	struct le he;
	struct registrar *registrar;
	char *name;
	struct list bindings; /* in force; each is referenced */
	struct list gone;     /* what somebody still refers to */
	struct tmr tmr;	      /* the next expiry, or its own end */
	struct nonce_uses uses;
};

struct binding {
	struct le le; /* address->bindings or ->gone */
	struct address *address;
	char *contact, *target; /* target NULL: as the contact */
	char *path, *instance, *user_agent, *call_id;
	struct pl host; /* of the contact, pointing into it */
	struct sa source;
	uint64_t until_ms; /* monotonic */
	uint64_t nonce;	   /* last one given when it was registered */
	int64_t since_ms, refreshed_ms, expires_ms;
	uint32_t cseq, reg_id;
	uint16_t port, q;
	uint8_t tp;
	bool in_force, proxied;
	bool md5; /* it has chosen MD5 where it could do better */
	struct tcp_watch *connection; /* that calls go by; NULL: none */
	int64_t lost_ms;	      /* when it was closed, wall; 0: not */
	char id[ID_SIZE];
};

/* ---- binding.c ------------------------------------------------------ */

/* The terminal that a message came from; CONTACT may be NULL. PATH as
 * path_read() has made it. */
void terminal_of_msg(struct terminal *terminal, const struct sip_msg *msg,
		     const struct contact *contact, const char *path);
void terminal_of_binding(struct terminal *terminal,
			 const struct binding *binding);

/* Whether CONTACT, in MSG, is what BINDING is. */
bool binding_is(const struct binding *binding, const struct contact *contact,
		const struct sip_msg *msg, const char *path);

/* The texts of what MSG says of CONTACT, for binding_write(), which takes them
 * over; else binding_drop() frees them. ENOMEM. */
int binding_prepare(struct binding *fresh, const struct contact *contact,
		    const struct sip_msg *msg, const char *path,
		    enum registrar_nat nat);
void binding_drop(struct binding *fresh);
void binding_write(struct binding *binding, struct binding *fresh,
		   const struct contact *contact, const struct sip_msg *msg);
int binding_write_record(struct binding *binding,
			 const struct binding_record *record);
int binding_alloc(struct binding **bp, struct address *address);
/* It has been registered now: the connection that it is called over is watched.
 */
void binding_watch(struct binding *binding);
void binding_unwatch(struct binding *binding);

/* ---- registrar.c ---------------------------------------------------- */

struct address *address_find(const struct registrar *registrar,
			     const char *name);
/* … made when it isn't there; NULL: out of memory. */
struct address *address_get(struct registrar *registrar, const char *name);
/* In force from now on, or no more. */
void binding_begin(struct binding *binding);
void binding_end(struct binding *binding, enum binding_event event);
void address_schedule(struct address *address);

/* registrar_ask.c, for dispatch.c. True: MSG has been, or will be answered. */
bool registrar_register(struct registrar *registrar, const struct sip_msg *msg);
bool registrar_guard(struct registrar *registrar, const struct sip_msg *msg);
/* A CANCEL: of an INVITE that waits to be proved? */
bool registrar_cancel(struct registrar *registrar, const struct sip_msg *msg);

/* ---- register_in.c -------------------------------------------------- */

/* A REGISTER of one who has proved himself: carry it out and answer it. STALE
 * to be set when it is to be proved with a new nonce first: nothing was done.
 */
void register_carry_out(struct registrar *registrar, struct address *address,
			const struct registrar_user *user,
			const struct sip_msg *msg,
			const struct auth_answer *answer, bool *stale);

#endif
