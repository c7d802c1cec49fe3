"""Make audio, and measure what was heard: frequency, level, gaps."""
import wave

import numpy as np

RATE = 8000


def sine(frequency, seconds, rate=RATE, dbfs=-10.0):
    """Samples in -1…1; DBFS is the level of its peak (0: full scale)."""
    t = np.arange(int(seconds * rate)) / rate
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * t)


def write_wav(path, samples, rate=RATE, width=2):
    """SAMPLES: an array (mono) or one column a channel; WIDTH in bytes."""
    samples = np.atleast_2d(np.asarray(samples).T).T
    x = np.clip(samples, -1, 1)
    if width == 1:
        data = np.round(x * 127 + 128).astype(np.uint8).tobytes()
    elif width == 2:
        data = np.round(x * 32767).astype("<i2").tobytes()
    elif width == 3:
        ints = np.round(x * 8388607).astype("<i4")
        data = ints.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3] \
            .tobytes()
    else:
        data = np.round(x * 2147483647).astype("<i4").tobytes()
    with wave.open(str(path), "wb") as w:
        w.setnchannels(samples.shape[1])
        w.setsampwidth(width)
        w.setframerate(rate)
        w.writeframes(data)
    return path


def read_wav(path):
    """Samples (one column a channel) and the rate."""
    with wave.open(str(path), "rb") as w:
        assert w.getsampwidth() == 2, "16 bit expected"
        data = np.frombuffer(w.readframes(w.getnframes()), "<i2")
        return data.reshape(-1, w.getnchannels()) / 32768.0, w.getframerate()


def level(samples):
    """RMS in dB below a full-scale sine (a full-scale sine is 0)."""
    rms = np.sqrt(np.mean(np.square(samples))) if len(samples) else 0
    return 20 * np.log10(max(rms * np.sqrt(2), 1e-9))


def frequency(samples, rate=RATE):
    """The strongest frequency, to a fraction of a bin."""
    x = samples * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(x, 1 << 17))
    return np.argmax(spectrum) * rate / (1 << 17)


def purity(samples, hz, rate=RATE):
    """Share of the power within 40 Hz of HZ."""
    x = samples * np.hanning(len(samples))
    power = np.abs(np.fft.rfft(x)) ** 2
    at = np.fft.rfftfreq(len(x), 1 / rate)
    return power[np.abs(at - hz) < 40].sum() / power.sum()


def sounding(samples, rate=RATE, threshold=-40.0, frame=0.01):
    """(first, last) second of what is above THRESHOLD; None: silence."""
    n = int(rate * frame)
    loud = [i for i in range(len(samples) // n)
            if level(samples[i * n:(i + 1) * n]) > threshold]
    return (loud[0] * frame, (loud[-1] + 1) * frame) if loud else None


def gaps(samples, rate=RATE, threshold=-40.0, frame=0.01):
    """Lengths in seconds of the silences within what sounds."""
    span = sounding(samples, rate, threshold, frame)
    assert span, "nothing but silence"
    n = int(rate * frame)
    found, run = [], 0
    for i in range(round(span[0] / frame), round(span[1] / frame)):
        if level(samples[i * n:(i + 1) * n]) > threshold:
            if run:
                found.append(run * frame)
            run = 0
        else:
            run += 1
    return found


def clicks(samples, hz, rate=RATE):
    """Seconds at which a sine of HZ jumps: samples lost or repeated.

    A pure sine obeys x[n] = 2·cos(w)·x[n-1] - x[n-2]; what is left over is
    the codec's noise, and a jump stands far above that.
    """
    x = np.asarray(samples)
    left = x[2:] - 2 * np.cos(2 * np.pi * hz / rate) * x[1:-1] + x[:-2]
    limit = max(8 * np.median(np.abs(left)), 0.05 * np.max(np.abs(x)))
    return [i / rate for i in np.nonzero(np.abs(left) > limit)[0]]


# ---- G.711

def _ulaw_table():
    table = np.zeros(256)
    for code in range(256):
        u = ~code & 0xff
        value = (((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4)
        value -= 0x84
        table[code] = -value if u & 0x80 else value
    return table


def _alaw_table():
    table = np.zeros(256)
    for code in range(256):
        a = code ^ 0x55
        value, segment = (a & 0x0f) << 4, (a & 0x70) >> 4
        value = value + 8 if segment == 0 else \
            (value + 0x108) << (segment - 1)
        table[code] = value if a & 0x80 else -value
    return table


TABLES = {0: _ulaw_table(), 8: _alaw_table()}  # by RTP payload type


def decode(payload, payload_type=0):
    codes = np.frombuffer(payload, np.uint8)
    return TABLES[payload_type][codes] / 32768.0


def encode(samples, payload_type=0):
    table = TABLES[payload_type]
    order = np.argsort(table, kind="stable")
    x = np.clip(np.asarray(samples), -1, 1) * 32767
    at = np.clip(np.searchsorted(table[order], x), 1, 255)
    low, high = table[order][at - 1], table[order][at]
    at = np.where(x - low < high - x, at - 1, at)
    return order[at].astype(np.uint8).tobytes()
