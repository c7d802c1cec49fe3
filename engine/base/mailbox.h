/* mailbox.h -- messages from any thread to one receiver
 *
 * A mutex, an intrusive list that the receiver swaps out whole, and an eventfd
 * that is written when the list stops being empty, or holds as many as the
 * receiver waits for: a thread that is woken for each message costs more than
 * what it does for it. Order is kept.
 * The receiver either listens on its loop or waits (store, file threads).
 * A message is owned by the mailbox from post until it is handed over.
 */
#ifndef MOONDIAL_BASE_MAILBOX_H
#define MOONDIAL_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;
struct loop;

/* Embed as the first member of a message. */
struct mail {
	struct mail *next;
};

/* Takes the message over. */
typedef void(mail_h)(struct mail *mail, void *arg);

/* ENOMEM, or errno of eventfd(). */
int mailbox_alloc(struct mailbox **mp);

/* Frees the mailbox; what is still inside goes to HANDLER (may be NULL only
 * when it is empty). Receiver's thread, after all senders have stopped. */
void mailbox_free(struct mailbox *mailbox, mail_h *handler, void *arg);

/* Deliver on LOOP: HANDLER is called there for each message. */
int mailbox_listen(struct mailbox *mailbox, struct loop *loop, mail_h *handler,
		   void *arg);

/* The receiver, which listens, calls mailbox_deliver() by itself soon and again
 * (VISITED), so it need not be woken; or no longer does so. Its thread. */
void mailbox_visited(struct mailbox *mailbox, bool visited);
/* What is there goes to the handler, now. Never from within it. */
void mailbox_deliver(struct mailbox *mailbox);

/* Post from any thread. Never fails, never blocks beyond the mutex. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);
/* The same for several at once (linked by next, at least one): the receiver is
 * woken once at most. */
void mailbox_post_list(struct mailbox *mailbox, struct mail *list);

/* Take all that is there, oldest first, linked by next; NULL when empty. */
struct mail *mailbox_take(struct mailbox *mailbox);

/* As mailbox_take, but waits until there are ENOUGH (at least 1), at most for
 * TIMEOUT_MS (-1: for ever). */
struct mail *mailbox_wait(struct mailbox *mailbox, size_t enough,
			  int timeout_ms);

#endif
