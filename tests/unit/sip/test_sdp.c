/* test_sdp.c -- offers of real devices, and what a session makes of them */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sip/sdp.h"

#define CORPUS SOURCE_DIR "/tests/fuzz/corpus/sdp/"
#define HEAD   "s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define DTMF(pt) \
	"a=rtpmap:" pt " telephone-event/8000\r\na=fmtp:" pt " 0-15\r\n"

static const struct sdp_codec codecs[] = {
	{.name = "PCMU", .srate = 8000, .channels = 1, .pt = 0},
	{.name = "PCMA", .srate = 8000, .channels = 1, .pt = 8},
};

static struct mbuf *text_mbuf(const char *text)
{
	struct mbuf *mb = mbuf_alloc(512);

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, text), 0);
	mb->pos = 0;
	return mb;
}

/* One of exactly the file's size, so that a byte too far is seen. */
static struct mbuf *file_mbuf(const char *name)
{
	char path[512], bytes[65536];
	struct mbuf *mb;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), CORPUS "%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	mb = mbuf_alloc(n ? n : 1);
	assert_non_null(mb);
	assert_int_equal(mbuf_write_mem(mb, (uint8_t *)bytes, n), 0);
	mb->pos = 0;
	return mb;
}

static struct sdp *make(const char *addr)
{
	struct sa laddr;
	struct sdp *sdp;

	assert_int_equal(sa_set_str(&laddr, addr, 40000), 0);
	assert_int_equal(sdp_alloc(&sdp, &laddr, codecs, 2), 0);
	return sdp;
}

/* MB as text, released; the o= line's version into VERSION. */
static char *take_text(struct mbuf *mb, unsigned *version)
{
	char *text = NULL;

	assert_int_equal(mbuf_strdup(mb, &text, mbuf_get_left(mb)), 0);
	mem_deref(mb);
	assert_int_equal(sscanf(text, "v=0\r\no=- %*u %u IN", version), 1);
	return text;
}

/* What follows the o= line. */
static const char *after_origin(const char *text)
{
	return strstr(strstr(text, "o=-"), "\r\n") + 2;
}

static void assert_text(struct mbuf *mb, const char *expected,
			unsigned *version)
{
	char *text = take_text(mb, version);

	assert_string_equal(after_origin(text), expected);
	mem_deref(text);
}

static void assert_answer(struct sdp *sdp, const char *expected)
{
	struct mbuf *mb;
	unsigned version;

	assert_int_equal(sdp_answer(sdp, &mb), 0);
	assert_text(mb, expected, &version);
}

static unsigned offer(struct sdp *sdp, bool hold, const char *expected)
{
	struct mbuf *mb;
	unsigned version;

	assert_int_equal(sdp_offer(sdp, hold, &mb), 0);
	assert_text(mb, expected, &version);
	return version;
}

static int offered_file(struct sdp *sdp, const char *name,
			struct sdp_agreed *agreed)
{
	struct mbuf *mb = file_mbuf(name);
	int err = sdp_offered(sdp, mb, agreed);

	mem_deref(mb);
	return err;
}

static int offered(struct sdp *sdp, const char *text, struct sdp_agreed *agreed)
{
	struct mbuf *mb = text_mbuf(text);
	int err = sdp_offered(sdp, mb, agreed);

	mem_deref(mb);
	return err;
}

static int answered(struct sdp *sdp, const char *text,
		    struct sdp_agreed *agreed)
{
	struct mbuf *mb = text_mbuf(text);
	int err = sdp_answered(sdp, mb, agreed);

	mem_deref(mb);
	return err;
}

