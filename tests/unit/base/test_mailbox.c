/* test_mailbox.c -- messages across threads */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <re.h>
#include "base/clock.h"
#include "base/loop.h"
#include "base/mailbox.h"

enum { SENDERS = 8, EACH = 5000 };

struct letter {
	struct mail mail;
	int sender, number;
};

struct sender {
	pthread_t thread;
	struct mailbox *mailbox;
	int id;
};

struct receiver {
	struct loop *loop;
	int next[SENDERS], total;
};

static void *send_letters(void *arg)
{
	struct sender *sender = arg;

	for (int i = 0; i < EACH; i++) {
		struct letter *letter = calloc(1, sizeof(*letter));

		if (!letter)
			abort();
		letter->sender = sender->id;
		letter->number = i;
		mailbox_post(sender->mailbox, &letter->mail);
	}
	return NULL;
}

static void start_senders(struct sender senders[SENDERS],
			  struct mailbox *mailbox)
{
	for (int i = 0; i < SENDERS; i++) {
		senders[i].mailbox = mailbox;
		senders[i].id = i;
		assert_int_equal(pthread_create(&senders[i].thread, NULL,
						send_letters, &senders[i]),
				 0);
	}
}

static void join_senders(struct sender senders[SENDERS])
{
	for (int i = 0; i < SENDERS; i++)
		pthread_join(senders[i].thread, NULL);
}

static void receive(struct mail *mail, void *arg)
{
	struct receiver *receiver = arg;
	struct letter *letter = (struct letter *)mail;

	assert_int_equal(letter->number, receiver->next[letter->sender]);
	receiver->next[letter->sender]++;
	receiver->total++;
	free(letter);
	if (receiver->total == SENDERS * EACH && receiver->loop)
		loop_stop(receiver->loop);
}

static void a_list_is_posted_whole_in_its_place(void **state)
{
	struct letter letters[5] = {0};
	struct mailbox *mailbox;
	struct mail *mail;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	for (int i = 0; i < 5; i++)
		letters[i].number = i;
	letters[1].mail.next = &letters[2].mail;
	letters[2].mail.next = &letters[3].mail;
	mailbox_post(mailbox, &letters[0].mail);
	mailbox_post_list(mailbox, &letters[1].mail);
	mailbox_post(mailbox, &letters[4].mail);
	mail = mailbox_wait(mailbox, 5, -1);
	for (int i = 0; i < 5; i++, mail = mail->next)
		assert_int_equal(((struct letter *)mail)->number, i);
	assert_null(mail);
	mailbox_free(mailbox, NULL, NULL);
}

static void a_loop_receives_all_in_order_of_each_sender(void **state)
{
	struct sender senders[SENDERS];
	struct receiver receiver = {0};
	struct mailbox *mailbox;
	(void)state;

	assert_int_equal(loop_alloc(&receiver.loop), 0);
	loop_enter(receiver.loop);
	assert_int_equal(mailbox_alloc(&mailbox), 0);
	assert_int_equal(
		mailbox_listen(mailbox, receiver.loop, receive, &receiver), 0);
	start_senders(senders, mailbox);
	loop_run(receiver.loop);
	join_senders(senders);
	assert_int_equal(receiver.total, SENDERS * EACH);
	mailbox_free(mailbox, NULL, NULL);
	loop_free(receiver.loop);
}

static void a_waiting_thread_receives_all_in_order(void **state)
{
	struct sender senders[SENDERS];
	struct receiver receiver = {0};
	struct mailbox *mailbox;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	start_senders(senders, mailbox);
	while (receiver.total < SENDERS * EACH) {
		struct mail *mail = mailbox_wait(mailbox, 1, -1);

		assert_non_null(mail);
		while (mail) {
			struct mail *next = mail->next;

			receive(mail, &receiver);
			mail = next;
		}
	}
	join_senders(senders);
	assert_null(mailbox_take(mailbox));
	mailbox_free(mailbox, NULL, NULL);
}

static void waiting_ends_at_its_limit(void **state)
{
	struct mailbox *mailbox;
	struct mail mail;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	assert_null(mailbox_wait(mailbox, 1, 0));
	assert_null(mailbox_wait(mailbox, 1, 10));
	/* a take leaves the eventfd readable: the wait must not be fooled */
	mailbox_post(mailbox, &mail);
	assert_ptr_equal(mailbox_take(mailbox), &mail);
	assert_null(mailbox_wait(mailbox, 1, 10));
	mailbox_post(mailbox, &mail);
	assert_ptr_equal(mailbox_wait(mailbox, 1, 0), &mail);
	mailbox_free(mailbox, NULL, NULL);
}

