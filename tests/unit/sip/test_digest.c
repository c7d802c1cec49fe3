/* test_digest.c -- answers to challenges, checked by a server's own formulas
 * (digest_check.h), which are checked by the examples of the RFCs */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sip/digest.h"
#include "digest_check.h"

#define NONCE_2617 "dcd98b7102dd2f0e8b11d0f600bfb0c093"
#define HA1_2617   "939e7578ed9e3c518a452acee763bce9"

static const char *password;
static unsigned asked;

static int auth(char **user, char **pass, const char *realm, void *arg)
{
	(void)arg;
	asked++;
	if (!strcmp(realm, "foreign"))
		return EAUTH;
	return str_dup(user, "Mufasa") || str_dup(pass, password) ? ENOMEM : 0;
}

static int setup(void **state)
{
	password = "Circle Of Life";
	asked = 0;
	return digest_alloc((struct digest **)state, auth, NULL);
}

static int teardown(void **state)
{
	mem_deref(*state);
	return 0;
}

/* A response with header lines HEADERS. */
static int challenge(struct digest *digest, const char *headers)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct sip_msg *msg = NULL;
	int err;

	(void)mbuf_printf(mb,
			  "SIP/2.0 401 Unauthorized\r\n"
			  "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n"
			  "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
			  "Call-ID: 1\r\nCSeq: 1 REGISTER\r\n%s"
			  "Content-Length: 0\r\n\r\n",
			  headers);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	err = digest_challenged(digest, msg);
	mem_deref(msg);
	mem_deref(mb);
	return err;
}

static void print(char *out, size_t size, struct digest *digest,
		  const char *method, const char *uri)
{
	struct mbuf *mb = mbuf_alloc(512);

	assert_int_equal(digest_print(mb, digest, method, uri), 0);
	assert_true(mb->end < size);
	memcpy(out, mb->buf, mb->end);
	out[mb->end] = '\0';
	mem_deref(mb);
}

static void the_check_agrees_with_the_rfcs_examples(void **state)
{
	(void)state;
	assert_true(digest_check(
		"Authorization: Digest username=\"Mufasa\", "
		"realm=\"testrealm@host.com\", nonce=\"" NONCE_2617 "\", "
		"uri=\"/dir/index.html\", qop=auth, nc=00000001, "
		"cnonce=\"0a4f113b\", "
		"response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5\"",
		"GET", HA1_2617));
	/* RFC 7616 3.9.1 */
	assert_true(digest_check(
		"Authorization: Digest username=\"Mufasa\", "
		"realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
		"algorithm=MD5, "
		"nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
		"nc=00000001, "
		"cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", "
		"qop=auth, response=\"8ca523f5e9506fed4657c9700eebdbec\"",
		"GET", "3d78807defe7de2157e2b0b6573a855f"));
	assert_false(
		digest_check("Authorization: Digest nonce=\"" NONCE_2617 "\", "
			     "uri=\"/dir/index.html\", "
			     "response=\"00000000000000000000000000000000\"",
			     "GET", HA1_2617));
}

/* RFC 2617 3.5, as RFC 2069 had it: no qop, hence nothing of ours in it. */
static void a_challenge_without_qop_is_answered_as_of_old(void **state)
{
	char line[1024];

	assert_int_equal(challenge(*state, "WWW-Authenticate: Digest "
					   "realm=\"testrealm@host.com\", "
					   "nonce=\"" NONCE_2617 "\"\r\n"),
			 0);
	print(line, sizeof(line), *state, "GET", "/dir/index.html");
	assert_non_null(
		strstr(line, "response=\"670fd8c2df070c60b045671b8b24ff02\""));
	assert_null(strstr(line, "cnonce"));
	assert_null(strstr(line, "opaque"));
}