static const struct device {
	const char *file;
	size_t codec;
	int pt, dtmf;
	const char *raddr;
	int port, rtcp;
	int ptime;
	bool tx, rx, held;
	const char *answer;
} devices[] = {
	{"asterisk.sdp", 1, 8, 101, "192.0.2.10", 17642, 17643, 20, true, true,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\n"},
	{"freeswitch.sdp", 0, 0, 101, "192.0.2.11", 28894, 28895, 20, true,
	 true, false,
	 HEAD "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\n"},
	{"rtpengine.sdp", 0, 0, 96, "192.0.2.12", 30044, 30045, 20, true, true,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "96") "a=ptime:20\r\na=sendrecv\r\n"},
	{"cisco.sdp", 0, 0, 101, "192.0.2.13", 27464, 27465, 20, true, true,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\n"
			"m=video 0 RTP/AVP 100\r\n"},
	{"cisco-gateway.sdp", 1, 8, 101, "192.0.2.14", 16862, 16863, 30, true,
	 true, false,
	 HEAD "m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n" DTMF(
		 "101") "a=ptime:30\r\na=sendrecv\r\n"},
	{"baresip.sdp", 0, 0, 101, "192.0.2.15", 10002, 10003, 20, true, true,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\n"},
	{"linphone.sdp", 0, 0, 100, "192.0.2.16", 7078, 7079, 20, true, true,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 0 100\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "100") "a=ptime:20\r\na=sendrecv\r\n"
			"m=video 0 RTP/AVP 96\r\n"},
	{"sipp.sdp", 0, 0, -1, "192.0.2.17", 6000, 6001, 20, true, true, false,
	 HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	      "a=ptime:20\r\na=sendrecv\r\n"},
	{"savp-and-avp.sdp", 0, 0, 101, "192.0.2.18", 11100, 11101, 20, true,
	 true, false,
	 HEAD
	 "m=audio 0 RTP/SAVP 0\r\nm=image 0 udptl t38\r\n"
	 "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\nm=audio 0 RTP/AVP 8\r\n"},
	{"static-bare-lf.sdp", 1, 8, -1, "192.0.2.19", 4000, 4001, 20, true,
	 true, false,
	 HEAD "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
	      "a=ptime:20\r\na=sendrecv\r\n"},
	{"dynamic-pcmu.sdp", 0, 110, 98, "192.0.2.20", 4002, 4003, 30, true,
	 true, false,
	 HEAD "m=audio 40000 RTP/AVP 110 98\r\na=rtpmap:110 PCMU/8000\r\n" DTMF(
		 "98") "a=ptime:30\r\na=sendrecv\r\n"},
	{"hold-sendonly.sdp", 0, 0, -1, "192.0.2.21", 4004, 4005, 60, false,
	 true, true,
	 HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	      "a=ptime:60\r\na=recvonly\r\n"},
	{"hold-inactive.sdp", 0, 0, -1, "192.0.2.21", 4004, 4005, 10, false,
	 false, true,
	 HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	      "a=ptime:10\r\na=inactive\r\n"},
	{"hold-rfc2543.sdp", 0, 0, -1, "0.0.0.0", 0, 0, 20, false, true, true,
	 HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	      "a=ptime:20\r\na=recvonly\r\n"},
	{"listener.sdp", 0, 0, -1, "192.0.2.22", 4006, 5007, 10, true, false,
	 false,
	 HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	      "a=ptime:10\r\na=sendonly\r\n"},
	{"long.sdp", 0, 0, 101, "192.0.2.27", 5000, 5001, 20, true, true, false,
	 HEAD "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
		 "101") "a=ptime:20\r\na=sendrecv\r\n"},
};

static void offers_of_real_devices_are_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		const struct device *device = &devices[i];
		struct sdp *sdp = make("192.0.2.1");
		struct sdp_agreed agreed;
		struct sa addr;

		print_message("%s\n", device->file);
		assert_int_equal(offered_file(sdp, device->file, &agreed), 0);
		assert_int_equal(agreed.codec, device->codec);
		assert_int_equal(agreed.pt_tx, device->pt);
		assert_int_equal(agreed.pt_rx, device->pt);
		assert_int_equal(agreed.pt_dtmf_tx, device->dtmf);
		assert_int_equal(agreed.pt_dtmf_rx, device->dtmf);
		assert_int_equal(sa_set_str(&addr, device->raddr, 0), 0);
		assert_true(sa_cmp(&agreed.raddr, &addr, SA_ADDR));
		assert_int_equal(sa_port(&agreed.raddr), device->port);
		assert_int_equal(sa_port(&agreed.raddr_rtcp), device->rtcp);
		assert_int_equal(agreed.ptime_ms, device->ptime);
		assert_int_equal(agreed.tx, device->tx);
		assert_int_equal(agreed.rx, device->rx);
		assert_int_equal(agreed.held, device->held);
		assert_answer(sdp, device->answer);
		mem_deref(sdp);
	}
}

