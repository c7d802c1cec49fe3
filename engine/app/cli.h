/* cli.h -- the command line: one function a command */
#ifndef MOONDIAL_APP_CLI_H
#define MOONDIAL_APP_CLI_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* Exit statuses: 0 done; 1 it failed, a message is on standard error; 2 the
 * command line is wrong. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Run the program. */
int cli_main(int argc, char *argv[]);

/* Commands: ARGV[0] is the command's own name. */
int cmd_run(int argc, char *argv[]);
int cmd_check(int argc, char *argv[]);
int cmd_cdr(int argc, char *argv[]);
int cmd_campaign(int argc, char *argv[]);
int cmd_amd(int argc, char *argv[]);
int cmd_agent(int argc, char *argv[]);
int cmd_simulate(int argc, char *argv[]);
int cmd_dnc(int argc, char *argv[]);
int cmd_compliance(int argc, char *argv[]);
int cmd_status(int argc, char *argv[]);
int cmd_console(int argc, char *argv[]);
int cmd_reload(int argc, char *argv[]);
int cmd_drain(int argc, char *argv[]);
int cmd_ban(int argc, char *argv[]);
int cmd_unban(int argc, char *argv[]);
int cmd_version(int argc, char *argv[]);

/* "moondial: …" on standard error. Returns STATUS. */
int cli_fail(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The usage of COMMAND to standard output, CLI_OK; with a wrong option
 * (getopt has said which), a hint to --help and CLI_USAGE. */
int cli_usage(const char *command, int opt);

/* The name of the user who runs the command. */
const char *cli_user(void);

/* Ask the engine whose database is DB; prints what went wrong.
 * *RESULT is given. *ERRP (may be NULL): the errno value. */
int cli_ask(const char *db, const cJSON *request, cJSON **result, int *errp);

/* Run FUNCTION of Lua module MODULE with ARGS (taken over), with the database
 * DB (NULL: without) but no network, and print the text that it returns; or, of
 * a table {text, path, content}, its text, and its content goes to the file
 * PATH. */
int cli_tool(const char *db, bool writes, const char *module,
	     const char *function, cJSON *args);

/* The same, with more to say. */
struct cli_tool {
	const char *module, *function;
	cJSON *args; /* taken over */
	const char *db;
	bool writes;
	const cJSON *config; /* moon.config, and where prompts lie; or NULL */
	const char *script;  /* whose folder is searched, and that is loaded by
			      * the function; or NULL */
	/* moon.trunk{…} and its kin, as scripts_handlers has it; or NULL */
	bool (*define)(const char *kind, const cJSON *table, char *err,
		       size_t size, void *arg);
	/* Gets what the function returns, which isn't printed then; or NULL */
	void (*done)(const cJSON *result, void *arg);
	void *arg;
};
int cli_tool_run(const struct cli_tool *tool);

/* The words of ARGV from FROM on, as a list. */
cJSON *cli_words(int argc, char *argv[], int from);

/* Have the running engine do ACTION of its command COMMAND with ARGS (taken
 * over), and print what it answers. *ERRP: why it could not be asked. */
int cli_do(const char *db, const char *command, const char *action, cJSON *args,
	   int *errp);

#endif
