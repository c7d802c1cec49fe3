#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/ids.h"
#include "store/connection.h"
#include "store/allocator.h"
#include "store/sql.h"

enum {
	CACHE_SLOTS = 512, /* hash chains */
	CACHE_MAX = 256,   /* statements kept prepared */
	OPEN_BUSY_MS = 10000,
	PROGRESS_STEPS = 4000, /* VM instructions between looks at the clock */
};

struct cached {
	struct cached *chain;	      /* same slot */
	struct cached *newer, *older; /* order of use */
	sqlite3_stmt *stmt;
	uint64_t hash;
	bool own;	 /* compiled without asking authorize() */
	const char *sql; /* built-in, or behind this struct */
};

struct connection {
	sqlite3 *db;
	char *path;
	bool own; /* a statement of the store's own is being compiled */
	uint64_t deadline_ms;
	_Atomic bool interrupted;
	int system_errno; /* of the last I/O error */
	struct cached *slots[CACHE_SLOTS];
	struct cached *newest, *oldest;
	size_t cached;
	uint64_t hits, misses;
};

/* ---- statement cache ---------------------------------------------------- */

static uint64_t hash_text(const char *text)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *text; ++text)
		h = (h ^ (unsigned char)*text) * 1099511628211u;

	return h;
}

/* Built-in texts are told apart by their address. */
static uint64_t hash_sql(const char *sql)
{
	if (sql_is_builtin(sql))
		return (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u >> 20;

	return hash_text(sql);
}

static void unlink_use(struct connection *conn, struct cached *c)
{
	*(c->newer ? &c->newer->older : &conn->newest) = c->older;
	*(c->older ? &c->older->newer : &conn->oldest) = c->newer;
}

static void link_newest(struct connection *conn, struct cached *c)
{
	c->newer = NULL;
	c->older = conn->newest;
	*(conn->newest ? &conn->newest->newer : &conn->oldest) = c;
	conn->newest = c;
}

static void forget(struct connection *conn, struct cached *c)
{
	struct cached **pp = &conn->slots[c->hash % CACHE_SLOTS];

	while (*pp != c)
		pp = &(*pp)->chain;
	*pp = c->chain;
	unlink_use(conn, c);
	--conn->cached;
	sqlite3_finalize(c->stmt);
	free(c);
}

static void forget_all(struct connection *conn)
{
	struct cached *c, *older;

	for (c = conn->newest; c; c = older) {
		older = c->older;
		sqlite3_finalize(c->stmt);
		free(c);
	}
	memset(conn->slots, 0, sizeof(conn->slots));
	conn->newest = conn->oldest = NULL;
	conn->cached = 0;
}

static struct cached *find_cached(struct connection *conn, const char *sql,
				  uint64_t hash)
{
	struct cached *c = conn->slots[hash % CACHE_SLOTS];

	for (; c; c = c->chain) {
		if (c->hash == hash && c->own == conn->own &&
		    (c->sql == sql || !strcmp(c->sql, sql)))
			return c;
	}

	return NULL;
}

static int compile(struct connection *conn, const char *sql,
		   sqlite3_stmt **stmt, const char **why)
{
	const char *tail = NULL;
	sqlite3_stmt *more = NULL;
	int rc;

	*why = NULL;
	rc = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				stmt, &tail);
	if (rc)
		return rc;
	if (!*stmt) {
		*why = "no statement";
		return SQLITE_MISUSE;
	}

	/* What follows may be comments and white space only. */
	rc = sqlite3_prepare_v2(conn->db, tail, -1, &more, NULL);
	if (!rc && !more)
		return SQLITE_OK;

	sqlite3_finalize(more);
	sqlite3_finalize(*stmt);
	*stmt = NULL;
	*why = "more than one statement";

	return SQLITE_MISUSE;
}