static void rtcp_may_have_an_address_of_its_own(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	struct sa addr;
	(void)state;

	assert_int_equal(offered_file(sdp, "listener.sdp", &agreed), 0);
	assert_int_equal(sa_set_str(&addr, "192.0.2.23", 5007), 0);
	assert_true(sa_cmp(&agreed.raddr_rtcp, &addr, SA_ALL));
	mem_deref(sdp);
}

static void an_ipv6_offer_is_answered_with_ipv6(void **state)
{
	struct sdp *sdp = make("2001:db8::1");
	struct sdp_agreed agreed;
	struct sa addr;
	(void)state;

	assert_int_equal(offered_file(sdp, "ipv6.sdp", &agreed), 0);
	assert_int_equal(sa_set_str(&addr, "2001:db8::5", 5000), 0);
	assert_true(sa_cmp(&agreed.raddr, &addr, SA_ALL));
	assert_answer(sdp, "s=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 8 101\r\n"
			   "a=rtpmap:8 PCMA/8000\r\n" DTMF(
				   "101") "a=ptime:20\r\na=sendrecv\r\n");
	mem_deref(sdp);
}

static const struct {
	const char *file;
	int err;
} refused[] = {
	{"webrtc.sdp", ENOTSUP},	 {"port-zero.sdp", ENOTSUP},
	{"ipv6.sdp", ENOTSUP},		 {"domain-name.sdp", ENOTSUP},
	{"multicast.sdp", ENOTSUP},	 {"no-common-codec.sdp", ENOTSUP},
	{"no-media.sdp", ENOTSUP},	 {"garbage.sdp", EBADMSG},
	{"wrong-version.sdp", EBADMSG},	 {"bad-port.sdp", EBADMSG},
	{"bad-connection.sdp", EBADMSG}, {"short-media-line.sdp", EBADMSG},
	{"truncated.sdp", EBADMSG},	 {"nul.sdp", EBADMSG},
	{"empty.sdp", EBADMSG},
};

static void what_cant_be_used_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct sdp *sdp = make("192.0.2.1");
		struct sdp_agreed agreed;
		struct mbuf *mb;

		print_message("%s\n", refused[i].file);
		assert_int_equal(offered_file(sdp, refused[i].file, &agreed),
				 refused[i].err);
		assert_int_equal(sdp_answer(sdp, &mb), EPROTO);
		mem_deref(sdp);
	}
}

static void a_refused_offer_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct sdp *sdp = make("192.0.2.1");
		struct sdp_agreed agreed, before;
		struct mbuf *mb;
		unsigned version, again;
		char *text, *other;

		if (!strcmp(refused[i].file, "port-zero.sdp")) {
			mem_deref(sdp); /* a hold, in a running session */
			continue;
		}
		assert_int_equal(offered_file(sdp, "cisco.sdp", &before), 0);
		assert_int_equal(sdp_answer(sdp, &mb), 0);
		text = take_text(mb, &version);

		agreed = before;
		assert_int_equal(offered_file(sdp, refused[i].file, &agreed),
				 refused[i].err);
		assert_memory_equal(&agreed, &before, sizeof(agreed));
		assert_int_equal(sdp_answer(sdp, &mb), 0);
		other = take_text(mb, &again);
		assert_string_equal(text, other);
		mem_deref(text);
		mem_deref(other);
		mem_deref(sdp);
	}
}

