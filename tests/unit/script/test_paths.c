/* A thousand evil names of prompts and recordings: the kernel tells of every
 * file that is opened or made outside the folders, and there is none. */
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>

static char outside[64];
static int watching;

static void link_in(const char *target, const char *name)
{
	assert_int_equal(symlink(target, path_of(name)), 0);
}

/* How many files of the folder outside have been touched. */
static unsigned touched(void)
{
	_Alignas(struct inotify_event) char buf[4096];
	unsigned n = 0;
	ssize_t got;

	while ((got = read(watching, buf, sizeof(buf))) > 0)
		n++;
	return n;
}

static int setup_paths(void **state)
{
	char secret[96];

	(void)script_setup_calls(state);
	(void)snprintf(outside, sizeof(outside), "/tmp/moondial-out-XXXXXX");
	assert_non_null(mkdtemp(outside));
	assert_int_equal(mkdir(recordings, 0700), 0);
	write_tone("hello.wav");
	(void)snprintf(secret, sizeof(secret), "%s/secret.wav", outside);
	{
		char command[256];

		(void)snprintf(command, sizeof(command), "cp %s/hello.wav %s",
			       folder, secret);
		assert_int_equal(system(command), 0);
	}
	link_in(outside, "out");
	link_in(secret, "direct.wav");
	link_in("hello.wav", "alias.wav");
	link_in("/", "top");
	link_in(outside, "recordings/out");
	link_in(secret, "recordings/direct.wav");
	watching = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(watching >= 0);
	assert_true(inotify_add_watch(watching, outside,
				      IN_OPEN | IN_CREATE | IN_DELETE |
					      IN_MODIFY | IN_MOVE) >= 0);
	return 0;
}

static int teardown_paths(void **state)
{
	char command[128];

	(void)close(watching);
	(void)snprintf(command, sizeof(command), "rm -rf %s", outside);
	assert_int_equal(system(command), 0);
	return script_teardown(state);
}

/* Names that lead, or look as if they led, from the root to `outside`. */
static const char names[] =
	"local ups = {'..', '../..', '../../../../../../..', './..', "
	"'prompts/..', '...', '..;', '..\\\\..', '%2e%2e', '..%2f..', "
	"'%252e%252e', '..%c0%af..', '\\xc0\\xae\\xc0\\xae', "
	"'.\\xe2\\x80\\x8b.',"
	" 'top', 'out', 'out/..', './out', 'out/./.', 'recordings/out', "
	"'recordings/../out', '..\\0', 'x\\0/..', '/proc/self/root', "
	"'/proc/self/cwd', '/dev/fd', '/', '//', 'file://', 'file:///', '~', "
	"'$HOME', root .. '/out', root .. '/..', root .. '/../', root, "
	"root .. '/recordings/out', root .. '/top', '{from}', '{to}', "
	"'{id}/..', '-'}\n"
	"local downs = {'/secret.wav', '/secret', '//secret.wav', '/./secret', "
	"'\\\\secret.wav', '%2fsecret.wav', '/secret.wav\\0', "
	"'/secret.wav\\0.wav', '/secret.wav/', '/secret.wav\\n', outside .. "
	"'/secret.wav', '/' .. outside .. '/secret', "
	"('/..'):rep(20) .. outside .. '/secret.wav', '/etc/passwd', "
	"'/direct', '/direct.wav', '/out/secret', '/new', '/new.wav', "
	"'/recordings/direct', '', '/', ('/x'):rep(2000), "
	"('y'):rep(300), '/../' .. outside:match('[^/]*$') .. '/secret.wav'}\n"
	"local list = {outside .. '/secret.wav', 'direct', 'direct.wav', "
	"'out/secret', 'top' .. outside .. '/secret.wav'}\n"
	"for _, u in ipairs(ups) do for _, d in ipairs(downs) do "
	"list[#list + 1] = u .. d end end\n"
	"s.count = #list\n";

static void no_file_outside_the_folders_is_opened_or_made(void **state)
{
	char text[8192], secret[96];

	(void)state;
	(void)snprintf(
		text, sizeof(text),
		MOON "local root, outside = '%s', '%s'\n%s"
		     "local function code(f, ...) local r = table.pack("
		     "pcall(f, ...)) if r[1] then return r[2] or r[3] end "
		     "return r[2].code end\n"
		     "s.played, s.recorded, s.calls, s.done = {}, {}, 0, 0\n"
		     "moon.on_call(function(call)\n"
		     "  call:answer()\n"
		     "  s.alias = call:play('alias')\n"
		     "  s.linked = code(call.play, call, 'out/secret')\n"
		     "  s.file = code(call.record, call, {file = 'out/x', max "
		     "= 0.02})\n"
		     "  s.calls = s.calls + 1\n"
		     "  for i = s.calls, #list, 10 do local name = list[i]\n"
		     "    local c = code(call.play, call, name)\n"
		     "    s.played[c] = (s.played[c] or 0) + 1\n"
		     "    c = code(call.record, call, {file = name, max = "
		     "0.02})\n"
		     "    if type(c) == 'table' then\n"
		     "      s.made = (s.made or 0) + 1\n"
		     "      if c.file:find('..', 1, true) and "
		     "c.file:find('/%%.%%./') then s.wrong = c.file end\n"
		     "    else s.recorded[c] = (s.recorded[c] or 0) + 1 end\n"
		     "  end\n"
		     "  s.done = s.done + 1\n"
		     "end)\n",
		folder, outside, names);
	load(text);
	assert_int_equal(touched(), 0);
	for (int i = 0; i < 10; i++)
		dial(uri_of(&b, "100"));
	WAIT_EVAL("moon.shared.done", "10");
	assert_eval("moon.shared.count >= 1000", "true");
	assert_eval("moon.shared.wrong", "null");
	/* What leads to a file inside is played. */
	assert_eval("moon.shared.alias", "\"done\"");
	assert_eval("moon.shared.linked", "\"prompt\"");
	assert_eval("moon.shared.file", "\"failed\"");
	assert_eval("moon.shared.made > 0", "true");
	print_message("played %s\n", eval("moon.shared.played"));
	print_message("recorded %s\n", eval("moon.shared.recorded"));
	assert_int_equal(touched(), 0);
	/* The watch works: this one it sees. */
	(void)snprintf(secret, sizeof(secret), "%s/secret.wav", outside);
	(void)close(open(secret, O_RDONLY));
	assert_int_equal(touched(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_file_outside_the_folders_is_opened_or_made,
			setup_paths, teardown_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
