/* load.c -- bench_load: the far side of the engine, and what it measured
 *
 *   bench_load call   --target ADDR:PORT --rate R …   calls into the engine
 *   bench_load callee --local ADDR:PORT …             answers its calls
 *   bench_load audio  --target ADDR:PORT --streams N  RTP only, for the floor
 *
 * Ends by itself, with one JSON object on standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/callee.h"
#include "bench/caller.h"
#include "bench/watch.h"

enum {
	SETTLE_MS = 1000,
	DRAIN_MS = 15000,
	STREAM_PORT_STEP = 2,
	SAY_MAX = 1 << 20,
};

struct load {
	struct caller_options call;
	struct sip_self self;
	bool with_audio;
	unsigned streams;
	pid_t watched;
	int fd;
	struct audio *audio;
	struct caller *caller;
	struct callee *callee;
	struct batch in;
	struct watch begin, end;
	uint8_t *say;
	size_t say_bytes;
	const char *touch; /* made in the middle of the measurement */
};

/* Raw PCMU; what is no whole frame is left out. */
static void say_read(struct load *load, const char *path)
{
	FILE *f = fopen(path, "rb");

	load->say = malloc(SAY_MAX);
	if (!f || !load->say)
		die("--say %s: %s", path, strerror(errno));
	load->say_bytes = fread(load->say, 1, SAY_MAX, f);
	load->say_bytes -= load->say_bytes % AUDIO_FRAME;
	if (!load->say_bytes)
		die("--say %s: too short", path);
	fclose(f);
}

static void touch(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("--touch %s: %s", path, strerror(errno));
	fclose(f);
}