#define OFFER                                                            \
	HEAD "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n" \
	     "a=rtpmap:8 PCMA/8000\r\n" DTMF("101") "a=ptime:20\r\n"

static const char *const answer_pcma =
	"v=0\r\no=- 5 5 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\n"
	"t=0 0\r\nm=audio 6004 RTP/AVP 8 97\r\na=rtpmap:8 PCMA/8000\r\n"
	"a=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n";

static void an_offer_tells_all_codecs_and_dtmf(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	(void)state;

	(void)offer(sdp, false, OFFER "a=sendrecv\r\n");
	mem_deref(sdp);
}

static void an_answer_settles_codec_and_numbers(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(answered(sdp, answer_pcma, &agreed), EPROTO);
	(void)offer(sdp, false, OFFER "a=sendrecv\r\n");
	assert_int_equal(answered(sdp, answer_pcma, &agreed), 0);
	assert_int_equal(agreed.codec, 1);
	assert_int_equal(agreed.pt_tx, 8);
	assert_int_equal(agreed.pt_rx, 8);
	assert_int_equal(agreed.pt_dtmf_tx, 97); /* theirs, toward them */
	assert_int_equal(agreed.pt_dtmf_rx, 101);
	/* all that we offered may come, whatever the answer has chosen */
	assert_int_equal(agreed.format_count, 2);
	assert_int_equal(agreed.formats[0].pt, 8);
	assert_int_equal(agreed.formats[0].codec, 1);
	assert_int_equal(agreed.formats[1].pt, 0);
	assert_int_equal(agreed.formats[1].codec, 0);
	assert_int_equal(agreed.ptime_ms, 30);
	assert_int_equal(sa_port(&agreed.raddr), 6004);
	assert_true(agreed.tx && agreed.rx && !agreed.held);
	/* 183 and 200 both carry it. */
	assert_int_equal(answered(sdp, answer_pcma, &agreed), 0);
	mem_deref(sdp);
}

static void an_offer_tells_all_that_may_come(void **state)
{
	static const char text[] = "v=0\r\no=- 5 5 IN IP4 192.0.2.30\r\ns=-\r\n"
				   "c=IN IP4 192.0.2.30\r\nt=0 0\r\n"
				   "m=audio 6004 RTP/AVP 18 96 13 0 101\r\n"
				   "a=rtpmap:96 PCMA/8000\r\n"
				   "a=rtpmap:101 telephone-event/8000\r\n";
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(offered(sdp, text, &agreed), 0);
	assert_int_equal(agreed.pt_rx, 96);
	assert_int_equal(agreed.format_count, 2);
	assert_int_equal(agreed.formats[0].pt, 96);
	assert_int_equal(agreed.formats[0].codec, 1);
	assert_int_equal(agreed.formats[1].pt, 0);
	assert_int_equal(agreed.formats[1].codec, 0);
	mem_deref(sdp);
}

static void a_refusing_answer_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 0 RTP/AVP 0\r\n",
		"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 9 RTP/SAVP 0\r\n",
		"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 9 RTP/AVP 18\r\n",
		"v=0\r\nc=IN IP4 192.0.2.9\r\nm=video 9 RTP/AVP 31\r\n",
		"v=0\r\nc=IN IP4 192.0.2.9\r\n",
	};
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed = {0}, before;
	unsigned version;
	(void)state;

	version = offer(sdp, false, OFFER "a=sendrecv\r\n");
	assert_int_equal(answered(sdp, answer_pcma, &before), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(answered(sdp, bad[i], &agreed), ENOTSUP);
	assert_int_equal(answered(sdp, "what?", &agreed), EBADMSG);
	/* What is in use comes first from now on. */
	assert_int_equal(
		offer(sdp, false,
		      HEAD
		      "m=audio 40000 RTP/AVP 8 0 101\r\n"
		      "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" DTMF(
			      "101") "a=ptime:30\r\na=sendrecv\r\n"),
		version + 1);
	mem_deref(sdp);
}

