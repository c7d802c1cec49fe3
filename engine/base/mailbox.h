/* mailbox.h -- messages from any thread to one receiver
 *
 * A mutex, an intrusive list that the receiver swaps out whole, and an eventfd
 * that is written when the list stops being empty. Order is kept.
 * The receiver either listens on its loop or waits (store, file threads).
 * A message is owned by the mailbox from post until it is handed over.
 */
#ifndef MOONDIAL_BASE_MAILBOX_H
#define MOONDIAL_BASE_MAILBOX_H

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

/* Post from any thread. Never fails, never blocks beyond the mutex. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* Take all that is there, oldest first, linked by next; NULL when empty. */
struct mail *mailbox_take(struct mailbox *mailbox);

/* As mailbox_take, but waits up to TIMEOUT_MS (-1: for ever). */
struct mail *mailbox_wait(struct mailbox *mailbox, int timeout_ms);

#endif
