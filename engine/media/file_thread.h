/* file_thread.h -- the one thread of media that waits for a disk
 *
 * Loads and decodes prompts, writes recordings. Two kinds of work:
 * a job is posted from any thread and runs once, in order; a task lives on
 * the file thread and is stepped, in turn with the others, when it is due, so
 * that a long prompt never starves a recording.
 * Owned by the loop thread (struct media).
 */
#ifndef MOONDIAL_MEDIA_FILE_THREAD_H
#define MOONDIAL_MEDIA_FILE_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/mailbox.h"

struct file_thread;
struct file_job;
struct file_task;

/* Runs on the file thread and takes the job over. */
typedef void(file_job_h)(struct file_job *job);

/* Embed, zeroed; not to be posted again before it ran. */
struct file_job {
	struct mail mail; /* first */
	file_job_h *run;
};

enum { FILE_TASK_GONE = -1 };

/* One step, on the file thread, of some 50 ms at most. Returns in how many ms
 * it wants the next one (0: as soon as the others had theirs), or
 * FILE_TASK_GONE: it was removed and may be freed already. */
typedef int(file_step_h)(struct file_task *task);

/* Embed, zeroed. File thread only. */
struct file_task {
	struct file_task *next, **prevp;
	file_step_h *step;
	uint64_t due_ms;
};

/* Start the thread. ENOMEM, errno. */
int file_thread_alloc(struct file_thread **fp);

/* Runs what was posted and steps tasks until none is left, with
 * file_thread_stopping() true; joins. No more posts from other threads. */
void file_thread_free(struct file_thread *ft);

/* Any thread; never fails. */
void file_thread_post(struct file_thread *ft, struct file_job *job);

/* File thread: step TASK soon, and then as its step says. */
void file_thread_add(struct file_thread *ft, struct file_task *task);

/* File thread: step TASK, which was added, soon. */
void file_thread_hurry(struct file_thread *ft, struct file_task *task);

/* File thread: tasks end as soon as they can. */
bool file_thread_stopping(const struct file_thread *ft);

#endif
