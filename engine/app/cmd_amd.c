/* moondial amd replay: detection settings against recordings */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/amd_files.h"
#include "app/cli.h"
#include "media/detect/detect.h"
#include "media/prompt_decode.h"

enum {
	OPT_SET = 256,
	OPT_CSV,
	OPT_JSON,
	OPT_DB,
	OPT_CAMPAIGN,
	HEARD_MAX = 64,
	TEXT_SIZE = 512
};

static const struct option long_options[] = {
	{"set", required_argument, NULL, OPT_SET},
	{"csv", no_argument, NULL, OPT_CSV},
	{"json", no_argument, NULL, OPT_JSON},
	{"db", required_argument, NULL, OPT_DB},
	{"campaign", required_argument, NULL, OPT_CAMPAIGN},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* What was heard in one recording. */
struct heard {
	struct detect_verdict verdict;
	struct detect_event events[HEARD_MAX]; /* beeps and tones */
	size_t count;
};

/* How often a recording of that label (0: without) got that verdict. */
struct confusion {
	unsigned n[DETECT_KINDS][DETECT_KINDS];
};

struct output {
	enum { TABLE, CSV, JSON } format;
	cJSON *list;
	struct confusion confusion;
};

/* ---- one recording -------------------------------------------------- */

static void on_event(const struct detect_event *event, void *arg)
{
	struct heard *heard = arg;

	if (event->type == DETECT_EV_VERDICT)
		heard->verdict = event->verdict;
	else if ((event->type == DETECT_EV_BEEP ||
		  event->type == DETECT_EV_TONE) &&
		 heard->count < HEARD_MAX)
		heard->events[heard->count++] = *event;
}

static int16_t *decode(const char *path, size_t *count, char *err)
{
	struct prompt_decode *decode = NULL;
	int16_t *pcm = NULL;
	bool done = false;
	size_t index;

	if (prompt_decode_open(&decode, &path, NULL, 1, &index, err))
		return NULL;
	while (!done && !prompt_decode_step(decode, &done, err))
		;
	if (done)
		pcm = prompt_decode_take(decode, count);
	prompt_decode_free(decode);
	return pcm;
}

static bool replay(const char *path, const struct detect_settings *settings,
		   struct heard *heard)
{
	char err[PROMPT_ERROR_SIZE] = "";
	struct detector *detector;
	int16_t frame[DETECT_FRAME];
	size_t count = 0;
	int16_t *pcm = decode(path, &count, err);

	memset(heard, 0, sizeof(*heard));
	if (!pcm || detector_alloc(&detector, settings, on_event, heard)) {
		(void)cli_fail(CLI_FAILED, "%s",
			       pcm || !err[0] ? "out of memory" : err);
		free(pcm);
		return false;
	}
	detector_judge(detector, settings);
	for (size_t i = 0; i < count; i += DETECT_FRAME) {
		const size_t n =
			count - i < DETECT_FRAME ? count - i : DETECT_FRAME;

		memset(frame, 0, sizeof(frame));
		memcpy(frame, pcm + i, n * sizeof(*frame));
		detector_push(detector, frame);
	}
	detector_free(detector);
	free(pcm);
	return true;
}

/* ---- output --------------------------------------------------------- */

static const char *kind_text(enum detect_kind kind)
{
	return kind == DETECT_NONE ? "-" : detect_kind_name(kind);
}

/* "beep 1000 Hz at 3.2; ringback us at 8.1" */
static void events_text(const struct heard *heard, char text[TEXT_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < heard->count && used < TEXT_SIZE; i++) {
		const struct detect_event *e = &heard->events[i];
		const char *glue = used ? "; " : "";
		int n;

		if (e->type == DETECT_EV_BEEP)
			n = snprintf(text + used, TEXT_SIZE - used,
				     "%sbeep %.0f Hz at %.1f", glue,
				     (double)e->hz[0], e->at_ms / 1000.0);
		else
			n = snprintf(text + used, TEXT_SIZE - used,
				     "%s%s%s%s at %.1f", glue, e->tone,
				     *e->region ? " " : "", e->region,
				     e->at_ms / 1000.0);
		used += n > 0 ? (size_t)n : 0;
	}
}

static void head(const struct output *out)
{
	if (out->format == CSV)
		(void)printf("file,label,verdict,cause,confidence,decided,"
			     "greeting,words,noise,heard\r\n");
	else if (out->format == TABLE)
		(void)printf("%-8s  %-8s  %-10s  %5s  %7s  %8s  %5s  %5s  "
			     "%s\n",
			     "label", "verdict", "cause", "conf.", "decided",
			     "greeting", "words", "noise", "file");
}

static void csv_text(const char *text)
{
	const bool quote = text[strcspn(text, ",\"\r\n")] != '\0';

	if (quote)
		(void)putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			(void)putchar('"');
		(void)putchar(*text);
	}
	if (quote)
		(void)putchar('"');
}