int connection_prepare(struct connection *conn, const char *sql,
		       sqlite3_stmt **stmt, const char **why)
{
	uint64_t hash = hash_sql(sql);
	struct cached *c = find_cached(conn, sql, hash);
	bool builtin = sql_is_builtin(sql);
	size_t size;
	int rc;

	*why = NULL;
	if (c) {
		++conn->hits;
		if (conn->newest != c) {
			unlink_use(conn, c);
			link_newest(conn, c);
		}
		*stmt = c->stmt;
		return SQLITE_OK;
	}

	++conn->misses;
	size = builtin ? 0 : strlen(sql) + 1;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return SQLITE_NOMEM;

	rc = compile(conn, sql, &c->stmt, why);
	if (rc) {
		free(c);
		return rc;
	}

	if (conn->cached >= CACHE_MAX)
		forget(conn, conn->oldest);
	c->hash = hash;
	c->own = conn->own;
	c->sql = builtin ? sql : memcpy(c + 1, sql, size);
	c->chain = conn->slots[hash % CACHE_SLOTS];
	conn->slots[hash % CACHE_SLOTS] = c;
	link_newest(conn, c);
	++conn->cached;
	*stmt = c->stmt;

	return SQLITE_OK;
}

void connection_cache_stats(const struct connection *conn, uint64_t *hits,
			    uint64_t *misses)
{
	*hits = conn->hits;
	*misses = conn->misses;
}

/* ---- what SQL may do ---------------------------------------------------- */

static bool is_harmless_pragma(const char *name, const char *value)
{
	static const char *const harmless[] = {
		"table_info", "table_xinfo", "table_list",
		"index_list", "index_info",  "foreign_key_list",
	};

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); ++i) {
		if (!sqlite3_stricmp(name, harmless[i]))
			return true;
	}

	return !value && !sqlite3_stricmp(name, "user_version");
}

static int authorize(void *arg, int action, const char *a, const char *b,
		     const char *schema, const char *trigger)
{
	const struct connection *conn = arg;

	(void)schema;
	(void)trigger;
	if (conn->own)
		return SQLITE_OK;

	switch (action) {
	case SQLITE_TRANSACTION: /* the store's: requests share one */
	case SQLITE_SAVEPOINT:
	case SQLITE_ATTACH: /* would write to any file */
	case SQLITE_DETACH:
		return SQLITE_DENY;
	case SQLITE_PRAGMA:
		return is_harmless_pragma(a, b) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_OK;
	}
}

static int on_progress(void *arg)
{
	const struct connection *conn = arg;

	if (atomic_load(&conn->interrupted))
		return 1;

	return conn->deadline_ms && clock_mono_ms() >= conn->deadline_ms;
}

static void sql_new_id(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	char id[ID_SIZE];

	(void)argc;
	(void)argv;
	id_make(id);
	sqlite3_result_text(ctx, id, ID_SIZE - 1, SQLITE_TRANSIENT);
}

/* errno of the last failure on the file or its WAL; sqlite3_system_errno()
 * has often lost it by the time that a statement has failed. */
static int file_errno(struct connection *conn)
{
	sqlite3_file *file = NULL;
	int e = 0;

	if (!sqlite3_file_control(conn->db, "main",
				  SQLITE_FCNTL_JOURNAL_POINTER, &file) &&
	    file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &e);
	if (!e)
		sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_LAST_ERRNO,
				     &e);

	return e;
}

void connection_note_error(struct connection *conn, int rc)
{
	if ((rc & 0xff) == SQLITE_IOERR)
		conn->system_errno = file_errno(conn);
}

bool connection_disk_full(const struct connection *conn, int rc)
{
	int e = conn->system_errno;

	return (rc & 0xff) == SQLITE_FULL ||
	       ((rc & 0xff) == SQLITE_IOERR &&
		(e == EFBIG || e == EDQUOT || e == ENOSPC));
}

int connection_exec(struct connection *conn, const char *sql)
{
	sqlite3_stmt *stmt;
	const char *why;
	int rc;

	conn->own = true;
	rc = connection_prepare(conn, sql, &stmt, &why);
	if (!rc) {
		do {
			rc = sqlite3_step(stmt);
		} while (rc == SQLITE_ROW);
		connection_note_error(conn, rc);
		sqlite3_reset(stmt);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	conn->own = false;

	return rc;
}

int connection_int(struct connection *conn, const char *sql, int64_t *value)
{
	sqlite3_stmt *stmt;
	const char *why;
	int rc;

	conn->own = true;
	rc = connection_prepare(conn, sql, &stmt, &why);
	if (!rc) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW) {
			*value = sqlite3_column_int64(stmt, 0);
			rc = SQLITE_OK;
		}
		sqlite3_reset(stmt);
	}
	conn->own = false;

	return rc;
}

