/* dtmf_tx.c -- digits as telephone events */
#include <string.h>
#include "media/dtmf_tx.h"

enum {
	VOLUME = 10, /* −10 dBm0 */
	PAUSE_SHORT_MS = 500,
	PAUSE_LONG_MS = 1000,
};

static const char events[] = "0123456789*#ABCDabcd";

bool dtmf_tx_valid(const char *digits)
{
	return strspn(digits, "0123456789*#ABCDabcdwW") == strlen(digits);
}

static uint8_t event_of(char digit)
{
	size_t i = (size_t)(strchr(events, digit) - events);

	return (uint8_t)(i < 16 ? i : i - 4); /* a-d as A-D */
}

static uint32_t clamp(uint32_t ms)
{
	return ms < DTMF_TX_MS_MIN   ? DTMF_TX_MS_MIN
	       : ms > DTMF_TX_MS_MAX ? DTMF_TX_MS_MAX
				     : ms;
}

void dtmf_tx_start(struct dtmf_tx *tx, const char *digits, uint32_t duration_ms,
		   uint32_t gap_ms)
{
	memset(tx, 0, sizeof(*tx));
	tx->next = digits;
	tx->duration_ms = clamp(duration_ms);
	tx->gap_ms = clamp(gap_ms);
}

/* The next digit begins, or a pause. */
static void advance(struct dtmf_tx *tx, uint32_t now_ts)
{
	char c = *tx->next++;

	if (c == 'w' || c == 'W') {
		tx->pause_ms = c == 'w' ? PAUSE_SHORT_MS : PAUSE_LONG_MS;
		return;
	}
	tx->digit = c;
	tx->first = true;
	tx->ts = now_ts;
	tx->sent_ms = 0;
	tx->ends = 0;
}

enum dtmf_tx_what dtmf_tx_step(struct dtmf_tx *tx, uint32_t ptime_ms,
			       uint32_t srate, uint32_t now_ts,
			       uint8_t payload[DTMF_TX_PAYLOAD], uint32_t *ts,
			       bool *marker)
{
	uint32_t duration;

	if (!tx->digit && !tx->pause_ms) {
		if (!tx->next || !*tx->next)
			return DTMF_TX_IDLE;
		advance(tx, now_ts);
	}
	if (!tx->digit) {
		tx->pause_ms -=
			tx->pause_ms < ptime_ms ? tx->pause_ms : ptime_ms;
		return DTMF_TX_PAUSE;
	}

	if (tx->sent_ms < tx->duration_ms)
		tx->sent_ms += ptime_ms;
	if (tx->sent_ms >= tx->duration_ms) {
		tx->sent_ms = tx->duration_ms;
		tx->ends++;
	}
	duration = tx->sent_ms * (srate / 1000);
	payload[0] = event_of(tx->digit);
	payload[1] = (uint8_t)(VOLUME | (tx->ends ? 0x80 : 0));
	payload[2] = (uint8_t)(duration >> 8);
	payload[3] = (uint8_t)duration;
	*ts = tx->ts;
	*marker = tx->first;
	tx->first = false;
	if (tx->ends == DTMF_TX_ENDS) {
		tx->digit = 0;
		tx->pause_ms = tx->gap_ms;
	}
	return DTMF_TX_EVENT;
}

void dtmf_tx_stop(struct dtmf_tx *tx)
{
	tx->next = "";
	tx->gap_ms = 0;
	tx->pause_ms = 0;
	if (tx->digit && !tx->ends && tx->sent_ms < tx->duration_ms)
		tx->duration_ms = tx->sent_ms ? tx->sent_ms : 1;
}
