#include "script/leads/phone_number.h"

#include <cerrno>
#include <cstdio>
#include <new>
#include <string>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace
{

const char *type_name(PhoneNumberUtil::PhoneNumberType type)
{
	switch (type) {
	case PhoneNumberUtil::FIXED_LINE:
		return "fixed_line";
	case PhoneNumberUtil::MOBILE:
		return "mobile";
	case PhoneNumberUtil::FIXED_LINE_OR_MOBILE:
		return "fixed_line_or_mobile";
	case PhoneNumberUtil::TOLL_FREE:
		return "toll_free";
	case PhoneNumberUtil::PREMIUM_RATE:
		return "premium_rate";
	case PhoneNumberUtil::SHARED_COST:
		return "shared_cost";
	case PhoneNumberUtil::VOIP:
		return "voip";
	case PhoneNumberUtil::PERSONAL_NUMBER:
		return "personal";
	case PhoneNumberUtil::PAGER:
		return "pager";
	case PhoneNumberUtil::UAN:
		return "uan";
	case PhoneNumberUtil::VOICEMAIL:
		return "voicemail";
	default:
		return nullptr; // of no type: nobody has such a number
	}
}

// What is wrong with a text that is no number.
const char *parse_error(PhoneNumberUtil::ErrorType error)
{
	switch (error) {
	case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
		return "has no country code that exists";
	case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
	case PhoneNumberUtil::TOO_SHORT_NSN:
		return "is too short for a phone number";
	case PhoneNumberUtil::TOO_LONG_NSN:
		return "is too long for a phone number";
	default:
		return "is not a phone number";
	}
}

// Why NUMBER, which has no type, is none that can be called.
const char *impossible(const PhoneNumberUtil &util, const PhoneNumber &number)
{
	switch (util.IsPossibleNumberWithReason(number)) {
	case PhoneNumberUtil::TOO_SHORT:
		return "is too short for a phone number";
	case PhoneNumberUtil::TOO_LONG:
		return "is too long for a phone number";
	case PhoneNumberUtil::INVALID_COUNTRY_CODE:
		return "has no country code that exists";
	case PhoneNumberUtil::INVALID_LENGTH:
		return "has not as many digits as phone numbers have";
	case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
		return "has no area code";
	default:
		return "is a number that nobody can have";
	}
}

void copy(char *out, size_t size, const std::string &text)
{
	(void)snprintf(out, size, "%s", text.c_str());
}

int parse(struct phone_number *out, const char *text, const char *region,
	  char *why, size_t size)
{
	const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
	const char *wrong;
	std::string e164;
	PhoneNumber number;

	const PhoneNumberUtil::ErrorType error =
		util.Parse(text, region, &number);
	if (error != PhoneNumberUtil::NO_PARSING_ERROR) {
		wrong = parse_error(error);
	} else {
		// a number is valid if it has a type: one look instead of two
		out->type = type_name(util.GetNumberType(number));
		wrong = out->type ? nullptr : impossible(util, number);
	}
	if (wrong) {
		(void)snprintf(why, size, "'%.60s' %s", text, wrong);
		return EINVAL;
	}
	util.Format(number, PhoneNumberUtil::E164, &e164);
	copy(out->e164, sizeof(out->e164), e164);
	copy(out->extension, sizeof(out->extension), number.extension());
	return 0;
}

} // namespace

extern "C" int phone_number_parse(struct phone_number *out, const char *text,
				  const char *region, char *why, size_t size)
{
	try {
		return parse(out, text, region, why, size);
	} catch (const std::bad_alloc &) {
		return ENOMEM;
	} catch (...) {
		(void)snprintf(why, size, "'%.60s' can't be read", text);
		return EINVAL;
	}
}

extern "C" bool phone_number_region(const char *region)
{
	try {
		const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();

		return util.GetCountryCodeForRegion(region) != 0;
	} catch (...) {
		return false;
	}
}

extern "C" bool phone_number_country(char country[4], const char *e164)
{
	try {
		const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
		PhoneNumber number;
		std::string code;

		if (util.Parse(e164, "ZZ", &number) !=
		    PhoneNumberUtil::NO_PARSING_ERROR)
			return false;
		util.GetRegionCodeForNumber(number, &code);
		copy(country, 4, code);
		return code.size() == 2;
	} catch (...) {
		return false;
	}
}