static cJSON *event_json(const struct detect_event *e)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "event",
				e->type == DETECT_EV_BEEP ? "beep" : "tone");
	if (e->type == DETECT_EV_TONE)
		cJSON_AddStringToObject(json, "tone", e->tone);
	if (*e->region)
		cJSON_AddStringToObject(json, "region", e->region);
	cJSON_AddNumberToObject(json, "at_ms", e->at_ms);
	cJSON_AddNumberToObject(json, "duration_ms", e->duration_ms);
	cJSON_AddNumberToObject(json, "hz", round((double)e->hz[0]));
	if (e->hz[1] > 0)
		cJSON_AddNumberToObject(json, "hz2", round((double)e->hz[1]));
	return json;
}

static void row_json(struct output *out, const struct amd_file *file,
		     const struct heard *heard)
{
	const struct detect_verdict *v = &heard->verdict;
	cJSON *row = cJSON_CreateObject(), *events;

	cJSON_AddStringToObject(row, "file", file->path);
	if (file->label)
		cJSON_AddStringToObject(row, "label",
					detect_kind_name(file->label));
	if (v->kind) {
		cJSON_AddStringToObject(row, "verdict",
					detect_kind_name(v->kind));
		cJSON_AddStringToObject(row, "cause", v->cause);
		cJSON_AddNumberToObject(row, "confidence",
					round((double)v->confidence * 100) /
						100);
		cJSON_AddNumberToObject(row, "decided_ms", v->decided_ms);
		cJSON_AddNumberToObject(row, "greeting_ms", v->greeting_ms);
		cJSON_AddNumberToObject(row, "words", v->words);
		cJSON_AddNumberToObject(row, "noise_db",
					round((double)v->noise_db * 10) / 10);
	}
	events = cJSON_AddArrayToObject(row, "heard");
	for (size_t i = 0; i < heard->count; i++)
		cJSON_AddItemToArray(events, event_json(&heard->events[i]));
	cJSON_AddItemToArray(out->list, row);
}

static void row(struct output *out, const struct amd_file *file,
		const struct heard *heard)
{
	const struct detect_verdict *v = &heard->verdict;
	char text[TEXT_SIZE];

	out->confusion.n[file->label][v->kind]++;
	if (out->format == JSON) {
		row_json(out, file, heard);
		return;
	}
	events_text(heard, text);
	if (out->format == CSV) {
		csv_text(file->path);
		(void)printf(",%s,%s,%s,%.2f,%.2f,%.2f,%u,%.0f,",
			     detect_kind_name(file->label),
			     detect_kind_name(v->kind),
			     v->cause ? v->cause : "", (double)v->confidence,
			     v->decided_ms / 1000.0, v->greeting_ms / 1000.0,
			     v->words, (double)v->noise_db);
		csv_text(text);
		(void)printf("\r\n");
		return;
	}
	(void)printf("%-8s  %-8s  %-10s  ", kind_text(file->label),
		     kind_text(v->kind), v->cause ? v->cause : "-");
	if (v->kind)
		(void)printf("%5.2f  %7.2f  %8.2f  %5u  %5.0f  ",
			     (double)v->confidence, v->decided_ms / 1000.0,
			     v->greeting_ms / 1000.0, v->words,
			     (double)v->noise_db);
	else
		(void)printf("%5s  %7s  %8s  %5s  %5s  ", "", "", "", "", "");
	(void)printf("%s%s%s%s\n", file->path, text[0] ? " (" : "", text,
		     text[0] ? ")" : "");
}

static bool is_used(const struct confusion *c, enum detect_kind verdict)
{
	for (unsigned label = 0; label < DETECT_KINDS; label++)
		if (c->n[label][verdict])
			return true;
	return false;
}

/* Rows: what it is; columns: what it was taken for. */
static void confusion_table(const struct confusion *c)
{
	(void)printf("\n%-10s", "label");
	for (unsigned v = 0; v < DETECT_KINDS; v++)
		if (is_used(c, v))
			(void)printf("%10s", v ? detect_kind_name(v) : "none");
	(void)printf("%10s\n", "right");
	for (unsigned label = DETECT_HUMAN; label < DETECT_KINDS; label++) {
		unsigned all = 0;

		for (unsigned v = 0; v < DETECT_KINDS; v++)
			all += c->n[label][v];
		if (!all)
			continue;
		(void)printf("%-10s", detect_kind_name(label));
		for (unsigned v = 0; v < DETECT_KINDS; v++)
			if (is_used(c, v))
				(void)printf("%10u", c->n[label][v]);
		(void)printf("%8.1f %%\n", 100.0 * c->n[label][label] / all);
	}
}

/* Of those who were taken for machines, and of whom it is known what they are:
 * how many, and how many of them persons. */
static unsigned taken_for_machines(const struct confusion *c, unsigned *persons)
{
	unsigned all = 0;

	for (unsigned label = DETECT_HUMAN; label < DETECT_KINDS; label++)
		all += c->n[label][DETECT_MACHINE];
	*persons = c->n[DETECT_HUMAN][DETECT_MACHINE];
	return all;
}

/* What pacing.false_machine should be: of a small sample more than was seen in
 * it, since none in twenty doesn't mean none (Laplace's rule of succession). */
static double false_machine(unsigned persons, unsigned all)
{
	return ceil(1000.0 * (persons + 1) / (all + 2)) / 1000;
}