static void options_read(struct load *load, int argc, char *argv[])
{
	static const struct option options[] = {
		{"target", required_argument, NULL, 't'},
		{"local", required_argument, NULL, 'l'},
		{"rate", required_argument, NULL, 'r'},
		{"count", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"hold", required_argument, NULL, 'h'},
		{"together", no_argument, NULL, 'g'},
		{"audio", no_argument, NULL, 'a'},
		{"digit", required_argument, NULL, 'd'},
		{"digit-at", required_argument, NULL, 'D'},
		{"streams", required_argument, NULL, 'S'},
		{"say", required_argument, NULL, 'y'},
		{"touch", required_argument, NULL, 'T'},
		{"watch", required_argument, NULL, 'w'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			if (!address_read(&load->call.target, optarg))
				die("--target %s: no ADDRESS:PORT", optarg);
			break;
		case 'l':
			if (!address_read(&load->self.sip, optarg))
				die("--local %s: no ADDRESS:PORT", optarg);
			break;
		case 'r':
			load->call.rate = atof(optarg);
			break;
		case 'n':
			load->call.count = strtoull(optarg, NULL, 10);
			break;
		case 's':
			load->call.seconds = atof(optarg);
			break;
		case 'h':
			load->call.hold = atof(optarg);
			break;
		case 'g':
			load->call.together = true;
			break;
		case 'a':
			load->with_audio = true;
			break;
		case 'd':
			load->call.digit = *optarg;
			break;
		case 'D':
			load->call.digit_at = atof(optarg);
			break;
		case 'y':
			say_read(load, optarg);
			break;
		case 'T':
			load->touch = optarg;
			break;
		case 'S':
			load->streams = (unsigned)atoi(optarg);
			break;
		case 'w':
			load->watched = (pid_t)atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
}

/* ---- the loop ------------------------------------------------------- */

static void messages_take(struct load *load)
{
	do {
		batch_receive(&load->in, load->fd);
		for (unsigned i = 0; i < load->in.count; i++) {
			size_t len = load->in.headers[i].msg_len;
			char *text = (char *)load->in.bytes[i];
			struct sip_text sip;

			text[len] = '\0';
			if (!sip_read(&sip, text, len))
				continue;
			if (load->caller)
				caller_message(load->caller, &sip,
					       &load->in.peers[i]);
			else
				callee_message(load->callee, &sip,
					       &load->in.peers[i]);
		}
	} while (load->in.count == BATCH);
}

/* Everything that is due; then wait for more, a millisecond at most. */
static void turn(struct load *load)
{
	struct pollfd pfd = {.fd = load->fd, .events = POLLIN};
	uint64_t next = now_ns() + 1000000, now;
	struct timespec wait = {.tv_nsec = 0};

	messages_take(load);
	if (load->caller)
		next = caller_run(load->caller);
	if (load->callee)
		callee_flush(load->callee);
	if (load->audio && audio_run(load->audio) < next)
		next = load->audio->next_ns;
	now = now_ns();
	if (next <= now)
		return;
	wait.tv_nsec = (long)(next - now);
	(void)ppoll(&pfd, 1, &wait, NULL);
}

static void turn_for(struct load *load, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	while (now_ns() < end)
		turn(load);
}

static void measure_for(struct load *load, double seconds)
{
	if (load->audio)
		audio_measure(load->audio, true);
	load->begin = watch_read(load->watched);
	turn_for(load, seconds / 2);
	if (load->touch)
		touch(load->touch);
	turn_for(load, seconds / 2);
	load->end = watch_read(load->watched);
	if (load->audio)
		audio_measure(load->audio, false);
}

/* ---- what is told --------------------------------------------------- */

static void print_watch(const struct load *load)
{
	printf("\"seconds\": %.3f, \"cpu_ms\": %.0f, \"rss_begin_kb\": %.0f, "
	       "\"rss_kb\": %.0f",
	       (double)(load->end.at_ns - load->begin.at_ns) / 1e9,
	       load->end.cpu_ms - load->begin.cpu_ms, load->begin.rss_kb,
	       load->end.rss_kb);
}

static void print_audio(const struct load *load)
{
	struct audio_result r;

	if (!load->audio)
		return;
	audio_result(load->audio, &r);
	printf(", \"audio\": {\"sent\": %ju, \"received\": %ju, "
	       "\"lost\": %ju, \"unknown\": %ju, \"within_5ms\": %.6f, "
	       "\"p50_us\": %d, \"p99_us\": %d, \"max_us\": %d, "
	       "\"load_late\": %ju}",
	       (uintmax_t)r.sent, (uintmax_t)r.received, (uintmax_t)r.lost,
	       (uintmax_t)r.unknown, r.within_5ms, r.p50_us, r.p99_us, r.max_us,
	       (uintmax_t)r.late_slots);
}

static void print_calls(struct caller_result *r)
{
	printf(", \"started\": %ju, \"answered\": %ju, \"completed\": %ju, "
	       "\"refused\": %ju, \"rejected\": %ju, \"lost\": %ju, "
	       "\"cut\": %ju, \"retransmitted\": %ju, \"stray\": %ju, "
	       "\"span\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
	       "\"max_ms\": %.3f",
	       (uintmax_t)r->started, (uintmax_t)r->answered,
	       (uintmax_t)r->completed, (uintmax_t)r->refused,
	       (uintmax_t)r->rejected, (uintmax_t)r->lost, (uintmax_t)r->cut,
	       (uintmax_t)r->retransmitted, (uintmax_t)r->stray,
	       (double)(r->last_ns - r->first_ns) / 1e9,
	       samples_percentile(&r->answer_us, 0.5) / 1e3,
	       samples_percentile(&r->answer_us, 0.99) / 1e3,
	       samples_percentile(&r->answer_us, 1) / 1e3);
}

/* ---- the three of them ---------------------------------------------- */

static void until_done(struct load *load)
{
	uint64_t end = now_ns() + DRAIN_MS * UINT64_C(1000000);

	while (!caller_done(load->caller) && now_ns() < end)
		turn(load);
}

static void run_together(struct load *load)
{
	while (!caller_settled(load->caller))
		turn(load);
	turn_for(load, SETTLE_MS / 1e3);
	measure_for(load, load->call.seconds);
	caller_release(load->caller);
	until_done(load);
}

/* Calls come and go: the figures are of all of them, the audio's too. */
static void run_rate(struct load *load)
{
	if (load->audio)
		audio_measure(load->audio, true);
	load->begin = watch_read(load->watched);
	while (!caller_settled(load->caller))
		turn(load);
	if (load->call.hold > 0)
		turn_for(load, load->call.hold);
	until_done(load);
	load->end = watch_read(load->watched);
	if (load->audio)
		audio_measure(load->audio, false);
}

static void run_call(struct load *load)
{
	load->caller =
		caller_new(&load->call, load->fd, &load->self, load->audio);
	if (load->call.together)
		run_together(load);
	else
		run_rate(load);
	putchar('{');
	print_watch(load);
	print_calls(caller_result(load->caller));
	print_audio(load);
	printf(", \"left\": %ju}\n", (uintmax_t)caller_active(load->caller));
}

static void run_callee(struct load *load)
{
	uint64_t limit = now_ns() + (uint64_t)(load->call.seconds * 1e9);
	struct callee_result *r;

	load->callee = callee_new(load->fd, &load->self, load->audio);
	r = callee_result(load->callee);
	while (!r->answered && now_ns() < limit)
		turn(load);
	if (load->audio)
		audio_measure(load->audio, true);
	load->begin = watch_read(load->watched);
	while (r->completed < load->call.count && now_ns() < limit)
		turn(load);
	load->end = watch_read(load->watched);
	if (load->audio)
		audio_measure(load->audio, false);
	putchar('{');
	print_watch(load);
	printf(", \"answered\": %ju, \"completed\": %ju, "
	       "\"retransmitted\": %ju, \"most\": %ju, \"span\": %.3f",
	       (uintmax_t)r->answered, (uintmax_t)r->completed,
	       (uintmax_t)r->again, (uintmax_t)r->most,
	       (double)(r->last_ns - r->first_ns) / 1e9);
	print_audio(load);
	printf(", \"left\": %ju}\n", (uintmax_t)callee_active(load->callee));
}

static void run_audio(struct load *load)
{
	unsigned count = load->streams ? load->streams : 1;
	struct audio_stream *streams = calloc(count, sizeof(*streams));
	struct sockaddr_in to = load->call.target;
	unsigned port = ntohs(to.sin_port);

	if (!streams)
		die("out of memory");
	for (unsigned i = 0; i < count; i++) {
		to.sin_port = htons((uint16_t)(port + STREAM_PORT_STEP * i));
		audio_start(load->audio, &streams[i], &to);
	}
	turn_for(load, SETTLE_MS / 1e3);
	measure_for(load, load->call.seconds);
	putchar('{');
	print_watch(load);
	print_audio(load);
	printf("}\n");
}

int main(int argc, char *argv[])
{
	static struct load load = {.call = {.rate = 1, .seconds = 10}};
	const char *what = argc > 1 ? argv[1] : "";

	(void)address_read(&load.self.sip, "127.0.0.1:0");
	options_read(&load, argc - 1, argv + 1);
	batch_init(&load.in);
	load.fd = udp_open(&load.self.sip, false);
	load.self.audio = load.self.sip;
	if (load.with_audio || !strcmp(what, "audio")) {
		load.audio = calloc(1, sizeof(*load.audio));
		if (!load.audio)
			die("out of memory");
		audio_open(load.audio, &load.self.sip);
		load.audio->say = load.say;
		load.audio->say_bytes = load.say_bytes;
		load.self.audio = load.audio->addr;
	} else {
		/* What is sent there is thrown away by the kernel. */
		load.self.audio.sin_port = htons(9);
	}
	if (!strcmp(what, "call"))
		run_call(&load);
	else if (!strcmp(what, "callee"))
		run_callee(&load);
	else if (!strcmp(what, "audio"))
		run_audio(&load);
	else
		die("call, callee or audio?");
	return 0;
}
