/* media.h -- the only door from the loop thread to audio
 *
 * Workers own the streams: RTP and RTCP sockets, codecs, playback, recording,
 * telephone events. The file thread loads prompts and writes recordings.
 * Everything here is called on the loop thread and only posts a message
 * (media/message.h lists them all); what comes back arrives as an event, on
 * the loop thread, in order for each stream. Nothing here blocks.
 *
 * A stream is named by a handle with a generation; commands for one that is
 * gone are dropped. Each play, record or send of digits is an operation with a
 * number that the caller chose (unique in its stream); its end is reported
 * exactly once, also when the stream is closed.
 */
#ifndef MOONDIAL_MEDIA_MEDIA_H
#define MOONDIAL_MEDIA_MEDIA_H

#include <re.h>
#include "base/handle.h"
#include "media/detect/detect.h"

struct loop;
struct media;

/* ---- codecs --------------------------------------------------------- */

/* What SDP needs to know of a codec. The table is constant. */
struct media_codec {
	const char *name; /* encoding name of RFC 3551, "PCMU" */
	uint32_t srate;	  /* Hz */
	uint8_t channels;
	uint8_t pt; /* static payload type, or 96–127 for dynamic ones */
};

/* All codecs, in order of preference. */
const struct media_codec *media_codecs(size_t *count);

/* By encoding name (case-insensitive), or NULL. */
const struct media_codec *media_codec_find(const char *name);

/* ---- events --------------------------------------------------------- */

enum media_event_type {
	MEDIA_CLOSED,	   /* the stream is gone, its port is free; stats */
	MEDIA_PLAY_DONE,   /* op, result */
	MEDIA_RECORD_DONE, /* op, result, file, duration_ms */
	MEDIA_DTMF_DONE,   /* op, result: digits have been sent */
	MEDIA_DIGIT,	   /* it has ended: digit, duration_ms; dtmf_rx.h */
	MEDIA_LATCHED,	   /* first valid packet; peer: where it came from */
	MEDIA_TIMEOUT,	   /* no RTP for so long as was set: duration_ms */
	MEDIA_VANISHED,	   /* … and for so long that it is to be ended */
	MEDIA_DETECTED,	   /* of media_detect(): detect */
};

enum media_result {
	MEDIA_DONE,    /* played to its end, sent */
	MEDIA_STOPPED, /* media_stop() */
	MEDIA_MAX,     /* record: longest duration reached */
	MEDIA_SILENCE, /* record: silence at the end */
	MEDIA_HANGUP,  /* the stream was closed meanwhile */
	MEDIA_FAILED,  /* text says why */
};

struct media_stats {
	uint32_t tx_packets, rx_packets;
	uint64_t tx_bytes, rx_bytes; /* payload */
	uint32_t rx_lost;	     /* RFC 3550 A.3, never below 0 */
	uint32_t rx_duplicate, rx_late, rx_reordered;
	uint32_t rx_rejected;  /* not from the peer, or no valid RTP */
	uint32_t rx_jitter_us; /* interarrival jitter, RFC 3550 6.4.1 */
	uint32_t remote_lost;  /* as the peer's last report says */
	uint32_t remote_jitter_us;
	uint32_t rtt_us;	  /* 0: unknown (no RTCP from the peer) */
	uint32_t rx_delay_ms;	  /* what the jitter buffer has added, mean */
	uint32_t rx_concealed_ms; /* made up, where somebody listened */
	/* By the E-model (quality.h), in hundredths; 0: unknown. Of what we
	 * heard, and of what the peer says that it hears of us. */
	uint16_t rx_burst, rx_mos, remote_mos;
};

struct media_event {
	enum media_event_type type;
	handle_t stream;
	void *arg; /* as given to media_stream_open() */
	uint32_t op;
	enum media_result result;
	char digit; /* 0-9 * # A-D */
	uint32_t duration_ms;
	const char *file; /* record: the path written */
	const char *text; /* MEDIA_FAILED: where and what */
	struct sa peer;
	struct media_stats stats;
	struct detect_event detect;
};

/* Strings are valid during the call only. */
typedef void(media_event_h)(const struct media_event *event, void *arg);

/* ---- set-up --------------------------------------------------------- */

struct media_config {
	unsigned workers;	     /* 0: cores − 1, at least 1 */
	uint16_t port_min, port_max; /* RTP on even ports, RTCP one above */
	uint64_t cache_max_bytes;    /* prompts kept decoded */
	/* Bounds of the delay of the jitter buffer; 0: default (delay.h). */
	uint32_t jitter_min_ms, jitter_max_ms;
	bool realtime; /* workers go before other threads, where permitted */
};

/* Start the threads. ENOMEM, EINVAL (a port range without a pair), errno. */
int media_alloc(struct media **mp, struct loop *loop,
		const struct media_config *config, media_event_h *handler,
		void *arg);

/* Close what is still open (events included), finish recordings, join. Not
 * from the event handler. */
void media_free(struct media *media);

/* Forget cached prompts: the next play reads the file again. Running
 * playbacks keep what they have. */
