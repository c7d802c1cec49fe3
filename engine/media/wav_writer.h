/* wav_writer.h -- a WAV file that is valid at each moment of its growth
 *
 * 16-bit PCM, 8 kHz, mono or stereo. Audio is written behind what is there,
 * and only then the header, in one write, with the new sizes: a process killed
 * between the two leaves a header that claims less than there is, never more.
 * Shortening goes the other way round: the header, then the file. File thread
 * (or any one thread); every call may block on the disk.
 */
#ifndef MOONDIAL_MEDIA_WAV_WRITER_H
#define MOONDIAL_MEDIA_WAV_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct wav_writer;

/* Create PATH, folders before it too, and write an empty WAV. A regular file
 * of that name is replaced (readers keep the old one); a symbolic link, a
 * folder, a device isn't, nor a file that another wav_writer has open (EBUSY).
 * On failure an errno value and, in ERR, a sentence with the path. */
int wav_writer_open(struct wav_writer **wp, const char *path, unsigned channels,
		    char *err, size_t err_size);

/* The same; the first ROOT characters of PATH name a folder that the rest must
 * not leave, whatever symbolic links are there (EXDEV). */
int wav_writer_open_beneath(struct wav_writer **wp, const char *path,
			    size_t root, unsigned channels, char *err,
			    size_t err_size);

/* Append FRAMES (a sample for each channel, interleaved). After a failure
 * (ENOSPC, EFBIG, EIO, …) the file holds, and its header says, what went in. */
int wav_writer_append(struct wav_writer *writer, const int16_t *pcm,
		      size_t frames);

/* Append FRAMES of silence. */
int wav_writer_silence(struct wav_writer *writer, uint64_t frames);

/* Cut it down to FRAMES; nothing when it is that short. */
int wav_writer_truncate(struct wav_writer *writer, uint64_t frames);

/* Frames that the header accounts for. */
uint64_t wav_writer_frames(const struct wav_writer *writer);

/* Close and free. The file is complete. NULL is fine. errno of close(). */
int wav_writer_close(struct wav_writer *writer);

#endif
