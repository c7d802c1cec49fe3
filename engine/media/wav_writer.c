/* wav_writer.c -- RIFF/WAVE, 44 bytes of header and then the samples */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/open_beneath.h"
#include "media/codec.h"
#include "media/wav_writer.h"

enum {
	HEADER_SIZE = 44,
	SAMPLE_SIZE = 2,
	DATA_ID = 0x61746164, /* "data" */
	CHANNELS_MAX = 2,
	SILENCE_BYTES = 16384,
	FILE_MODE = 0640, /* what people say is not for everyone */
	FOLDER_MODE = 0750,
};

/* The sizes in the header have 32 bits; RIFF's counts 36 bytes more. */
static const uint64_t data_max = UINT32_MAX - 36 - 3;

struct wav_writer {
	int fd;
	unsigned frame_size; /* bytes */
	uint64_t bytes;	     /* of samples, in whole frames */
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

/* errno, when not all of it was written. WROTE: how much was. */
static int write_at(int fd, const void *buf, size_t size, uint64_t pos,
		    size_t *wrote)
{
	const uint8_t *p = buf;
	size_t done = 0;
	int err = 0;

	while (done < size) {
		ssize_t n =
			pwrite(fd, p + done, size - done, (off_t)(pos + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = errno;
			break;
		}
		if (!n) {
			err = EIO;
			break;
		}
		done += (size_t)n;
	}
	if (wrote)
		*wrote = done;
	return err;
}

static int write_header(const struct wav_writer *w, uint64_t bytes)
{
	uint8_t h[HEADER_SIZE] = "RIFF\0\0\0\0WAVEfmt ";
	unsigned channels = w->frame_size / SAMPLE_SIZE;

	put32(h + 4, (uint32_t)(HEADER_SIZE - 8 + bytes));
	put32(h + 16, 16);
	put16(h + 20, 1); /* PCM */
	put16(h + 22, channels);
	put32(h + 24, AUDIO_SRATE);
	put32(h + 28, AUDIO_SRATE * w->frame_size);
	put16(h + 32, w->frame_size);
	put16(h + 34, 8 * SAMPLE_SIZE);
	put32(h + 36, DATA_ID);
	put32(h + 40, (uint32_t)bytes);
	return write_at(w->fd, h, sizeof(h), 0, NULL);
}

/* Make the folders before the last '/' of FOLDER that aren't there. */
static int make_folders(char *folder, char *err, size_t err_size)
{
	for (char *p = folder + 1; *folder && (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(folder, FOLDER_MODE) && errno != EEXIST) {
			int e = errno;
			struct stat st;

			/* A read-only system says EROFS, and a locked folder
			 * EACCES, of what exists as well. */
			if (stat(folder, &st) || !S_ISDIR(st.st_mode)) {
				snprintf(err, err_size,
					 "cannot make the folder %s: %s",
					 folder, strerror(e));
				return e;
			}
		}
		*p = '/';
	}
	return 0;
}

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Open the folder of PATH; what is missing is made. Beneath the first ROOT
 * characters of it no symbolic link is followed that leads out. */
static int open_folder(int *dirp, const char *path, size_t root, char *err,
		       size_t err_size)
{
	const size_t len = (size_t)(last_of(path) - path);
	size_t at = root ? root : len;
	char folder[PATH_MAX];
	int dir, next, e;

	if (len >= sizeof(folder) - 1) {
		snprintf(err, err_size, "%.80s…: the path is too long", path);
		return ENAMETOOLONG;
	}
	memcpy(folder, path, at);
	memcpy(folder + at, "/", 2);
	e = len ? make_folders(folder, err, err_size) : 0;
	if (e)
		return e;
	dir = open(len ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (dir >= 0 && at < len) {
		const size_t begin = at + strspn(path + at, "/");

		if (begin >= len)
			break;
		at = begin + strcspn(path + begin, "/");
		memcpy(folder, path, at);
		folder[at] = '\0';
		next = open_beneath(folder, root, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT &&
		    !mkdirat(dir, folder + begin, FOLDER_MODE))
			next = open_beneath(folder, root, O_PATH | O_DIRECTORY,
					    0);
		e = errno;
		(void)close(dir);
		errno = e;
		dir = next;
	}
	if (dir < 0) {
		e = errno;
		snprintf(err, err_size, "cannot record to %s: %s", path,
			 e == EXDEV ? "it leads out of the folder of recordings"
				    : strerror(e));
		return e;
	}
	*dirp = dir;
	return 0;
}

/* Take a regular file that nobody writes out of the way. */
static int remove_old(int dir, const char *name, const char **why)
{
	struct stat st;
	int fd, err = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : errno;
	if (S_ISDIR(st.st_mode)) {
		*why = "it is a folder";
		return EISDIR;
	}
	if (S_ISLNK(st.st_mode)) {
		*why = "it is a symbolic link";
		return ELOOP;
	}
	if (!S_ISREG(st.st_mode)) {
		*why = "it is not a regular file";
		return EINVAL;
	}
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* One that we may not read isn't ours: unlink() decides. */
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		*why = "another recording is being written to it";
		err = EBUSY;
	}
	if (!err && unlinkat(dir, name, 0) && errno != ENOENT)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int create(int *fdp, int dir, const char *name, const char **why)
{
	/* Twice: somebody may put a file there between the two calls. */
	for (int try = 0; try < 3; try++) {
		int err, fd = openat(dir, name,
				     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
					     O_CLOEXEC,
				     FILE_MODE);

		if (fd >= 0) {
			(void)flock(fd, LOCK_EX | LOCK_NB);
			*fdp = fd;
			return 0;
		}
		if (errno != EEXIST)
			return errno;
		err = remove_old(dir, name, why);
		if (err)
			return err;
	}
	return EEXIST;
}

int wav_writer_open(struct wav_writer **wp, const char *path, unsigned channels,
		    char *err, size_t err_size)
{
	return wav_writer_open_beneath(wp, path, 0, channels, err, err_size);
}

int wav_writer_open_beneath(struct wav_writer **wp, const char *path,
			    size_t root, unsigned channels, char *err,
			    size_t err_size)
{
	struct wav_writer *w;
	const char *why = NULL;
	int dir = -1, e;

	if (!path || !*path || !channels || channels > CHANNELS_MAX) {
		snprintf(err, err_size, "no file name to record to");
		return EINVAL;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		snprintf(err, err_size, "%s: out of memory", path);
		return ENOMEM;
	}
	w->frame_size = channels * SAMPLE_SIZE;
	e = open_folder(&dir, path, root, err, err_size);
	if (e) {
		free(w);
		return e;
	}
	e = create(&w->fd, dir, last_of(path), &why);
	if (e) {
		(void)close(dir);
		snprintf(err, err_size, "cannot record to %s: %s", path,
			 why ? why : strerror(e));
		free(w);
		return e;
	}
	e = write_header(w, 0);
	if (e) {
		snprintf(err, err_size, "cannot write to %s: %s", path,
			 strerror(e));
		/* Less than a header is no WAV: better nothing at all. */
		(void)unlinkat(dir, last_of(path), 0);
		(void)close(w->fd);
		(void)close(dir);
		free(w);
		return e;
	}
	(void)close(dir);
	*wp = w;
	return 0;
}

/* SIZE bytes more; the header follows what really went in. */
static int append(struct wav_writer *w, const void *buf, size_t size)
{
	size_t wrote;
	int err, herr;

	if (size > data_max - w->bytes)
		return EFBIG;
	err = write_at(w->fd, buf, size, HEADER_SIZE + w->bytes, &wrote);
	wrote -= wrote % w->frame_size;
	if (!wrote)
		return err;
	herr = write_header(w, w->bytes + wrote);
	if (herr)
		return herr;
	w->bytes += wrote;
	return err;
}

int wav_writer_append(struct wav_writer *w, const int16_t *pcm, size_t frames)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "samples go to the file as they are in memory"
#endif
	if (!frames)
		return 0;
	return append(w, pcm, frames * w->frame_size);
}

int wav_writer_silence(struct wav_writer *w, uint64_t frames)
{
	static const uint8_t zeros[SILENCE_BYTES];
	uint64_t most = SILENCE_BYTES / w->frame_size;

	while (frames) {
		uint64_t n = frames < most ? frames : most;
		int err = append(w, zeros, (size_t)n * w->frame_size);

		if (err)
			return err;
		frames -= n;
	}
	return 0;
}

int wav_writer_truncate(struct wav_writer *w, uint64_t frames)
{
	uint64_t bytes = frames * w->frame_size;
	int err;

	if (frames >= wav_writer_frames(w))
		return 0;
	err = write_header(w, bytes);
	if (err)
		return err;
	w->bytes = bytes;
	while (ftruncate(w->fd, (off_t)(HEADER_SIZE + bytes)))
		if (errno != EINTR)
			return errno;
	return 0;
}

uint64_t wav_writer_frames(const struct wav_writer *w)
{
	return w->bytes / w->frame_size;
}

int wav_writer_close(struct wav_writer *w)
{
	int err = 0;

	if (!w)
		return 0;
	/* What a failed append left behind the last whole frame. */
	if (ftruncate(w->fd, (off_t)(HEADER_SIZE + w->bytes)))
		err = errno;
	if (close(w->fd) && !err)
		err = errno;
	free(w);
	return err;
}