static const char *const peer[] = {
	/* 0: talks, 1: holds, 2: is quiet because we hold */
	"v=0\r\no=- 5 5 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\n"
	"t=0 0\r\nm=audio 6004 RTP/AVP 0\r\na=sendrecv\r\n",
	"v=0\r\no=- 5 6 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\n"
	"t=0 0\r\nm=audio 6004 RTP/AVP 0\r\na=sendonly\r\n",
	"v=0\r\no=- 5 7 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\n"
	"t=0 0\r\nm=audio 6004 RTP/AVP 0\r\na=recvonly\r\n",
	"v=0\r\no=- 5 8 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\n"
	"t=0 0\r\nm=audio 6004 RTP/AVP 0\r\na=inactive\r\n",
};

#define ANSWER                                        \
	HEAD "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 " \
	     "PCMU/8000\r\na=ptime:20\r\n"

static void our_hold_makes_the_peer_quiet_until_we_take_it_back(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	unsigned version;
	(void)state;

	version = offer(sdp, false, OFFER "a=sendrecv\r\n");
	assert_int_equal(answered(sdp, peer[0], &agreed), 0);

	assert_int_equal(offer(sdp, true, OFFER "a=sendonly\r\n"), version + 1);
	assert_int_equal(answered(sdp, peer[2], &agreed), 0);
	assert_true(agreed.tx && !agreed.rx && !agreed.held);

	/* An offer of the peer doesn't end it. */
	assert_int_equal(offered(sdp, peer[0], &agreed), 0);
	assert_true(agreed.tx && !agreed.rx);
	assert_answer(sdp, ANSWER "a=sendonly\r\n");

	assert_int_equal(offer(sdp, false, OFFER "a=sendrecv\r\n"),
			 version + 3);
	assert_int_equal(answered(sdp, peer[0], &agreed), 0);
	assert_true(agreed.tx && agreed.rx && !agreed.held);
	mem_deref(sdp);
}

static void a_hold_that_was_refused_is_not_in_force(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	(void)offer(sdp, false, OFFER "a=sendrecv\r\n");
	assert_int_equal(answered(sdp, peer[0], &agreed), 0);
	(void)offer(sdp, true, OFFER "a=sendonly\r\n"); /* 488 comes back */
	assert_int_equal(offered(sdp, peer[0], &agreed), 0);
	assert_true(agreed.tx && agreed.rx);
	assert_answer(sdp, ANSWER "a=sendrecv\r\n");
	mem_deref(sdp);
}

static void both_may_hold_at_once(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(offered(sdp, peer[1], &agreed), 0);
	assert_true(!agreed.tx && agreed.rx && agreed.held);
	assert_answer(sdp, ANSWER "a=recvonly\r\n");

	(void)offer(sdp, true, OFFER "a=inactive\r\n");
	assert_int_equal(answered(sdp, peer[3], &agreed), 0);
	assert_true(!agreed.tx && !agreed.rx && agreed.held);

	/* The peer takes its hold back, ours stays. */
	assert_int_equal(offered(sdp, peer[0], &agreed), 0);
	assert_true(agreed.tx && !agreed.rx && !agreed.held);
	assert_answer(sdp, ANSWER "a=sendonly\r\n");
	mem_deref(sdp);
}

static void the_version_grows_with_each_change_and_only_then(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	struct mbuf *mb;
	unsigned first, version;
	char *one, *two;
	(void)state;

	assert_int_equal(offered(sdp, peer[0], &agreed), 0);
	assert_int_equal(sdp_answer(sdp, &mb), 0);
	one = take_text(mb, &first);
	assert_int_equal(offered(sdp, peer[0], &agreed), 0);
	assert_int_equal(sdp_answer(sdp, &mb), 0);
	two = take_text(mb, &version);
	assert_string_equal(one, two);
	mem_deref(two);

	assert_int_equal(offered(sdp, peer[1], &agreed), 0);
	assert_int_equal(sdp_answer(sdp, &mb), 0);
	two = take_text(mb, &version);
	assert_int_equal(version, first + 1);
	mem_deref(one);
	mem_deref(two);
	mem_deref(sdp);
}