static void count(struct mail *mail, void *arg)
{
	assert_null(mail->next);
	++*(int *)arg;
}

static void a_wait_for_several_takes_what_is_there_at_its_limit(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[3], *got;
	uint64_t begun_ms;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	mailbox_post(mailbox, &mails[0]);
	mailbox_post(mailbox, &mails[1]);
	begun_ms = clock_mono_ms();
	got = mailbox_wait(mailbox, 3, 30);
	assert_true(clock_mono_ms() - begun_ms >= 30);
	assert_ptr_equal(got, &mails[0]);
	assert_ptr_equal(got->next, &mails[1]);
	assert_null(got->next->next);
	/* what is enough ends the wait, whatever its limit */
	for (int i = 0; i < 3; i++)
		mailbox_post(mailbox, &mails[i]);
	assert_non_null(mailbox_wait(mailbox, 3, -1));
	mailbox_free(mailbox, NULL, NULL);
}

static void *post_three(void *arg)
{
	static struct mail mails[3];

	for (int i = 0; i < 3; i++)
		mailbox_post(arg, &mails[i]);
	return NULL;
}

static void a_wait_for_several_is_woken_by_the_last(void **state)
{
	struct mailbox *mailbox;
	struct mail *got;
	pthread_t thread;
	int n = 0;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	assert_int_equal(pthread_create(&thread, NULL, post_three, mailbox), 0);
	for (got = mailbox_wait(mailbox, 3, -1); got; got = got->next)
		n++;
	assert_int_equal(n, 3);
	pthread_join(thread, NULL);
	mailbox_free(mailbox, NULL, NULL);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void a_receiver_that_comes_by_itself_is_not_woken(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[2];
	struct tmr tmr = {0};
	struct loop *loop;
	int n = 0;
	(void)state;

	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	assert_int_equal(mailbox_alloc(&mailbox), 0);
	assert_int_equal(mailbox_listen(mailbox, loop, count, &n), 0);
	mailbox_visited(mailbox, true);
	mailbox_post(mailbox, &mails[0]);
	tmr_start(&tmr, 20, stop, loop);
	loop_run(loop);
	assert_int_equal(n, 0);
	mailbox_deliver(mailbox);
	assert_int_equal(n, 1);
	/* what has come meanwhile wakes it as soon as it doesn't */
	mailbox_post(mailbox, &mails[1]);
	mailbox_visited(mailbox, false);
	tmr_start(&tmr, 20, stop, loop);
	loop_run(loop);
	assert_int_equal(n, 2);
	mailbox_free(mailbox, NULL, NULL);
	loop_free(loop);
}

static void what_is_inside_is_handed_over_at_the_end(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[3];
	int n = 0;
	(void)state;

	assert_int_equal(mailbox_alloc(&mailbox), 0);
	for (int i = 0; i < 3; i++)
		mailbox_post(mailbox, &mails[i]);
	mailbox_free(mailbox, count, &n);
	assert_int_equal(n, 3);
}

struct suicide {
	struct loop *loop;
	struct mailbox *mailbox;
	int delivered, rest;
};

static void free_mailbox(struct mail *mail, void *arg)
{
	struct suicide *suicide = arg;
	(void)mail;

	suicide->delivered++;
	mailbox_free(suicide->mailbox, count, &suicide->rest);
	loop_stop(suicide->loop);
}

static void a_handler_may_free_the_mailbox(void **state)
{
	struct suicide suicide = {0};
	struct mail mails[3];
	(void)state;

	assert_int_equal(loop_alloc(&suicide.loop), 0);
	loop_enter(suicide.loop);
	assert_int_equal(mailbox_alloc(&suicide.mailbox), 0);
	assert_int_equal(mailbox_listen(suicide.mailbox, suicide.loop,
					free_mailbox, &suicide),
			 0);
	for (int i = 0; i < 3; i++)
		mailbox_post(suicide.mailbox, &mails[i]);
	loop_run(suicide.loop);
	assert_int_equal(suicide.delivered, 1);
	assert_int_equal(suicide.rest, 2);
	loop_free(suicide.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_receives_all_in_order_of_each_sender),
		cmocka_unit_test(a_list_is_posted_whole_in_its_place),
		cmocka_unit_test(a_waiting_thread_receives_all_in_order),
		cmocka_unit_test(waiting_ends_at_its_limit),
		cmocka_unit_test(
			a_wait_for_several_takes_what_is_there_at_its_limit),
		cmocka_unit_test(a_wait_for_several_is_woken_by_the_last),
		cmocka_unit_test(a_receiver_that_comes_by_itself_is_not_woken),
		cmocka_unit_test(what_is_inside_is_handed_over_at_the_end),
		cmocka_unit_test(a_handler_may_free_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
