/* fuzz_sdp.c -- an SDP body from the wire, as offer and as answer
 *
 * Seeds: corpus/sdp. What is checked beyond the sanitizers: an offer that was
 * taken can be answered, our own answer and offers can be parsed, and a later
 * offer has as many media lines.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sip/sdp.h"
#include "sip/sdp_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct sdp_codec codecs[] = {
	{.name = "PCMU", .srate = 8000, .channels = 1, .pt = 0},
	{.name = "PCMA", .srate = 8000, .channels = 1, .pt = 8},
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* The media lines of what we have written, released. */
static size_t lines_of(struct mbuf *mb)
{
	struct sdp_text text;

	require(!sdp_parse(&text, mb));
	mem_deref(mb);
	return text.count;
}

static void as_offer(struct sdp *sdp, struct mbuf *mb)
{
	struct sdp_agreed agreed;
	struct mbuf *answer, *offer;
	size_t lines;

	if (sdp_offered(sdp, mb, &agreed))
		return;
	require(agreed.codec < 2 && agreed.ptime_ms >= 10 &&
		agreed.ptime_ms <= 60 && agreed.pt_rx < 128);
	require(!agreed.tx || sa_port(&agreed.raddr));
	require(!sdp_answer(sdp, &answer));
	lines = lines_of(answer);
	require(!sdp_offer(sdp, true, &offer));
	require(lines_of(offer) == lines);
	(void)sdp_answered(sdp, mb, &agreed);
}

static void as_answer(struct sdp *sdp, struct mbuf *mb)
{
	struct sdp_agreed agreed;
	struct mbuf *offer;

	require(!sdp_offer(sdp, false, &offer));
	require(lines_of(offer) == 1);
	if (!sdp_answered(sdp, mb, &agreed))
		require(agreed.codec < 2);
	as_offer(sdp, mb);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct mbuf *mb = mbuf_alloc(size ? size : 1);
	struct sdp *one, *two;
	struct sa laddr;

	require(mb && !sa_set_str(&laddr, "192.0.2.1", 40000));
	if (size)
		(void)mbuf_write_mem(mb, bytes, size);
	mb->pos = 0;
	require(!sdp_alloc(&one, &laddr, codecs, 2));
	require(!sdp_alloc(&two, &laddr, codecs, 2));
	as_offer(one, mb);
	as_answer(two, mb);
	mem_deref(one);
	mem_deref(two);
	mem_deref(mb);
	return 0;
}