static void a_new_offer_moves_address_and_codec(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	struct sa addr;
	(void)state;

	assert_int_equal(offered_file(sdp, "baresip.sdp", &agreed), 0);
	assert_int_equal(agreed.codec, 0);
	assert_int_equal(offered_file(sdp, "asterisk.sdp", &agreed), 0);
	assert_int_equal(agreed.codec, 1);
	assert_int_equal(sa_set_str(&addr, "192.0.2.10", 17642), 0);
	assert_true(sa_cmp(&agreed.raddr, &addr, SA_ALL));
	mem_deref(sdp);
}

static void port_zero_in_a_running_session_is_a_hold(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(offered_file(sdp, "asterisk.sdp", &agreed), 0);
	assert_int_equal(offered_file(sdp, "port-zero.sdp", &agreed), 0);
	assert_int_equal(sa_port(&agreed.raddr), 0);
	assert_int_equal(agreed.codec, 1);
	assert_true(!agreed.tx && !agreed.rx && agreed.held);
	assert_answer(sdp, HEAD "m=audio 0 RTP/AVP 8 101\r\n"
				"a=rtpmap:8 PCMA/8000\r\n" DTMF(
					"101") "a=ptime:20\r\na=inactive\r\n");
	assert_int_equal(offered_file(sdp, "asterisk.sdp", &agreed), 0);
	assert_true(agreed.tx && agreed.rx && !agreed.held);
	mem_deref(sdp);
}

/* RFC 3264 8: no line vanishes or moves; 8.3.2: no number changes its
 * meaning. */
static void our_later_offer_keeps_the_lines_and_numbers(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(offered_file(sdp, "savp-and-avp.sdp", &agreed), 0);
	(void)offer(sdp, true,
		    HEAD
		    "m=audio 0 RTP/SAVP 0\r\nm=image 0 udptl t38\r\n"
		    "m=audio 40000 RTP/AVP 0 8 101\r\n"
		    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" DTMF(
			    "101") "a=ptime:20\r\na=sendonly\r\n"
				   "m=audio 0 RTP/AVP 8\r\n");
	assert_int_equal(
		answered(sdp,
			 "v=0\r\nc=IN IP4 192.0.2.18\r\n"
			 "m=audio 0 RTP/SAVP 0\r\nm=image 0 udptl t38\r\n"
			 "m=audio 11100 RTP/AVP 0\r\na=recvonly\r\n"
			 "m=audio 0 RTP/AVP 8\r\n",
			 &agreed),
		0);
	assert_int_equal(sa_port(&agreed.raddr), 11100);
	assert_int_equal(agreed.pt_dtmf_rx, -1);
	mem_deref(sdp);

	/* 101 was Speex for them: our telephone-event takes another. */
	sdp = make("192.0.2.1");
	assert_int_equal(offered(sdp,
				 "v=0\r\nc=IN IP4 192.0.2.18\r\n"
				 "m=audio 11100 RTP/AVP 101 0\r\n"
				 "a=rtpmap:101 speex/8000\r\n",
				 &agreed),
			 0);
	(void)offer(sdp, false,
		    HEAD
		    "m=audio 40000 RTP/AVP 0 8 96\r\n"
		    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" DTMF(
			    "96") "a=ptime:20\r\na=sendrecv\r\n");
	mem_deref(sdp);
}

