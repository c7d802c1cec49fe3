/* line.h -- a line that answers, and a far side that presses keys */
#ifndef MOONDIAL_TEST_SCRIPT_LINE_H
#define MOONDIAL_TEST_SCRIPT_LINE_H

#include "fixture.h"

static UNUSED void write_tone(const char *name)
{
	/* 0.2 s of silence, 8 kHz, 16 bit */
	static const uint8_t header[44] = {
		'R', 'I', 'F',	'F',  0xa4, 0x0c, 0,	0,    'W',  'A', 'V',
		'E', 'f', 'm',	't',  ' ',  16,	  0,	0,    0,    1,	 0,
		1,   0,	  0x40, 0x1f, 0,    0,	  0x80, 0x3e, 0,    0,	 2,
		0,   16,  0,	'd',  'a',  't',  'a',	0x80, 0x0c, 0,	 0};
	static const uint8_t silence[3200];
	FILE *f = fopen(path_of(name), "wb");

	assert_non_null(f);
	(void)fwrite(header, 1, sizeof(header), f);
	(void)fwrite(silence, 1, sizeof(silence), f);
	(void)fclose(f);
}

static UNUSED void press(const char *digits)
{
	uint32_t op;

	assert_int_equal(
		call_send_digits(a.call, digits, CALL_DTMF_AUTO, 80, 60, &op),
		0);
}

#define MOON "local moon = require 'moondial'\nlocal s = moon.shared\n"

static UNUSED void the_far_side_hangs_up(void)
{
	call_hangup(a.call, CALL_LOCAL, NULL);
}

/* Load FLOW (a body with `call`), call it, wait for the answer. */
static UNUSED void answer_with(const char *flow)
{
	char text[4096];

	write_tone("hello.wav");
	(void)snprintf(text, sizeof(text),
		       MOON "moon.on_call(function(call)\n"
			    "  s.call = call call:answer()\n%s\nend)\n",
		       flow);
	load(text);
	dial(uri_of(&b, "100"));
	WAIT(saw(&a, "answered"));
}

static UNUSED bool far_answers(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_answer(call), 0);
	return true;
}

static UNUSED bool far_is_busy(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_reject(call, 486, "Busy Here"), 0);
	return true;
}

static UNUSED bool far_rings(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_ring(call), 0);
	return true;
}

static UNUSED void load_out(const char *body)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       MOON "local target = '%s'\n"
			    "s.task = moon.spawn(function()\n%s\nend)\n",
		       uri_of(&a, "5"), body);
	load(text);
}

#endif
