/* file_thread.c -- jobs in order, tasks in turn */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "base/clock.h"
#include "media/file_thread.h"

enum {
	/* Tasks due this soon are stepped along with those that are due: with
	 * hundreds of recordings the thread wakes 50 times a second. */
	GATHER_MS = 20,
};

struct file_thread {
	struct mailbox *mailbox;
	pthread_t thread;
	struct file_task *tasks;
	struct file_job stop;
	bool stopping;
};

static void stop_run(struct file_job *job)
{
	struct file_thread *ft =
		(struct file_thread *)((char *)job -
				       offsetof(struct file_thread, stop));

	ft->stopping = true;
}

static void task_remove(struct file_task *task)
{
	*task->prevp = task->next;
	if (task->next)
		task->next->prevp = task->prevp;
	task->next = NULL;
	task->prevp = NULL;
}

/* -1: no task. */
static int next_due_ms(const struct file_thread *ft)
{
	uint64_t now = clock_mono_ms();
	int wait = -1;

	for (const struct file_task *t = ft->tasks; t; t = t->next) {
		int ms = t->due_ms > now ? (int)(t->due_ms - now) : 0;

		if (wait < 0 || ms < wait)
			wait = ms;
		if (!wait)
			return 0;
	}
	return wait;
}

/* Jobs may come in between two steps of a turn only through the mailbox,
 * which isn't read here: the list changes beneath us by a step's own doing. */
static void step_tasks(struct file_thread *ft)
{
	uint64_t due = clock_mono_ms() + GATHER_MS;
	struct file_task *task, *next;

	for (task = ft->tasks; task; task = next) {
		int again;

		next = task->next;
		if (!ft->stopping && task->due_ms > due)
			continue;
		/* Out of the list: a step that says GONE may have freed it. */
		task_remove(task);
		again = task->step(task);
		if (again == FILE_TASK_GONE)
			continue;
		file_thread_add(ft, task);
		task->due_ms = clock_mono_ms() + (uint64_t)again;
	}
}

static bool run_jobs(struct mail *mail)
{
	bool any = mail != NULL;

	while (mail) {
		struct file_job *job = (struct file_job *)mail;

		mail = mail->next;
		job->mail.next = NULL;
		job->run(job);
	}
	return any;
}

static void *thread_main(void *arg)
{
	struct file_thread *ft = arg;
	bool any;

	/* When it stops: until neither jobs nor tasks made more of them. */
	do {
		int wait_ms = ft->stopping ? 0 : next_due_ms(ft);

		any = run_jobs(mailbox_wait(ft->mailbox, 1, wait_ms));
		step_tasks(ft);
	} while (!ft->stopping || any || ft->tasks);
	return NULL;
}

int file_thread_alloc(struct file_thread **fp)
{
	struct file_thread *ft = calloc(1, sizeof(*ft));
	sigset_t all, old;
	int err;

	if (!ft)
		return ENOMEM;
	ft->stop.run = stop_run;
	err = mailbox_alloc(&ft->mailbox);
	if (err)
		goto out;
	/* Signals are the loop thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&ft->thread, NULL, thread_main, ft);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		mailbox_free(ft->mailbox, NULL, NULL);
		goto out;
	}
	(void)pthread_setname_np(ft->thread, "md-file");
	*fp = ft;
out:
	if (err)
		free(ft);
	return err;
}

void file_thread_free(struct file_thread *ft)
{
	if (!ft)
		return;
	file_thread_post(ft, &ft->stop);
	pthread_join(ft->thread, NULL);
	assert(!ft->tasks);
	mailbox_free(ft->mailbox, NULL, NULL);
	free(ft);
}

void file_thread_post(struct file_thread *ft, struct file_job *job)
{
	mailbox_post(ft->mailbox, &job->mail);
}

/* At the front: the turn that runs now doesn't come across it again. */
void file_thread_add(struct file_thread *ft, struct file_task *task)
{
	task->next = ft->tasks;
	if (task->next)
		task->next->prevp = &task->next;
	task->prevp = &ft->tasks;
	ft->tasks = task;
	task->due_ms = 0;
}

void file_thread_hurry(struct file_thread *ft, struct file_task *task)
{
	(void)ft;
	task->due_ms = 0;
}

bool file_thread_stopping(const struct file_thread *ft)
{
	return ft->stopping;
}
