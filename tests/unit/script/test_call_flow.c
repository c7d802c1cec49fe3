/* A line that answers, with a caller that presses keys. */
#include "fixture.h"

static void write_tone(const char *name)
{
	/* 0.2 s of silence, 8 kHz, 16 bit */
	static const uint8_t header[44] = {
		'R', 'I', 'F', 'F', 0xa4, 0x0c, 0, 0, 'W', 'A', 'V', 'E', 'f',
		'm', 't', ' ', 16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80,
		0x3e, 0, 0, 2, 0, 16, 0, 'd', 'a', 't', 'a', 0x80, 0x0c, 0, 0};
	static const uint8_t silence[3200];
	FILE *f = fopen(path_of(name), "wb");

	assert_non_null(f);
	(void)fwrite(header, 1, sizeof(header), f);
	(void)fwrite(silence, 1, sizeof(silence), f);
	(void)fclose(f);
}

static void press(const char *digits)
{
	uint32_t op;

	assert_int_equal(call_send_digits(a.call, digits, CALL_DTMF_AUTO, 80,
					  60, &op),
			 0);
}

static void the_line_answers_plays_and_gathers(void **state)
{
	(void)state;
	write_tone("hello.wav");
	load("local moon = require 'moondial'\n"
	     "moon.on_call(function(call)\n"
	     "  call:answer()\n"
	     "  moon.shared.played = call:play('hello')\n"
	     "  moon.shared.digits = call:gather{prompt = 'hello', "
	     "max_digits = 3, timeout = 5, tries = 2}\n"
	     "  moon.shared.from = call.from\n"
	     "  call.disposition = 'served'\n"
	     "end)\n");
	dial(uri_of(&b, "100"));
	WAIT(saw(&a, "answered"));
	WAIT_EVAL("moon.shared.played", "\"done\"");
	press("123");
	WAIT(saw(&a, "ended"));
	assert_eval("moon.shared.digits", "\"123\"");
	WAIT(b.ended == 1);
	assert_non_null(strstr(b.cdrs[0].end, "in served 200"));
	assert_string_equal(b.cdrs[0].digits, "123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_line_answers_plays_and_gathers, script_setup_calls,
			script_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
