/* background.h -- work that may wait for a disk, off the loop thread
 *
 * One thread runs jobs in order; DONE is called on the loop thread.
 * For small things: a CSV's next rows, a script's source. Prompts, recordings
 * and the database have threads of their own.
 */
#ifndef MOONDIAL_BASE_BACKGROUND_H
#define MOONDIAL_BASE_BACKGROUND_H

struct background;
struct loop;

typedef void(background_h)(void *arg);

int background_alloc(struct background **bp, struct loop *loop);

/* Runs what is queued to its end, calls each DONE, joins the thread.
 * On the loop thread. */
void background_free(struct background *bg);

/* WORK(arg) on the thread, then DONE(arg), unless NULL, on the loop. On the
 * loop thread. ENOMEM; ESHUTDOWN from a DONE that background_free() calls. */
int background_run(struct background *bg, background_h *work,
		   background_h *done, void *arg);

#endif