static void a_running_line_is_kept_when_others_become_usable(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	(void)state;

	assert_int_equal(offered(sdp,
				 "v=0\r\nc=IN IP4 192.0.2.18\r\n"
				 "m=audio 11000 RTP/SAVP 0\r\n"
				 "m=audio 11100 RTP/AVP 0\r\n",
				 &agreed),
			 0);
	assert_int_equal(offered(sdp,
				 "v=0\r\nc=IN IP4 192.0.2.18\r\n"
				 "m=audio 11000 RTP/AVP 0\r\n"
				 "m=audio 11100 RTP/AVP 0\r\n",
				 &agreed),
			 0);
	assert_int_equal(sa_port(&agreed.raddr), 11100);
	/* Until it is closed: then the other takes its place. */
	assert_int_equal(offered(sdp,
				 "v=0\r\nc=IN IP4 192.0.2.18\r\n"
				 "m=audio 11000 RTP/AVP 0\r\n"
				 "m=audio 0 RTP/AVP 0\r\n",
				 &agreed),
			 0);
	assert_int_equal(sa_port(&agreed.raddr), 11000);
	mem_deref(sdp);
}

static void more_media_lines_than_we_take_are_refused(void **state)
{
	struct sdp *sdp = make("192.0.2.1");
	struct sdp_agreed agreed;
	struct mbuf *mb = text_mbuf("v=0\r\nc=IN IP4 192.0.2.18\r\n");
	(void)state;

	mb->pos = mb->end;
	for (int i = 0; i < 33; i++)
		(void)mbuf_write_str(mb, "m=audio 4000 RTP/AVP 0\r\n");
	mb->pos = 0;
	assert_int_equal(sdp_offered(sdp, mb, &agreed), EBADMSG);
	mem_deref(mb);
	mem_deref(sdp);
}

/* Whatever the bytes, an offer that is taken has an answer, and each result is
 * one of those documented. */
static void damaged_offers_do_no_harm(void **state)
{
	DIR *dir = opendir(CORPUS);
	unsigned seed = 1, taken = 0, tried = 0;
	struct dirent *entry;
	(void)state;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct mbuf *mb;

		if (entry->d_name[0] == '.')
			continue;
		mb = file_mbuf(entry->d_name);
		for (int i = 0; i < 200 && mb->end; i++) {
			struct sdp *sdp = make("192.0.2.1");
			struct sdp_agreed agreed;
			struct mbuf *answer = NULL;
			int err;

			mb->buf[(size_t)rand_r(&seed) % mb->end] =
				(uint8_t)rand_r(&seed);
			err = sdp_offered(sdp, mb, &agreed);
			assert_true(!err || err == EBADMSG || err == ENOTSUP);
			if (!err)
				assert_int_equal(sdp_answer(sdp, &answer), 0);
			taken += !err;
			tried++;
			mem_deref(answer);
			mem_deref(sdp);
		}
		mem_deref(mb);
	}
	(void)closedir(dir);
	assert_true(taken > 0 && taken < tried);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_of_real_devices_are_answered),
		cmocka_unit_test(rtcp_may_have_an_address_of_its_own),
		cmocka_unit_test(an_ipv6_offer_is_answered_with_ipv6),
		cmocka_unit_test(what_cant_be_used_is_refused),
		cmocka_unit_test(a_refused_offer_changes_nothing),
		cmocka_unit_test(an_offer_tells_all_codecs_and_dtmf),
		cmocka_unit_test(an_answer_settles_codec_and_numbers),
		cmocka_unit_test(an_offer_tells_all_that_may_come),
		cmocka_unit_test(a_refusing_answer_changes_nothing),
		cmocka_unit_test(
			our_hold_makes_the_peer_quiet_until_we_take_it_back),
		cmocka_unit_test(a_hold_that_was_refused_is_not_in_force),
		cmocka_unit_test(both_may_hold_at_once),
		cmocka_unit_test(
			the_version_grows_with_each_change_and_only_then),
		cmocka_unit_test(a_new_offer_moves_address_and_codec),
		cmocka_unit_test(port_zero_in_a_running_session_is_a_hold),
		cmocka_unit_test(our_later_offer_keeps_the_lines_and_numbers),
		cmocka_unit_test(
			a_running_line_is_kept_when_others_become_usable),
		cmocka_unit_test(more_media_lines_than_we_take_are_refused),
		cmocka_unit_test(damaged_offers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