void media_forget_prompts(struct media *media);

/* Streams open now. */
size_t media_stream_count(const struct media *media);
/* Pairs of ports that no stream has. */
size_t media_ports_free(const struct media *media);

/* ---- streams -------------------------------------------------------- */

/* Bind a pair of ports at LADDR (its port is ignored). The port of RTP is
 * written to LADDR. The stream neither sends nor listens until
 * media_stream_set(). EADDRINUSE: no free pair; EMFILE; ENOMEM; ESHUTDOWN:
 * media_free() is at work. */
int media_stream_open(struct media *media, struct sa *laddr, void *arg,
		      handle_t *stream);

/* Whom to believe as the source of RTP; latch.h has the rules. */
enum media_latch {
	/* The signalled host; when the signalled address is a private one (so
	 * there is a NAT) also the host that signalling comes from. */
	MEDIA_LATCH_NAT,
	MEDIA_LATCH_SIGNALLED, /* the signalled host only */
	MEDIA_LATCH_ANY,       /* a third host, when both are silent */
};

/* What opens a NAT, or a media proxy, before audio flows. */
enum media_opening {
	MEDIA_OPENING_RTP,   /* packets of silence */
	MEDIA_OPENING_CRLF,  /* two line ends: no RTP, and dropped as such */
	MEDIA_OPENING_EMPTY, /* datagrams without a byte */
};

enum { MEDIA_FORMATS_MAX = 8 };

struct media_params {
	const struct media_codec *codec;
	int pt_dtmf_tx, pt_dtmf_rx; /* telephone-event, −1: none (RFC 4733) */
	uint8_t pt_tx, pt_rx; /* payload type that we send, that we expect */
	uint8_t format_count;
	bool tx, rx;	   /* by the SDP directions of both sides */
	uint16_t ptime_ms; /* of what we send: 10–60, usually 20 */
	enum media_latch latch;
	uint8_t opening; /* packets, when RADDR is new; 0: none */
	enum media_opening opening_kind;
	struct sa raddr;      /* where SDP says; port 0: nowhere yet */
	struct sa raddr_rtcp; /* RFC 3605, or port + 1 */
	struct sa signalling; /* where SIP comes from (its port is ignored) */
	/* What may come besides: the peer may change between all formats that
	 * were agreed at any packet (RFC 3264 6.1). Each has the clock rate of
	 * CODEC. */
	struct media_format {
		const struct media_codec *codec;
		uint8_t pt;
	} formats[MEDIA_FORMATS_MAX];
};

/* Begin, or change after a new offer/answer: a new address is latched anew,
 * sequence numbers and SSRC go on. */
void media_stream_set(struct media *media, handle_t stream,
		      const struct media_params *params);

/* Bind another pair of ports, at LADDR's address, and go on there: what comes
 * at the old one is lost, whatever runs goes on. The port of RTP is written to
 * LADDR. Errors as of media_stream_open(); ESTALE: the stream is closed or
 * being closed. */
int media_stream_move(struct media *media, handle_t stream, struct sa *laddr);

/* From now on: when no RTP has come for TIMEOUT_MS, tell once (again after the
 * next silence); for VANISHED_MS, tell that too. 0: never. To 1 s. While we
 * have asked the peer not to send (PARAMS' rx) nothing is told. */
void media_stream_watch(struct media *media, handle_t stream,
			uint32_t timeout_ms, uint32_t vanished_ms);

/* From now on a packet of silence leaves within each INTERVAL_MS (2000 or more)
 * in which nothing else did: on hold, when the SDP directions forbid audio
 * (RFC 6263). 0: none. */
void media_stream_keepalive(struct media *media, handle_t stream,
			    uint32_t interval_ms);

/* Local mute: RX drops what is heard (recordings get silence, digits still
 * count); TX sends silence instead of prompts. Packets go on. */
void media_stream_mute(struct media *media, handle_t stream, bool rx, bool tx);

/* End it: operations report MEDIA_HANGUP, then MEDIA_CLOSED comes. */
void media_stream_close(struct media *media, handle_t stream);

/* ---- playing -------------------------------------------------------- */

enum media_source_type {
	MEDIA_FILE, /* a WAV (anything libsndfile reads), mixed to mono */
	MEDIA_TONE, /* sine(s) with cadence */
	MEDIA_QUIET,
};

struct media_source {
	enum media_source_type type;
	/* FILE: paths to try in turn, the first that exists is played. The
	 * first roots[i] characters of paths[i] name the folder that it must
	 * not leave, whatever symbolic links say (open_beneath.h); 0, or no
	 * roots: it may be anywhere. */
	const char *const *paths;
	const size_t *roots;
	size_t path_count;
	/* TONE: up to 4 frequencies in Hz (0: none), level in dBFS each. */
	float hz[4];
	float level_db;
	uint32_t on_ms, off_ms; /* off 0: continuous */
	/* TONE (whole), QUIET; 0 for a tone: for ever */
	uint32_t duration_ms;
};

