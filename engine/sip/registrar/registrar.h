/* registrar.h -- telephones register with us (RFC 3261 10.3)
 *
 *   REGISTER ─► whose? ─► digest ─► expiry, CSeq ─► restarted? ─► bindings
 *              (handler)                             │            │
 *                                                 `restarted`  `changed`
 *
 * Who may register is the handler's to say, at once or later; nothing is kept
 * for one who has not proved himself. What is registered is kept by user, and
 * answered from memory: who writes it down does so behind the answer.
 * An INVITE whose From is one of those users must be proved in the same way.
 *
 * A terminal that registers under another Call-ID than before has restarted
 * (terminal.h says which one is the same). A REGISTER of its former life that
 * was under way meanwhile answers a nonce from before its last registration:
 * nothing is concluded from it until it has answered a new one, which a ghost
 * never does.
 *
 * On the loop thread.
 */
#ifndef MOONDIAL_SIP_REGISTRAR_H
#define MOONDIAL_SIP_REGISTRAR_H

#include <re.h>
#include "sip/registrar/authenticate.h"
#include "sip/nat.h"

struct stack;
struct registrar;
struct registrar_query;
struct binding;

/* One who may register. Strings are borrowed. */
struct registrar_user {
	const char *name; /* whose bindings they are */
	struct auth_secret secret;
	unsigned max_contacts;			    /* 0: 10 */
	uint32_t expires, min_expires, max_expires; /* s; 0: 3600, 60, 86400 */
	enum registrar_nat nat;
	bool single_contact; /* the last registration takes the place of all */
	bool keep_calls;     /* another Call-ID is no restart */
};

enum binding_event {
	BINDING_ADDED,
	BINDING_REFRESHED,
	BINDING_REMOVED, /* by its terminal, or another that took its place */
	BINDING_EXPIRED,
};

/* A terminal has restarted: OLD are its bindings from before, which whatever
 * belongs to is over. Valid during the call only. */
struct registrar_restart {
	const char *name;
	struct binding *const *old;
	size_t count;
	const char *contact; /* the new one; "" when there is none */
	const char *user_agent;
	const struct sa *source;
	enum sip_transp tp;
	bool single_contact; /* any registration of the user counts */
};

struct registrar_handlers {
	/* Whether anybody may register at all; else REGISTER gets 405. */
	bool (*serves)(void *arg);
	/* Whether a new INVITE must be proved. */
	bool (*claims)(const struct sip_msg *msg, void *arg);
	/* What USER may be challenged with, before we ask who he is. */
	unsigned (*algorithms)(const char *user, void *arg);
	/* Who is it? Answer with registrar_answer(), now or later. */
	void (*identify)(const struct registrar_query *query, void *arg);
	void (*changed)(struct binding *binding, enum binding_event event,
			void *arg);
	/* The connection that a binding is called over is gone (IS_LOST): it
	 * can't be called until it registers anew (not IS_LOST). May be NULL.
	 */
	void (*lost)(struct binding *binding, bool is_lost, void *arg);
	void (*restarted)(const struct registrar_restart *restart, void *arg);
};

struct registrar_config {
	const char *realm;
	uint32_t nonce_life_ms; /* 0: 5 minutes */
};

/* STACK's registrar, one at most. Before stack_free(), registrar_free().
 * EALREADY, ENOMEM, EIO. */
int registrar_alloc(struct registrar **rp, struct stack *stack,
		    const struct registrar_config *config,
		    const struct registrar_handlers *handlers, void *arg);
void registrar_free(struct registrar *registrar);

/* ---- who is it? ----------------------------------------------------- */

/* A query's number; it may have run out when it is answered. */
uint64_t registrar_query_id(const struct registrar_query *query);
const char *registrar_query_user(const struct registrar_query *query);
const char *registrar_query_method(const struct registrar_query *query);
/* "" when there is none; a long one is cut. */
void registrar_query_user_agent(const struct registrar_query *query, char *out,
				size_t size);
const struct sa *registrar_query_source(const struct registrar_query *query);
/* Within 5 s. USER NULL: nobody of ours. FAILED: we can't tell now (503).
 * Whether he has proved it; false also when nobody waits for it any more. */
bool registrar_answer(struct registrar *registrar, uint64_t id,
		      const struct registrar_user *user, bool failed);

/* ---- bindings ------------------------------------------------------- */

/* Those in force of NAME, those with the greatest q first; among equals the
 * latest. Up to COUNT into BINDINGS (no references given). How many there are.
 */
size_t registrar_bindings(const struct registrar *registrar, const char *name,
			  struct binding **bindings, size_t count);
/* Each one in force, in no order. FN may not change them. */
typedef bool(binding_apply_h)(struct binding *binding, void *arg);
void registrar_each(const struct registrar *registrar, binding_apply_h *fn,
		    void *arg);
unsigned registrar_count(const struct registrar *registrar);
/* REGISTERs carried out since it began. */
uint64_t registrar_accepted(const struct registrar *registrar);
/* The binding of NAME that an INVITE of his came from; NULL: none that we can
 * be sure of. */
struct binding *registrar_binding_of(const struct registrar *registrar,
				     const char *name,
				     const struct sip_msg *msg);
/* Take one away: an event, but no word to the terminal. */
void registrar_remove(struct registrar *registrar, struct binding *binding);

/* A binding is a libre object: who has to do with its terminal (a call) takes
 * a mem_ref(), and finds out by binding_registered() whether it is in force. As
 * long as somebody does so a restart of the terminal is noticed, too. */
bool binding_registered(const struct binding *binding);
const char *binding_id(const struct binding *binding); /* as in base/ids.h */
const char *binding_name(const struct binding *binding);
const char *binding_contact(const struct binding *binding); /* as registered */
/* The URI to call it at (a NAT's outside), and the Path to it: "" or "<URI>,
 * <URI>", of which binding_route() gives the URI INDEX without its "lr" into
 * OUT. ENOENT: there are no more; EOVERFLOW. */
const char *binding_target(const struct binding *binding);
const char *binding_path(const struct binding *binding);
int binding_route(const struct binding *binding, size_t index, char *out,
		  size_t size);
const struct sa *binding_source(const struct binding *binding);
enum sip_transp binding_transport(const struct binding *binding);
bool binding_is_rewritten(const struct binding *binding);
const char *binding_instance(const struct binding *binding); /* or "" */
const char *binding_user_agent(const struct binding *binding);
const char *binding_call_id(const struct binding *binding);
uint32_t binding_cseq(const struct binding *binding);
unsigned binding_q(const struct binding *binding); /* 0 to 1000 */
unsigned binding_reg_id(const struct binding *binding);
int64_t binding_since(const struct binding *binding); /* wall ms */
int64_t binding_refreshed_at(const struct binding *binding);
int64_t binding_expires_at(const struct binding *binding);
/* Wall ms at which the connection that it is called over was closed; 0: it has
 * one, or needs none. */
int64_t binding_lost_at(const struct binding *binding);

/* One from before this run of the engine, as it was written down; strings are
 * copied. EEXIST (its terminal has registered anew), EINVAL (it can't be ours),
 * ETIMEDOUT (it has run out), ENOMEM. No event. */
struct binding_record {
	const char *id, *name, *contact, *target, *path, *instance, *user_agent,
		*call_id;
	struct sa source;
	enum sip_transp tp;
	bool proxied;
	uint32_t cseq;
	unsigned q, reg_id;
	int64_t since_ms, refreshed_ms, expires_ms; /* wall */
};
int registrar_restore(struct registrar *registrar,
		      const struct binding_record *record);
bool binding_is_proxied(const struct binding *binding);

#endif
