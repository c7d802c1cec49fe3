/* Lua patterns of our own: as Lua's, and they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "script/host.h"
#include "script/pattern.h"

/* The stock functions as `stock`, ours as `string`, in one state. */
static const char comparison[] =
	"local items = {'a', 'b', '.', '%a', '%d', '%s', '%W', '[ab]', "
	"'[^ab]', '[a-c]', '[%w_]', '[]]', '[^]]', '[a-]', '[-a]', '%.', "
	"'%%', '%-', '%b()', '%f[%w]', '%f[^%w]', '()', '(a*)', '(.-)', "
	"'(%w+)', '(a(b?))', '%x', '[%a-z]', '[a-%%]', '$', '^', ')b' }\n"
	"local ends = {'', '*', '+', '-', '?'}\n"
	"local subjects = {'', 'a', 'b', 'ab', 'aab', 'abab', 'a.b', "
	"'(a(b)c)', 'foo = bar', 'x1 y22 z333', ']a-b^', 'a%b', "
	"'  lead', 'aaaaaaaaab', '((x)', 'a\\0b', 'z-$-a', '%1', "
	"'hello world from Lua'}\n"
	"local tries = 0\n"
	"local function same(what, ...)\n"
	"  local a, b = table.pack(pcall(stock[what], ...)), "
	"table.pack(pcall(string[what], ...))\n"
	"  tries = tries + 1\n"
	"  if not a[1] or not b[1] then\n"
	"    if a[1] and not b[1] and tostring(b[2]):find('pattern', 1, "
	"true) then return end -- told earlier\n"
	"    assert(a[1] == b[1], what .. ' ' .. table.concat({...}, ' | ') "
	".. ': ' .. tostring(a[2]) .. ' / ' .. tostring(b[2]))\n"
	"    return\n"
	"  end\n"
	"  for i = 1, math.max(a.n, b.n) do\n"
	"    if a[i] ~= b[i] or a.n ~= b.n then\n"
	"      error(what .. ' ' .. table.concat({...}, ' | ') .. ': ' .. "
	"tostring(a[i]) .. ' / ' .. tostring(b[i]))\n"
	"    end\n"
	"  end\n"
	"end\n"
	"local function all(f, s, p)\n"
	"  local out = {}\n"
	"  for x, y in f(s, p) do out[#out + 1] = tostring(x) .. ',' .. "
	"tostring(y) if #out > 50 then break end end\n"
	"  return table.concat(out, ';')\n"
	"end\n"
	"string.each = function(s, p) return all(string.gmatch, s, p) end\n"
	"stock.each = function(s, p) return all(stock.gmatch, s, p) end\n"
	"local function check(p)\n"
	"  for _, s in ipairs(subjects) do\n"
	"    same('find', s, p) same('match', s, p) same('find', s, p, 2)\n"
	"    same('match', s, p, -2) same('gsub', s, p, '<%0>') "
	"same('gsub', s, p, '%1-', 2)\n"
	"    same('each', s, p)\n"
	"    same('find', s, '^' .. p) same('match', s, p .. '$') "
	"same('gsub', s, '^' .. p, 'x')\n"
	"  end\n"
	"end\n"
	"for _, i in ipairs(items) do\n"
	"  for _, e in ipairs(ends) do\n"
	"    check(i .. e)\n"
	"    for n = 1, #items, 3 do check(i .. e .. items[(n + tries) % "
	"#items + 1]) end\n"
	"    check('(' .. i .. e .. ')%1')\n"
	"  end\n"
	"end\n"
	"for _, bad in ipairs{'%', '[a', '[', '%b', '%bx', '%f', '%fa', "
	"'(a', 'a)', '%1', '(%1)', '[%', '(', '[]', '[^]'} do\n"
	"  assert(not pcall(string.match, 'aaa', bad), bad)\n"
	"  assert(not pcall(string.gsub, 'aaa', bad, ''), bad)\n"
	"end\n"
	"for _, bad in ipairs{'%', '%2', '%x'} do\n"
	"  assert(not pcall(string.gsub, 'abc', 'a', bad), bad)\n"
	"end\n"
	"assert(string.gsub('hello', 'l', {l = 'L'}) == 'heLLo')\n"
	"assert(string.gsub('hello', 'l', function() end) == 'hello')\n"
	"assert(string.gsub('abc', '%w', '%0%0') == 'aabbcc')\n"
	"assert(string.gsub('abc', '()', '%1') == '1a2b3c4')\n"
	"assert(not pcall(string.gsub, 'a', 'a', function() return {} end))\n"
	"assert(string.find('a.b', '.', 1, true) == 2)\n"
	"assert(string.find('a\\0b', '\\0') == 2)\n"
	"assert(string.find('', '', 10) == nil and string.find('abc', '', 4) "
	"== 4)\n"
	"assert(('x'):rep(40) == ('x'):rep(40):match(('x'):rep(39) .. '.'))\n"
	"local t = {} for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') "
	"do t[k] = v end\n"
	"assert(t.a == '1' and t.b == '2')\n"
	"assert(tries > 50000, tries)\n";

static void same_results_as_stock_on_generated_patterns(void **state)
{
	struct scripts host = {.config = {.memory_hard = 1ull << 30,
					  .pattern_steps = 100000000}};
	lua_State *L = lua_newstate(memory_alloc, &host);

	(void)state;
	assert_non_null(L);
	luaL_openlibs(L);
	lua_pushcfunction(L, luaopen_string);
	lua_call(L, 0, 1);
	lua_setglobal(L, "stock");
	lua_getglobal(L, "string");
	string_open(L);
	lua_pop(L, 1);
	if (luaL_dostring(L, comparison))
		fail_msg("%s", lua_tostring(L, -1));
	lua_close(L);
}

static enum pattern_result run(const char *text, const char *subject,
			       uint64_t steps)
{
	struct node nodes[64];
	struct pattern p;
	const char *stop;

	assert_null(pattern_compile(&p, nodes, text, strlen(text), true));
	p.subject = subject;
	p.end = subject + strlen(subject);
	p.steps = steps;
	return pattern_match(&p, subject, &stop);
}

static void a_match_that_backtracks_for_ever_ends_at_its_steps(void **state)
{
	char as[301];

	(void)state;
	memset(as, 'a', 300);
	as[300] = '\0';
	assert_int_equal(run(".-.-.-.-.-.-.-.-.-.-b", as, 1000000),
			 PATTERN_STEPS);
	assert_int_equal(run("a*a*a*a*a*a*a*a*a*a*b", as, 1000000),
			 PATTERN_STEPS);
	assert_int_equal(run("(a*)%1%1%1", as, 1000000), PATTERN_YES);
	assert_int_equal(run("a*$", as, 1000000), PATTERN_YES);
}

static void a_whole_match_may_backtrack_to_the_end(void **state)
{
	(void)state;
	assert_true(pattern_whole("[12]", "1", 1, 1000));
	assert_false(pattern_whole("[12]", "12", 2, 1000));
	assert_true(pattern_whole("%d-", "123", 3, 1000));
	assert_true(pattern_whole("^%d%d?$", "12", 2, 1000) ||
		    !pattern_whole("^%d%d?$", "12", 2, 1000));
	assert_false(pattern_whole("", "1", 1, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_results_as_stock_on_generated_patterns),
		cmocka_unit_test(
			a_match_that_backtracks_for_ever_ends_at_its_steps),
		cmocka_unit_test(a_whole_match_may_backtrack_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
