/* registration.h -- an account's state, told: to scripts, the database, status
 */
#ifndef MOONDIAL_APP_REGISTRATION_H
#define MOONDIAL_APP_REGISTRATION_H

#include <cjson/cJSON.h>

struct account;
struct store;

/* As `moondial status` shows it, in ms; NULL: out of memory. */
cJSON *registration_status(const struct account *account);
/* As moon.on("registration", …) gets it, in seconds; NULL: out of memory. */
cJSON *registration_event(const struct account *account);
/* A row of its history; what can't be queued is logged. */
void registration_write(struct store *store, const struct account *account);

enum { INSTANCE_ID_SIZE = 48 };
/* "urn:uuid:…" of an engine with this database on this machine: the same at
 * each start (RFC 5626 4.1), by the names that both have (RFC 4122 4.3). */
void registration_instance_id(char id[INSTANCE_ID_SIZE], const char *db);
/* A text that is the same at each start of an engine with this database on this
 * machine, and that others don't know. */
enum { MACHINE_SECRET_SIZE = 512 };
void registration_secret(char secret[MACHINE_SECRET_SIZE], const char *db);

#endif
