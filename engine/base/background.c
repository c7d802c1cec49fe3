/* background.c -- one thread, a mailbox to it, and one back */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include "base/background.h"
#include "base/loop.h"
#include "base/mailbox.h"

struct job {
	struct mail mail; /* first: a job is its mail */
	background_h *work, *done;
	void *arg;
};

struct background {
	struct mailbox *jobs, *results;
	struct mail stop; /* the last mail to the thread */
	bool closing;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct background *bg = arg;

	for (;;) {
		struct mail *mail = mailbox_wait(bg->jobs, 1, -1);

		while (mail) {
			struct mail *next = mail->next;
			struct job *job = (struct job *)mail;

			if (mail == &bg->stop)
				return NULL;
			job->work(job->arg);
			mailbox_post(bg->results, mail);
			mail = next;
		}
	}
}

static void on_result(struct mail *mail, void *arg)
{
	struct job job = *(struct job *)mail;
	(void)arg;

	free(mail);
	if (job.done)
		job.done(job.arg);
}

/* Signals are the loop thread's. */
static int start_thread(struct background *bg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&bg->thread, NULL, run, bg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		pthread_setname_np(bg->thread, "background");
	return err;
}

int background_alloc(struct background **bp, struct loop *loop)
{
	struct background *bg = calloc(1, sizeof(*bg));
	int err;

	if (!bg)
		return ENOMEM;
	err = mailbox_alloc(&bg->jobs);
	if (err)
		goto out;
	err = mailbox_alloc(&bg->results);
	if (err)
		goto out;
	err = mailbox_listen(bg->results, loop, on_result, bg);
	if (err)
		goto out;
	err = start_thread(bg);
out:
	if (err) {
		mailbox_free(bg->results, NULL, NULL);
		mailbox_free(bg->jobs, NULL, NULL);
		free(bg);
	} else {
		*bp = bg;
	}
	return err;
}

void background_free(struct background *bg)
{
	if (!bg)
		return;
	bg->closing = true;
	mailbox_post(bg->jobs, &bg->stop);
	pthread_join(bg->thread, NULL);
	mailbox_free(bg->jobs, NULL, NULL);
	mailbox_free(bg->results, on_result, bg);
	free(bg);
}

int background_run(struct background *bg, background_h *work,
		   background_h *done, void *arg)
{
	struct job *job;

	if (bg->closing)
		return ESHUTDOWN;
	job = malloc(sizeof(*job));
	if (!job)
		return ENOMEM;
	job->work = work;
	job->done = done;
	job->arg = arg;
	mailbox_post(bg->jobs, &job->mail);
	return 0;
}