static void qop_auth_counts_its_requests(void **state)
{
	char line[1024], nc[16];

	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest "
				   "realm=\"testrealm@host.com\", "
				   "qop=\"auth,auth-int\", "
				   "nonce=\"" NONCE_2617 "\", "
				   "opaque=\"5ccc069c403ebaf9f0171e95\"\r\n"),
			 0);
	for (unsigned i = 1; i < 4; i++) {
		print(line, sizeof(line), *state, "INVITE", "sip:b@c");
		assert_true(digest_check(line, "INVITE", HA1_2617));
		digest_param(nc, sizeof(nc), line, "nc");
		assert_int_equal(strtoul(nc, NULL, 16), i);
		assert_non_null(
			strstr(line, "opaque=\"5ccc069c403ebaf9f0171e95\""));
	}
	assert_int_equal(asked, 1);
}

static void ha1_stands_for_a_password(void **state)
{
	char line[1024];

	password = DIGEST_HA1 "939E7578ed9e3c518a452acee763bce9";
	assert_int_equal(challenge(*state, "WWW-Authenticate: Digest "
					   "realm=\"any\", qop=\"auth\", "
					   "nonce=\"n\"\r\n"),
			 0);
	print(line, sizeof(line), *state, "REGISTER", "sip:c");
	assert_true(digest_check(line, "REGISTER", HA1_2617));
}

static void md5_is_found_beside_others(void **state)
{
	char line[1024], nonce[16];

	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest realm=\"r\", "
				   "nonce=\"a\", algorithm=SHA-256\r\n"
				   "WWW-Authenticate: Digest realm=\"r\", "
				   "nonce=\"b\", algorithm=MD5\r\n"
				   "WWW-Authenticate: Digest realm=\"r\", "
				   "nonce=\"c\", algorithm=SHA-512-256\r\n"),
			 0);
	print(line, sizeof(line), *state, "REGISTER", "sip:c");
	digest_param(nonce, sizeof(nonce), line, "nonce");
	assert_string_equal(nonce, "b");
	assert_null(strstr(strstr(line, "uthorization") + 1, "uthorization"));
}

static void what_we_cant_answer_is_told(void **state)
{
	char line[1024];

	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest realm=\"r\", "
				   "nonce=\"a\", algorithm=SHA-256\r\n"),
			 ENOSYS);
	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest realm=\"r\", "
				   "nonce=\"a\", qop=\"auth-int\"\r\n"),
			 ENOSYS);
	assert_int_equal(
		challenge(*state, "WWW-Authenticate: Basic realm=\"r\"\r\n"),
		ENOSYS);
	assert_int_equal(challenge(*state, ""), ENOSYS);
	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest "
				   "realm=\"foreign\", nonce=\"a\"\r\n"),
			 EAUTH);
	print(line, sizeof(line), *state, "REGISTER", "sip:c");
	assert_string_equal(line, "");
}

static void a_refused_answer_is_not_repeated(void **state)
{
	static const char *const one =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n";
	static const char *const two =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"2\"\r\n";
	static const char *const three =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"3\"\r\n";

	assert_int_equal(challenge(*state, one), 0);
	assert_int_equal(challenge(*state, one), EAUTH);
	assert_int_equal(challenge(*state, two), 0);
	assert_int_equal(challenge(*state, three), EAUTH); /* two tries */
	digest_begin(*state);
	assert_int_equal(challenge(*state, three), 0);
}

static void proxy_and_registrar_are_answered_together(void **state)
{
	char line[1024];

	assert_int_equal(challenge(*state,
				   "Proxy-Authenticate: Digest realm=\"p\", "
				   "nonce=\"1\"\r\n"),
			 0);
	assert_int_equal(challenge(*state,
				   "WWW-Authenticate: Digest realm=\"w\", "
				   "nonce=\"2\"\r\n"),
			 0);
	print(line, sizeof(line), *state, "REGISTER", "sip:c");
	assert_non_null(strstr(line, "Proxy-Authorization: Digest "));
	assert_non_null(strstr(line, "\r\nAuthorization: Digest "));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_check_agrees_with_the_rfcs_examples),
		T(a_challenge_without_qop_is_answered_as_of_old),
		T(qop_auth_counts_its_requests),
		T(ha1_stands_for_a_password),
		T(md5_is_found_beside_others),
		T(what_we_cant_answer_is_told),
		T(a_refused_answer_is_not_repeated),
		T(proxy_and_registrar_are_answered_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
