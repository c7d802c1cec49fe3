/* fuzz_dtmf.c -- digits sent by dtmf_tx, over a bad network, heard by dtmf_rx
 *
 * The input: digits (their length first), then one byte for each packet of
 * what the network does to it: lost, doubled, or held back for some packets.
 * What is heard is then what was sent, in order, without the digits of which
 * every packet was lost, or came only after a later digit's had: none twice,
 * none made up.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "media/dtmf_rx.h"
#include "media/dtmf_tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
	DIGITS_MAX = 24,
	PACKETS_MAX = 4096,
	PTIME_MS = 20,
	SRATE = 8000,
	HOLD_MAX = 3, /* packet times */
	HELD_MS = HOLD_MAX * PTIME_MS,
	LIMIT_MS = 10 * 60 * 1000,
};

struct packet {
	uint64_t at_ms;
	unsigned order;
	unsigned digit; /* the how-manieth */
	uint32_t ts;
	bool marker;
	uint8_t payload[DTMF_TX_PAYLOAD];
};

struct network {
	const uint8_t *fate; /* the input's bytes; when used up, all is well */
	size_t left;
	struct packet packets[PACKETS_MAX];
	size_t count;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void carry(struct network *net, struct packet packet)
{
	uint8_t fate = 0;
	unsigned copies = 1;

	if (net->left) {
		fate = *net->fate++;
		net->left--;
	}
	if ((fate & 3) == 1)
		return;
	if ((fate & 3) == 2)
		copies = 2;
	for (unsigned i = 0; i < copies && net->count < PACKETS_MAX; i++) {
		struct packet *p = &net->packets[net->count];

		*p = packet;
		p->order = (unsigned)net->count++;
		p->at_ms += (uint64_t)((fate >> (2 + 2 * i)) % (HOLD_MAX + 1)) *
			    PTIME_MS;
	}
}

static int by_arrival(const void *a, const void *b)
{
	const struct packet *p = a, *q = b;

	if (p->at_ms != q->at_ms)
		return p->at_ms < q->at_ms ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

/* Send all; returns how many digits. */
static unsigned transmit(struct network *net, const char *digits,
			 uint32_t duration_ms, uint32_t gap_ms, uint32_t ts,
			 uint64_t *end_ms)
{
	struct packet p = {.at_ms = 1000};
	enum dtmf_tx_what what;
	struct dtmf_tx tx;
	unsigned count = 0;

	dtmf_tx_start(&tx, digits, duration_ms, gap_ms);
	while ((what = dtmf_tx_step(&tx, PTIME_MS, SRATE, ts, p.payload, &p.ts,
				    &p.marker)) != DTMF_TX_IDLE) {
		if (what == DTMF_TX_EVENT) {
			count += p.marker;
			p.digit = count - 1;
			carry(net, p);
		}
		ts += PTIME_MS * SRATE / 1000;
		p.at_ms += PTIME_MS;
		require(p.at_ms < LIMIT_MS);
	}
	*end_ms = p.at_ms + HELD_MS;
	return count;
}

struct heard {
	char digits[2 * DIGITS_MAX];
	size_t count;
};

static void hear(struct heard *heard, const struct dtmf_digit *digit)
{
	require(heard->count < sizeof(heard->digits));
	heard->digits[heard->count++] = digit->digit;
}

static void receive(struct network *net, struct heard *heard, uint64_t end_ms)
{
	struct dtmf_rx rx = {0};
	struct dtmf_digit digits[2];
	size_t i = 0;
	bool valid;

	qsort(net->packets, net->count, sizeof(*net->packets), by_arrival);
	for (uint64_t now = 1000; now <= end_ms + HELD_MS + DTMF_RX_SILENCE_MS;
	     now += PTIME_MS) {
		for (; i < net->count && net->packets[i].at_ms <= now; i++) {
			const struct packet *p = &net->packets[i];
			unsigned n = dtmf_rx_packet(
				&rx, p->ts, p->marker, p->payload,
				sizeof(p->payload), now, digits, &valid);

			require(valid && n <= 2);
			for (unsigned k = 0; k < n; k++)
				hear(heard, &digits[k]);
		}
		if (dtmf_rx_tick(&rx, now, digits))
			hear(heard, digits);
	}
	require(!rx.open);
}

/* What must be heard: each digit whose first packet to arrive comes before any
 * packet of a later digit. */
static size_t expect(const struct network *net, const char *sent,
		     char out[DIGITS_MAX])
{
	size_t count = 0;
	long newest = -1;

	for (size_t i = 0; i < net->count; i++) {
		long digit = net->packets[i].digit;

		if (digit > newest) {
			newest = digit;
			out[count++] = sent[digit];
		}
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char keys[] = "0123456789*#ABCDabcdwW";
	static struct network net;
	char text[DIGITS_MAX + 1] = "", sent[DIGITS_MAX], want[DIGITS_MAX];
	struct heard heard = {.count = 0};
	uint64_t end_ms;
	size_t n, events = 0;
	uint32_t ts;

	if (size < 8)
		return 0;
	ts = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16;
	n = bytes[4] % (DIGITS_MAX + 1);
	if (size < 8 + n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		text[i] = keys[bytes[8 + i] % (sizeof(keys) - 1)];
		if (text[i] != 'w' && text[i] != 'W')
			sent[events++] = (char)toupper(text[i]);
	}
	require(dtmf_tx_valid(text));
	net.fate = bytes + 8 + n;
	net.left = size - 8 - n;
	net.count = 0;
	/* presses of 40 to 420 ms, gaps of 40 to 160 ms */
	require(transmit(&net, text, 40u + bytes[2] % 96 * 4,
			 40u + bytes[3] % 31 * 4, ts, &end_ms) == events);
	receive(&net, &heard, end_ms);
	n = expect(&net, sent, want);
	require(heard.count == n && !memcmp(heard.digits, want, n));
	return 0;
}