static void false_machine_print(const struct confusion *c)
{
	unsigned persons;
	const unsigned all = taken_for_machines(c, &persons);

	if (!all)
		return;
	(void)printf("\npersons among those taken for machines: %u of %u "
		     "(%.1f %%)\nfor a campaign that hangs up on machines: "
		     "pacing = { false_machine = %g }\n",
		     persons, all, 100.0 * persons / all,
		     false_machine(persons, all));
}

static cJSON *false_machine_json(const struct confusion *c)
{
	unsigned persons;
	const unsigned all = taken_for_machines(c, &persons);
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "machines", all);
	cJSON_AddNumberToObject(json, "persons", persons);
	if (all)
		cJSON_AddNumberToObject(json, "false_machine",
					false_machine(persons, all));
	return json;
}

static cJSON *confusion_json(const struct confusion *c)
{
	cJSON *json = cJSON_CreateObject();

	for (unsigned label = DETECT_HUMAN; label < DETECT_KINDS; label++) {
		cJSON *row = NULL;

		for (unsigned v = 0; v < DETECT_KINDS; v++) {
			if (!c->n[label][v])
				continue;
			if (!row)
				row = cJSON_AddObjectToObject(
					json, detect_kind_name(label));
			cJSON_AddNumberToObject(
				row, v ? detect_kind_name(v) : "none",
				c->n[label][v]);
		}
	}
	return json;
}

static void tail(struct output *out)
{
	char *text;
	cJSON *json;

	if (out->format == TABLE) {
		confusion_table(&out->confusion);
		false_machine_print(&out->confusion);
	}
	if (out->format != JSON)
		return;
	json = cJSON_CreateObject();
	cJSON_AddItemToObject(json, "files", out->list);
	cJSON_AddItemToObject(json, "confusion",
			      confusion_json(&out->confusion));
	cJSON_AddItemToObject(json, "taken_for_machines",
			      false_machine_json(&out->confusion));
	text = cJSON_Print(json);
	(void)printf("%s\n", text ? text : "null");
	cJSON_free(text);
	cJSON_Delete(json);
}

/* ---- the command ---------------------------------------------------- */

/* Where the recordings are: words of the command line, or a database. */
struct wanted {
	char *const *words;
	int count;
	const char *db, *campaign;
};

static int replay_all(const struct wanted *wanted,
		      const struct detect_settings *settings,
		      struct output *out)
{
	struct amd_files files;
	int status = CLI_OK;
	char err[1024];

	if (wanted->db ? !amd_files_kept(&files, wanted->db, wanted->campaign,
					 err, sizeof(err))
		       : !amd_files_find(&files, wanted->words, wanted->count,
					 err, sizeof(err))) {
		amd_files_free(&files);
		return cli_fail(CLI_FAILED, "%s", err);
	}
	out->list = cJSON_CreateArray();
	head(out);
	for (size_t i = 0; i < files.count; i++) {
		struct heard heard;

		if (replay(files.list[i].path, settings, &heard))
			row(out, &files.list[i], &heard);
		else
			status = CLI_FAILED;
	}
	tail(out);
	if (out->format != JSON)
		cJSON_Delete(out->list);
	amd_files_free(&files);
	return status;
}

static int set(struct detect_settings *settings, const char *word)
{
	const char *equals = strchr(word, '=');
	char name[64], err[256];

	if (!equals || (size_t)(equals - word) >= sizeof(name))
		return cli_fail(CLI_USAGE,
				"amd: --set %s: NAME=VALUE is expected", word);
	memcpy(name, word, (size_t)(equals - word));
	name[equals - word] = '\0';
	if (detect_set(settings, name, equals + 1, err, sizeof(err)))
		return cli_fail(CLI_USAGE, "amd: --set: %s", err);
	return CLI_OK;
}

int cmd_amd(int argc, char *argv[])
{
	struct output out = {.format = TABLE};
	struct wanted wanted = {.count = 0};
	struct detect_settings settings;
	int opt, status;

	detect_defaults(&settings);
	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_SET:
			status = set(&settings, optarg);
			if (status)
				return status;
			break;
		case OPT_CSV:
			out.format = CSV;
			break;
		case OPT_JSON:
			out.format = JSON;
			break;
		case OPT_DB:
			wanted.db = optarg;
			break;
		case OPT_CAMPAIGN:
			wanted.campaign = optarg;
			break;
		default:
			return cli_usage("amd", opt);
		}
	}
	wanted.words = argv + optind + 1;
	wanted.count = argc - optind - 1;
	if (wanted.count < 0 || strcmp(argv[optind], "replay") != 0 ||
	    !wanted.db == !wanted.count || (wanted.campaign && !wanted.db)) {
		if (argc > optind && strcmp(argv[optind], "replay") != 0)
			(void)cli_fail(CLI_USAGE,
				       "amd: '%s' is none of its commands; "
				       "there is replay",
				       argv[optind]);
		else
			(void)cli_fail(CLI_USAGE,
				       "amd: replay needs files or folders, "
				       "or --db FILE");
		return cli_usage("amd", '?');
	}
	return replay_all(&wanted, &settings, &out);
}