/* ---- opening ------------------------------------------------------------ */

static int check_folder(const char *path, char *err, size_t size)
{
	char folder[4096];
	const char *dir;
	struct stat st;

	if (strlen(path) >= sizeof(folder)) {
		snprintf(err, size, "%s: the path is too long", path);
		return ENAMETOOLONG;
	}
	snprintf(folder, sizeof(folder), "%s", path);
	dir = dirname(folder);
	if (stat(dir, &st)) {
		int e = errno;

		snprintf(err, size,
			 "%s: the folder %s: %s; make it (mkdir -p %s), or "
			 "give another database (--db)",
			 path, dir, strerror(e), dir);
		return e;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err, size, "%s: %s is not a folder", path, dir);
		return ENOTDIR;
	}

	return 0;
}

/* Say no before SQLite does, in words that help. */
static int check_path(const char *path, enum connection_mode mode, char *err,
		      size_t size)
{
	int want = mode == CONNECTION_WRITE ? R_OK | W_OK : R_OK;
	struct stat st;
	int fd, e;

	e = check_folder(path, err, size);
	if (e)
		return e;

	if (stat(path, &st)) {
		e = errno;
		if (e != ENOENT || mode == CONNECTION_READ) {
			snprintf(err, size,
				 "%s: %s; give the database of an engine that "
				 "has run (--db)",
				 path, strerror(e));
			return e;
		}
		/* Calls are personal: not for everybody to read. */
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0) {
			e = errno;
			snprintf(err, size,
				 "%s: cannot be created: %s; give the engine "
				 "write access to the folder, or another "
				 "database (--db)",
				 path, strerror(e));
			return e;
		}
		close(fd);
		return 0;
	}

	if (!S_ISREG(st.st_mode)) {
		snprintf(err, size,
			 "%s is %s, not a file; give another database (--db)",
			 path, S_ISDIR(st.st_mode) ? "a folder" : "special");
		return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	}
	if (faccessat(AT_FDCWD, path, want, AT_EACCESS)) {
		e = errno;
		snprintf(err, size,
			 "%s: %s: %s; give this user access to it, or another "
			 "database (--db)",
			 path,
			 mode == CONNECTION_WRITE ? "cannot be written"
						  : "cannot be read",
			 strerror(e));
		return e == EACCES && mode == CONNECTION_WRITE ? EROFS : e;
	}

	return 0;
}

/* WAL needs files of its own beside the database. */
static int check_beside(const char *path, char *err, size_t size)
{
	char folder[4096];
	const char *dir;

	snprintf(folder, sizeof(folder), "%s", path);
	dir = dirname(folder);
	if (!faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS))
		return 0;

	snprintf(err, size,
		 "%s: the folder %s cannot be written (%s), and the database "
		 "needs files beside it; give this user access, or another "
		 "database (--db)",
		 path, dir, strerror(errno));

	return EROFS;
}

static int open_error(const struct connection *conn, int rc, const char *path,
		      char *err, size_t size)
{
	switch (rc & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		snprintf(err, size,
			 "%s is not a database, or is damaged (%s); move it "
			 "away, or give another one (--db)",
			 path, sqlite3_errmsg(conn->db));
		return EINVAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		snprintf(err, size,
			 "%s has been locked by another program for %d s; "
			 "close that one and try again",
			 path, OPEN_BUSY_MS / 1000);
		return EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		snprintf(err, size,
			 "%s cannot be written; give this user access to it "
			 "and its folder, or another database (--db)",
			 path);
		return EROFS;
	case SQLITE_FULL:
		snprintf(err, size, "%s: the disk is full", path);
		return ENOSPC;
	case SQLITE_NOMEM:
		snprintf(err, size, "out of memory");
		return ENOMEM;
	default:
		snprintf(err, size, "%s: %s", path, sqlite3_errmsg(conn->db));
		return EIO;
	}
}

