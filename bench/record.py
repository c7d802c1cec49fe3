"""Recordings on a disk that stands still, looked at sample by sample.

What the far side says and what the prompt holds repeat with a period, so that
in a recording everything is known but where each of them begins. What the
engine sends must be in the file without a gap from its first sample to the
end. What it hears too, except where packets came late: then the jitter buffer
conceals, and that is counted.
"""
import array
import os
import random
import wave

FRAME = 160          # samples
PERIOD = FRAME * 125  # 2.5 s
STALL_MS = 2000


def ulaw(byte):
    byte = ~byte & 0xFF
    value = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -value if byte & 0x80 else value


def write_pattern(folder):
    """pattern.ulaw for the load, pattern.wav as prompt; returns the bytes of
    one period as 16-bit samples. None of them is 0, no frame occurs twice."""
    rng = random.Random(3)
    codes = bytes(rng.choice(range(0x10, 0x60)) | rng.choice((0, 0x80)) for _ in range(PERIOD))
    samples = array.array("h", (ulaw(c) for c in codes))
    with open(os.path.join(folder, "pattern.ulaw"), "wb") as f:
        f.write(codes)
    with wave.open(os.path.join(folder, "pattern.wav"), "wb") as w:
        w.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        w.writeframes(samples.tobytes())
    return samples.tobytes()


def channels(path):
    """Left and right, as bytes of 16-bit samples."""
    with wave.open(os.fspath(path), "rb") as w:
        frames = array.array("h", w.readframes(w.getnframes()))
    return frames[0::2].tobytes(), frames[1::2].tobytes()


def begin(samples):
    """The byte at which it is no longer silent."""
    at = len(samples) - len(samples.lstrip(b"\0"))
    return at - at % 2


def spoken(samples):
    """Without the silence before, and behind: between a call's BYE and its
    stream's end nobody speaks any more."""
    end = len(samples.rstrip(b"\0"))
    return samples[begin(samples): end + end % 2]


def gaps(samples, period):
    """Frames, from the first sound on, that are not what must be there."""
    rest = spoken(samples)
    shift = (period * 2).find(rest[: 2 * FRAME])
    if shift < 0:
        return None
    turn = period[shift % len(period):] + period[: shift % len(period)]
    want = turn * (len(rest) // len(turn) + 1)
    if rest == want[: len(rest)]:
        return 0
    return sum(rest[i: i + 2 * FRAME] != want[i: i + 2 * FRAME][: len(rest) - i]
               for i in range(0, len(rest), 2 * FRAME))


def strange(samples, period):
    """Frames heard that stand nowhere in the pattern: concealed or lost; of
    them silent ones, as a recorder writes them for what it has lost."""
    twice, step = period * 2, 2 * FRAME
    odd = silent = at = 0
    samples = spoken(samples)
    for i in range(0, len(samples) - step + 1, step):
        frame = samples[i: i + step]
        if twice[at: at + step] != frame:
            at = twice.find(frame)
        if at < 0:
            at = 0
            odd += 1
            silent += not frame.strip(b"\0")
        else:
            at = (at + step) % len(period)
    return odd, silent


def check(paths, period):
    """Figures of all recordings together."""
    figures = {"files": len(paths), "seconds": 0, "shortest": None, "sent_gaps": 0,
               "heard_strange": 0, "heard_silent": 0, "unreadable": 0}
    for path in paths:
        left, right = channels(path)
        seconds = len(right) / 2 / 8000
        figures["seconds"] += seconds
        figures["shortest"] = min(seconds, figures["shortest"] or seconds)
        wrong = gaps(right, period)
        if wrong is None:
            figures["unreadable"] += 1
        figures["sent_gaps"] += wrong or 0
        if gaps(left, period) != 0:
            odd, silent = strange(left, period)
            figures["heard_strange"] += odd
            figures["heard_silent"] += silent
    return figures