struct media_play {
	const struct media_source *sources; /* played in turn without a gap */
	size_t source_count;
	uint32_t loops;	   /* 0 and 1: once; UINT32_MAX: for ever */
	uint32_t start_ms; /* skip so much of the whole */
	float volume_db;   /* 0: as it is */
	bool mix; /* over what plays already, instead of EBUSY-like failure */
};

/* All is copied. ENOMEM; EINVAL: a file without a path; ESTALE: the stream is
 * closed or being closed. When it fails no event comes. An operation that
 * isn't mix while another one plays ends MEDIA_FAILED (the caller keeps them
 * apart). */
int media_play(struct media *media, handle_t stream, uint32_t op,
	       const struct media_play *play);

enum media_play_control {
	MEDIA_PAUSE,
	MEDIA_RESUME,
	MEDIA_SEEK,   /* value: ms from the start of the whole */
	MEDIA_VOLUME, /* value: dB */
};
void media_play_control(struct media *media, handle_t stream, uint32_t op,
			enum media_play_control control, double value);

/* ---- recording ------------------------------------------------------ */

enum media_record_channels {
	MEDIA_RECORD_HEARD,  /* mono: what the far side says */
	MEDIA_RECORD_MIXED,  /* mono: both */
	MEDIA_RECORD_STEREO, /* left: far side, right: what we send */
};

struct media_record {
	const char *path; /* WAV, 16-bit PCM; parent folders are made */
	size_t root;	  /* as a source's roots[i]; 0: it may be anywhere */
	enum media_record_channels channels;
	uint32_t max_ms;     /* 0: no limit */
	uint32_t silence_ms; /* 0: never; ends after so much silence heard */
	bool beep;	     /* 1000 Hz, 200 ms before it begins */
	bool trim;	     /* leave out the closing silence or digit */
};

/* The file's header is right at every moment: whatever kills the engine, what
 * was written can be played. Errors as of media_play(). */
int media_record(struct media *media, handle_t stream, uint32_t op,
		 const struct media_record *record);

enum media_record_control {
	MEDIA_RECORD_PAUSE,
	MEDIA_RECORD_RESUME,
	MEDIA_RECORD_MASK, /* write silence instead (card numbers) */
	MEDIA_RECORD_UNMASK,
};
void media_record_control(struct media *media, handle_t stream, uint32_t op,
			  enum media_record_control control);

/* ---- what is at the far side ---------------------------------------- */

/* Listen for it (detect/detect.h), also while something plays and whatever is
 * muted; MEDIA_DETECTED tells. Again: with these settings from now on, where a
 * verdict is wanted, and with what is known of the noise. ENOMEM; ESTALE: the
 * stream is closed or being closed. */
enum media_detect {
	MEDIA_DETECT_EARLY,    /* before the answer: tones only */
	MEDIA_DETECT_ANSWERED, /* beeps as well */
	MEDIA_DETECT_JUDGE,    /* a verdict, on what comes from now on */
};
int media_detect(struct media *media, handle_t stream, enum media_detect what,
		 const struct detect_settings *settings);

/* Nobody wants to know any more. */
void media_detect_stop(struct media *media, handle_t stream);

/* ---- digits --------------------------------------------------------- */

/* Send DIGITS as RFC 4733 events (0-9 * # A-D; w: 500 ms pause, W: 1 s),
 * DURATION_MS each with GAP_MS between (brought within 40 … 8000). EINVAL for
 * other characters; ENOMEM, ESTALE. Several operations go one after the other;
 * MEDIA_FAILED when the far side takes no events, or on hold. */
int media_send_digits(struct media *media, handle_t stream, uint32_t op,
		      const char *digits, uint32_t duration_ms,
		      uint32_t gap_ms);

/* ---- bridges -------------------------------------------------------- */

/* Streams whose far sides hear each other: two, or a conference. A member hears
 * another when its HEAR and the other's TALK have a bit in common, so a bridge
 * of all kinds is a matter of bits: with 1 for what all say and 2 for what only
 * an agent is to hear, somebody who listens unheard is {0, 1}, a prompter {2,
 * 1} beside an agent {1, 3}, the other party {1, 1}. What a member plays is
 * heard by its far side only, beside the others; what it records is all that is
 * sent, and what it hears. Codecs need not agree. With the stream closed its
 * membership ends. */
struct media_bridge;

/* ENOMEM. Loop thread, as all of it. */
int media_bridge_alloc(struct media_bridge **bp, struct media *media);

/* All leave. NULL is fine. */
void media_bridge_free(struct media_bridge *bridge);

/* STREAM joins, leaving the bridge that it is in; in the same one again: it
 * talks to and hears others than before. ENOMEM, ESTALE (it is closed). */
int media_bridge_join(struct media_bridge *bridge, handle_t stream,
		      uint32_t talk, uint32_t hear);

/* Silence, or what it plays. */
void media_bridge_leave(struct media *media, handle_t stream);

/* How many are in. */
size_t media_bridge_count(const struct media_bridge *bridge);

/* ---- any operation -------------------------------------------------- */

/* End it: its event comes with MEDIA_STOPPED. */
void media_stop(struct media *media, handle_t stream, uint32_t op);

#endif
