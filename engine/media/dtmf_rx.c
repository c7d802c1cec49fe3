/* dtmf_rx.c -- telephone events, keyed by timestamp */
#include <string.h>
#include "media/dtmf_rx.h"

enum {
	EVENT_COUNT = 16, /* RFC 4733 3.2 */
	SEGMENT_MAX = 0xffff,
	/* A timestamp this far back is of a packet that came late; farther,
	 * and the sender has begun a new scale. 5 s at 8 kHz: no network holds
	 * a packet for that long. */
	LATE_MAX = 5 * 8000,
};

static bool report(struct dtmf_rx *rx, struct dtmf_digit *digit)
{
	if (!rx->open)
		return false;
	rx->open = false;
	digit->digit = "0123456789*#ABCD"[rx->event];
	digit->duration = rx->before + rx->duration;
	digit->heard_ms = rx->heard_ms;
	return true;
}

/* The next segment of a press that outlasts the field (2.5.1.3): it begins
 * where the one before it ended, without a marker. */
static bool continues(const struct dtmf_rx *rx, uint32_t ts, bool marker,
		      uint8_t event)
{
	return rx->open && !marker && event == rx->event &&
	       ts - rx->ts == SEGMENT_MAX;
}

unsigned dtmf_rx_packet(struct dtmf_rx *rx, uint32_t ts, bool marker,
			const uint8_t *payload, size_t bytes, uint64_t now_ms,
			struct dtmf_digit digits[2], bool *valid)
{
	unsigned n = 0;
	uint32_t duration, back;
	uint8_t event;
	bool end;

	*valid = bytes >= 4;
	if (!*valid)
		return 0;
	event = payload[0];
	if (event >= EVENT_COUNT)
		return 0; /* flash and others: not ours, but no error */
	end = payload[1] & 0x80;
	duration = (uint32_t)payload[2] << 8 | payload[3];

	if (!rx->any || ts != rx->ts) {
		back = rx->ts - ts;
		if (rx->any && back < LATE_MAX)
			return 0; /* of a digit that was reported */
		if (rx->any && continues(rx, ts, marker, event)) {
			rx->before += SEGMENT_MAX;
		} else {
			n += report(rx, &digits[n]);
			rx->before = 0;
		}
		rx->any = true;
		rx->open = true;
		rx->ts = ts;
		rx->event = event;
		rx->duration = 0;
	}
	if (!rx->open)
		return n; /* end packets again */
	rx->heard_ms = now_ms;
	if (duration > rx->duration)
		rx->duration = duration;
	if (end)
		n += report(rx, &digits[n]);
	return n;
}

bool dtmf_rx_tick(struct dtmf_rx *rx, uint64_t now_ms, struct dtmf_digit *digit)
{
	if (!rx->open || now_ms < rx->heard_ms + DTMF_RX_SILENCE_MS)
		return false;
	return report(rx, digit);
}

bool dtmf_rx_restart(struct dtmf_rx *rx, struct dtmf_digit *digit)
{
	bool reported = report(rx, digit);

	memset(rx, 0, sizeof(*rx));
	return reported;
}