static int open_file(struct connection *conn, const char *path, int flags)
{
	int rc;

	allocator_init();
	rc = sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc)
		return rc;

	sqlite3_extended_result_codes(conn->db, 1);
	sqlite3_busy_timeout(conn->db, OPEN_BUSY_MS);
	sqlite3_progress_handler(conn->db, PROGRESS_STEPS, on_progress, conn);
	rc = sqlite3_set_authorizer(conn->db, authorize, conn);
	if (!rc)
		rc = sqlite3_create_function(conn->db, "new_id", 0, SQLITE_UTF8,
					     NULL, sql_new_id, NULL, NULL);

	return rc;
}

static int set_up(struct connection *conn, enum connection_mode mode)
{
	static const char *const writing[] = {
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA cache_size = -65536",
		/* Debian's SQLite overwrites with zeros whatever it deletes,
		 * each entry of an index that moves included. */
		"PRAGMA secure_delete = OFF",
		"PRAGMA wal_autocheckpoint = 8000",
		"PRAGMA journal_size_limit = 67108864",
	};
	int64_t n;
	int rc;

	/* The first access: now we know whether it is a database. */
	rc = connection_int(conn, "SELECT COUNT(*) FROM sqlite_master", &n);
	if (rc || mode == CONNECTION_READ)
		return rc;

	for (size_t i = 0; !rc && i < sizeof(writing) / sizeof(*writing); ++i)
		rc = connection_exec(conn, writing[i]);

	return rc;
}

/* A folder that we cannot write: no shared memory for the WAL. Without a WAL
 * the file is all there is, and may be read as it is. */
static int open_immutable(struct connection *conn, const char *path)
{
	char *wal = sqlite3_mprintf("%s-wal", path), *uri = NULL;
	struct stat st;
	int rc = SQLITE_CANTOPEN;

	if (!wal)
		return SQLITE_NOMEM;
	if (!stat(wal, &st) && st.st_size > 0)
		goto out;

	uri = malloc(strlen(path) * 3 + 32);
	if (!uri) {
		rc = SQLITE_NOMEM;
		goto out;
	}
	char *p = uri + sprintf(uri, "file:");
	for (const char *s = path; *s; ++s) {
		if (strchr("?#%", *s))
			p += sprintf(p, "%%%02X", (unsigned char)*s);
		else
			*p++ = *s;
	}
	sprintf(p, "?immutable=1");

	forget_all(conn);
	sqlite3_close(conn->db);
	conn->db = NULL;
	rc = open_file(conn, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	if (!rc)
		rc = set_up(conn, CONNECTION_READ);
out:
	free(uri);
	sqlite3_free(wal);

	return rc;
}

int connection_open(struct connection **cp, const char *path,
		    enum connection_mode mode, char *err, size_t size)
{
	bool write = mode == CONNECTION_WRITE;
	struct connection *conn;
	int rc, e;

	assert(cp && path && err);
	e = check_path(path, mode, err, size);
	if (!e && write)
		e = check_beside(path, err, size);
	if (e)
		return e;

	conn = calloc(1, sizeof(*conn));
	if (conn)
		conn->path = strdup(path);
	if (!conn || !conn->path) {
		free(conn);
		snprintf(err, size, "out of memory");
		return ENOMEM;
	}

	rc = open_file(conn, path,
		       write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
	if (!rc)
		rc = set_up(conn, mode);
	if (!write && (rc == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY))
		rc = open_immutable(conn, path);
	if (!rc && write && sqlite3_db_readonly(conn->db, "main") == 1)
		rc = SQLITE_READONLY;
	if (rc) {
		e = open_error(conn, rc, path, err, size);
		connection_close(conn);
		return e;
	}

	*cp = conn;

	return 0;
}

void connection_close(struct connection *conn)
{
	if (!conn)
		return;
	forget_all(conn);
	sqlite3_close(conn->db);
	free(conn->path);
	free(conn);
}

void connection_shrink(struct connection *conn)
{
	(void)sqlite3_db_release_memory(conn->db);
}

sqlite3 *connection_db(const struct connection *conn)
{
	return conn->db;
}

const char *connection_path(const struct connection *conn)
{
	return conn->path;
}

void connection_busy_timeout(struct connection *conn, int ms)
{
	sqlite3_busy_timeout(conn->db, ms);
}

void connection_deadline(struct connection *conn, uint64_t mono_ms)
{
	conn->deadline_ms = mono_ms;
}

void connection_interrupt(struct connection *conn)
{
	atomic_store(&conn->interrupted, true);
}
