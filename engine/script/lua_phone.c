/* moon.phone: numbers → E.164, and their time zones. Nothing waits. */
#include <errno.h>
#include <string.h>

#include "script/host.h"
#include "script/leads/lead_reader.h"
#include "script/leads/phone_number.h"
#include "script/leads/prefix_zone.h"

static void set(lua_State *L, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	lua_pushstring(L, value);
	lua_setfield(L, -2, name);
}

/* moon.phone.parse(text[, region]) → {number, type, country, extension}, or
 * nil, reason. Without a region the number must begin with +. */
static int l_parse(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	const char *region = luaL_optstring(L, 2, "ZZ");
	struct phone_number number;
	char why[256] = "", country[4];
	int err;

	if (strcmp(region, "ZZ") != 0 && !phone_number_region(region))
		return raise_error(L, "options",
				   "moon.phone.parse: region '%.20s' is none: "
				   "it has two letters, such as US or DE",
				   region);
	err = phone_number_parse(&number, text, region, why, sizeof(why));
	if (err == ENOMEM)
		return raise_memory(L);
	if (err)
		return push_reason(L, why);
	lua_createtable(L, 0, 4);
	set(L, "number", number.e164);
	set(L, "type", number.type);
	set(L, "extension", number.extension);
	if (phone_number_country(country, number.e164))
		set(L, "country", country);
	return 1;
}

/* moon.phone.plain(text) → number, or nil, reason: what stands between its
 * digits taken out, nothing else. */
static int l_plain(lua_State *L)
{
	char number[24], why[256] = "";

	if (lead_plain_number(number, luaL_checkstring(L, 1), why, sizeof(why)))
		return push_reason(L, why);
	lua_pushstring(L, number);
	return 1;
}

/* moon.phone.zones(number) → IANA names, comma-separated: all that numbers of
 * this prefix are in; nil: not known */
static int l_zones(lua_State *L)
{
	lua_pushstring(L, prefix_zone_of(luaL_checkstring(L, 1)));
	return 1;
}

/* moon.phone.is_zone(name) → whether the system knows that time zone */
static int l_is_zone(lua_State *L)
{
	lua_pushboolean(L, lead_zone_known(luaL_checkstring(L, 1)));
	return 1;
}

/* moon.phone.is_region(name) → whether it is a country's two letters */
static int l_is_region(lua_State *L)
{
	const char *region = luaL_checkstring(L, 1);

	lua_pushboolean(L, strlen(region) == 2 && phone_number_region(region));
	return 1;
}

void phone_push(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"parse", l_parse},	    {"plain", l_plain},
		{"zones", l_zones},	    {"is_zone", l_is_zone},
		{"is_region", l_is_region}, {NULL, NULL},
	};

	luaL_newlib(L, functions);
}
