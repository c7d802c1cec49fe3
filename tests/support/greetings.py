#!/usr/bin/env python3
"""A corpus of what answers a telephone: people, machines with their beeps,
fax, tones, nobody. Made, not recorded: espeak-ng speaks, sox codes GSM, the
rest is numpy. The same each time.

    greetings.py FOLDER [SHARE]      1: 206 items a half

FOLDER/tune and FOLDER/unseen, each with WAVs of 8 kHz and labels.csv: file,
label (what the verdict is to be; empty: any), tone (that is to be told), beep
(second in which it ends; empty: none is to be told), end (second in which the
greeting ends). Of the two halves neither text nor voice nor speed is the same.
"""
import concurrent.futures
import csv
import fcntl
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import wave

import numpy as np

RATE = 8000
HALVES = ("tune", "unseen")

# ---- what is said: one list a half -----------------------------------------

HUMAN = (
    [("en-us", "Hello?"), ("en-us", "Hi."), ("en-us", "Yes?"),
     ("en-gb", "Hello, Anna speaking."), ("en-us", "Hi, this is Tom."),
     ("en-us", "Miller speaking, who's there?"), ("en-gb", "Good morning."),
     ("en-us", "Yeah, hello?"), ("en-us", "Hey, what's up?"),
     ("de", "Hallo?"), ("de", "Schneider."), ("de", "Ja, bitte?"),
     ("de", "Schneider, guten Tag."), ("fr", "Allô?"), ("fr", "Oui, bonjour."),
     ("es", "¿Diga?"), ("es", "¿Sí?"), ("it", "Pronto?"),
     ("it", "Sì, pronto?"), ("nl", "Hallo, met Jan.")],
    [("en-us", "Hello."), ("en-us", "Speaking."), ("en-gb", "Yes, hello?"),
     ("en-us", "Who is this?"), ("en-us", "This is Bob."),
     ("en-gb", "Hello, Carter residence."), ("en-us", "Hello, hello?"),
     ("en-gb", "Good afternoon, Smith."), ("en-us", "What?"),
     ("en-us", "Hey Mary, is that you?"),
     ("de", "Ja, hallo?"), ("de", "Becker."), ("de", "Guten Morgen."),
     ("de", "Hallo, wer ist da?"), ("fr", "Oui?"), ("fr", "Allô, oui?"),
     ("es", "¿Hola?"), ("es", "Dígame."), ("it", "Sì?"),
     ("pt", "Alô, quem fala?")])
MACHINE = (
    [("en-us", "Hi, you've reached the voicemail of Peter Young. I can't take "
      "your call right now. Please leave a message after the tone."),
     ("en-gb", "The person you are calling is not available. Please leave a "
      "message after the beep."),
     ("en-us", "Hello, we are not at home. Leave your name and number, and we "
      "will call you back."),
     ("en-us", "Your call has been forwarded to an automatic voice message "
      "system. At the tone, please record your message."),
     ("en-us", "Hey, it's Bob, leave a message."),
     ("de", "Guten Tag, dies ist der Anschluss von Familie Schneider. Bitte "
      "sprechen Sie nach dem Ton."),
     ("fr", "Bonjour, vous êtes bien sur la messagerie de Marie. Laissez un "
      "message après le bip."),
     ("es", "Hola, ahora no puedo atenderte. Deja tu mensaje después de la "
      "señal."),
     ("it", "Risponde la segreteria telefonica. Lasciate un messaggio dopo il "
      "segnale acustico."),
     ("en-gb", "Thank you for calling Carter and Sons. Our office is closed. "
      "Our hours are nine to five.")],
    [("en-us", "You have reached 5 5 5 0 1 0 0. Nobody is available to take "
      "your call. Record your message at the tone."),
     ("en-gb", "Hello, this is Susan. I'm sorry that I missed your call. "
      "Please leave me a message and I'll get back to you."),
     ("en-us", "The wireless customer you have called is not available at "
      "this time. Please try again later."),
     ("en-us", "Hi, this is the Johnson family, we can't come to the phone "
      "right now. You know what to do."),
     ("en-us", "Sorry I missed you, please leave a message."),
     ("de", "Der Teilnehmer ist zur Zeit nicht erreichbar. Sie können nach "
      "dem Signalton eine Nachricht hinterlassen."),
     ("de", "Hallo, hier ist die Mailbox von Thomas Becker. Ich rufe gerne "
      "zurück."),
     ("fr", "Votre correspondant n'est pas disponible. Veuillez laisser un "
      "message après le signal sonore."),
     ("es", "El teléfono al que llama está apagado o fuera de cobertura. Deje "
      "su mensaje."),
     ("nl", "U bent verbonden met de voicemail van Jan de Vries. Spreek een "
      "bericht in na de piep.")])
VARIANTS = (["", "+m3", "+f2", "+f4"], ["+m1", "+m7", "+f3", "+f1"])
SPEEDS = ([150, 175, 205], [140, 165, 190])

# ---- sound -------------------------------------------------------------------


def speak(voice, text, speed, pitch):
    """espeak-ng's samples, as a telephone line passes them."""
    done = subprocess.run(
        ["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), "-p",
         str(pitch), text], check=True, capture_output=True)
    rate = int.from_bytes(done.stdout[24:28], "little")
    x = np.frombuffer(done.stdout[44:], "<i2") / 32768
    spectrum = np.fft.rfft(x)
    spectrum[:round(300 * len(x) / rate)] = 0
    spectrum[round(3400 * len(x) / rate):] = 0
    n = round(len(x) * RATE / rate)
    x = np.fft.irfft(spectrum[:n // 2 + 1], n) * n / len(x)
    loud = np.nonzero(np.abs(x) > 0.01 * np.max(np.abs(x)))[0]
    return x[loud[0]:loud[-1] + 1]


def quiet(seconds):
    return np.zeros(round(seconds * RATE))


def tone(hz, seconds, db=-15.0, ramp=0.002):
    """Sines of that level each; HZ may be a list."""
    t = np.arange(round(seconds * RATE)) / RATE
    hz = hz if isinstance(hz, (list, tuple)) else [hz]
    x = sum(np.sin(2 * np.pi * f * t) for f in hz) * 10 ** (db / 20)
    n = round(ramp * RATE)
    x[:n] *= np.linspace(0, 1, n)
    x[len(x) - n:] *= np.linspace(1, 0, n)
    return x


def level(x):
    return 20 * np.log10(np.sqrt(np.mean(x ** 2) * 2) + 1e-9)


def at_level(x, db):
    return x * 10 ** ((db - level(x)) / 20)


def noise(rng, count, kind):
    white = rng.standard_normal(count)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white)
    hz = np.fft.rfftfreq(count, 1 / RATE) + 1
    if kind == "pink":
        spectrum *= hz ** -0.5
    elif kind == "car":
        spectrum *= 1 / (1 + (hz / 200) ** 2)
    elif kind == "hum":
        return white * 0.1 + sum(np.sin(2 * np.pi * 50 * k * np.arange(count)
                                        / RATE + k) / k for k in range(1, 8))
    return np.fft.irfft(spectrum, count)


def music(rng, seconds):
    """A tune of plucked chords."""
    x = quiet(seconds)
    for at in np.arange(0, seconds - 0.3, 0.27):
        root = 220 * 2 ** (rng.integers(0, 12) / 12)
        t = np.arange(round(0.5 * RATE)) / RATE
        chord = sum(np.sin(2 * np.pi * root * r * t) * np.exp(-t * (4 + i))
                    for i, r in enumerate((1, 1.26, 1.5, 2, 3)))
        begin = round(at * RATE)
        x[begin:begin + len(chord)] += chord[:len(x) - begin]
    return x


def g711(x, law):
    """Companded to 8 bits and back, by the formula."""
    x = np.clip(x, -1, 1)
    mu = 255 if law == "u" else 87.6
    if law == "u":
        y = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
        y = np.round(y * 127) / 127
        return np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu
    a = np.abs(x)
    y = np.where(a < 1 / mu, mu * a, 1 + np.log(np.maximum(mu * a, 1))) / (
        1 + np.log(mu))
    y = np.round(y * 127) / 127
    a = np.where(y < 1 / (1 + np.log(mu)), y * (1 + np.log(mu)) / mu,
                 np.exp(y * (1 + np.log(mu)) - 1) / mu)
    return np.sign(x) * a


def pcm(x):
    return (np.clip(x, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()


def gsm(x):
    raw = ["-t", "raw", "-r", str(RATE), "-e", "signed", "-b", "16", "-c", "1"]
    coded = subprocess.run(["sox", *raw, "-", "-t", "gsm", "-"], input=pcm(x),
                           check=True, capture_output=True).stdout
    back = subprocess.run(["sox", "-t", "gsm", "-r", str(RATE), "-", *raw, "-"],
                          input=coded, check=True, capture_output=True).stdout
    return np.frombuffer(back, "<i2") / 32768


# ---- items -------------------------------------------------------------------


class Maker:
    """Makes the items of one half: each from a seed of its own."""

    def __init__(self, half):
        self.half = half
        self.side = HALVES.index(half)

    def _speech(self, r, texts, i):
        voice, text = texts[self.side][i % len(texts[self.side])]
        variant = VARIANTS[self.side][r.integers(0, 4)]
        speed = SPEEDS[self.side][r.integers(0, 3)]
        x = speak(voice + variant, text, speed, int(r.integers(25, 75)))
        return at_level(x, -r.uniform(11, 24))

    def _beep(self, r):
        """One of many kinds, and whether it is to be told."""
        kind = r.integers(0, 6)
        hz = r.uniform(380, 1950)
        db = -r.uniform(8, 24)
        if kind == 0:  # short and high
            return tone(r.uniform(900, 1900), r.uniform(0.17, 0.3), db)
        if kind == 1:  # long
            return tone(hz, r.uniform(0.9, 1.8), db)
        if kind == 2:  # two in a row, the last one counts
            one = tone(hz, 0.2, db)
            return np.concatenate([one, quiet(0.12), one])
        if kind == 3:  # with a tail that fades
            x = tone(hz, 0.6, db)
            x[len(x) * 2 // 3:] *= np.linspace(1, 0.4, len(x) - len(x) * 2 // 3)
            return x
        if kind == 4:  # with a little of its octave
            return tone(hz, 0.45, db) + tone(min(2 * hz, 3200), 0.45, db - 18)
        return tone(hz, r.uniform(0.3, 0.7), db)

    def human(self, r, i):
        said = self._speech(r, HUMAN, i)
        before = r.uniform(0.15, 1.6)
        x = np.concatenate([quiet(before), said, quiet(4.5)])
        return x, {"label": "human", "end": before + len(said) / RATE}

    def machine(self, r, i):
        said = self._speech(r, MACHINE, i)
        before = r.uniform(0.2, 1.2)
        parts, beep = [quiet(before), said], None
        if i % 6 == 5:  # a tune before it
            tune = at_level(music(r, 1.5), -22)
            parts = [quiet(before), tune, quiet(0.2), said]
        if i % 10 == 4 or i % 7 != 6:  # the shortest greeting has one always
            parts += [quiet(r.uniform(0.15, 1.2)), self._beep(r)]
            beep = sum(map(len, parts)) / RATE
        parts.append(quiet(3))
        return np.concatenate(parts), {"label": "machine", "beep": beep}

    def beep_only(self, r, i):
        """A machine whose greeting is nothing but its beep."""
        x = [quiet(r.uniform(0.5, 1.5)),
             tone(r.uniform(700, 1800), r.uniform(0.3, 0.9), -r.uniform(8, 22))]
        return np.concatenate([*x, quiet(3)]), {
            "label": "machine", "beep": sum(map(len, x)) / RATE}

    def fax(self, r, i):
        db = -r.uniform(10, 26)
        if i % 3 == 0:
            x = [tone(1100 * r.uniform(0.99, 1.01), 0.5, db), quiet(3)] * 2
            name = "cng"
        else:
            x = tone(2100 * r.uniform(0.995, 1.005), r.uniform(2.6, 4), db)
            if i % 3 == 2:  # V.25: its phase is turned each 450 ms
                x *= np.where(np.arange(len(x)) // 3600 % 2, -1, 1)
            x, name = [x], "ced"
        return np.concatenate([quiet(r.uniform(0.3, 2)), *x, quiet(1)]), {
            "label": "fax", "tone": name}

    def silence(self, r, i):
        return quiet(6), {"label": "silence"}

    CADENCES = {
        "busy": [([480, 620], (.5, .5)), (400, (.375, .375)),
                 (425, (.48, .48)), (440, (.5, .5))],
        "reorder": [([480, 620], (.25, .25)), (400, (.4, .35, .225, .525)),
                    (425, (.24, .24)), (440, (.25, .25))],
        "ringback": [([440, 480], (2, 4)), ([400, 450], (.4, .2, .4, 2)),
                     (425, (1, 4)), (440, (1.5, 3.5))]}

    def cadence(self, r, i):
        name = ("ringback", "busy", "ringback", "reorder")[i // 4 % 4]
        hz, steps = self.CADENCES[name][i % 4]
        x, db = [quiet(r.uniform(0.1, 1))], -r.uniform(10, 28)
        while sum(map(len, x)) < 13 * RATE or len(x) < 2 * len(steps) + 1:
            for k, seconds in enumerate(steps):
                seconds *= r.uniform(0.97, 1.03)
                x.append(quiet(seconds) if k % 2 else tone(hz, seconds, db))
        return np.concatenate(x), {"tone": name}

    def answered_ringing(self, r, i):
        """A switchboard answers, it rings on, then somebody is there."""
        hz, steps = self.CADENCES["ringback"][i % 4]
        x, db = [quiet(r.uniform(0.1, 0.5))], -r.uniform(10, 24)
        while sum(map(len, x)) < 6 * RATE:
            for k, seconds in enumerate(steps):
                x.append(quiet(seconds) if k % 2 else tone(hz, seconds, db))
        x[-1] = x[-1][:round(r.uniform(0.5, 0.9) * len(x[-1]))]
        x.append(self._speech(r, HUMAN, i * 3))
        end = sum(map(len, x)) / RATE
        return np.concatenate([*x, quiet(3)]), {
            "label": "human", "end": end, "tone": "*"}

    SITS = {"sit_intercept": ((913.8, .274), (1370.6, .274), (1776.7, .38)),
            "sit_vacant": ((985.2, .38), (1370.6, .274), (1776.7, .38)),
            "sit_reorder": ((913.8, .274), (1428.5, .38), (1776.7, .38)),
            "sit_no_circuit": ((985.2, .38), (1428.5, .38), (1776.7, .38)),
            "sit": ((950, .33), (1400, .33), (1800, .33))}

    def sit(self, r, i):
        name = list(self.SITS)[i % 5]
        gap, db = (0, 0.02, 0.03)[i // 5 % 3], -r.uniform(10, 26)
        x = [quiet(r.uniform(0.2, 1))]
        for hz, seconds in self.SITS[name]:
            x += [tone(hz * r.uniform(0.997, 1.003), seconds, db), quiet(gap)]
        x += [quiet(0.4), self._speech(r, MACHINE, i + 1)]
        return np.concatenate([*x, quiet(1)]), {"label": "machine",
                                                "tone": name}

    # name, how many in a half at full size
    KINDS = (("human", 58), ("machine", 52), ("beep_only", 8), ("fax", 21),
             ("silence", 20), ("cadence", 24), ("answered_ringing", 8),
             ("sit", 15))

    def line(self, r, x):
        """Noise and codec of a line."""
        db = level(x[np.abs(x) > 0.002]) if np.any(np.abs(x) > 0.002) else -20
        kind = ("none", "white", "pink", "car", "hum")[r.integers(0, 5)]
        if kind != "none":
            floor = max(-62, db - r.uniform(20, 42))
            x = x + at_level(noise(r, len(x), kind), floor)
        codec = ("u", "a", "gsm")[r.integers(0, 3)]
        return (gsm(x) if codec == "gsm" else g711(x, codec)), kind, codec

    def item(self, kind, i):
        r = np.random.default_rng([self.side, 2, *kind.encode(), i])
        x, facts = getattr(self, kind)(r, i)
        x, noisy, codec = self.line(r, x)
        return {"file": f"{kind}-{i:03}-{noisy}-{codec}.wav", **facts}, x


def write(path, x):
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(pcm(x))


FIELDS = ("file", "label", "tone", "beep", "end")


def make(folder, share=1.0):
    """Both halves; SHARE: of the whole size. The rows of labels.csv a half."""
    folder, rows = pathlib.Path(folder), {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for half in HALVES:
            maker = Maker(half)
            (folder / half).mkdir(parents=True, exist_ok=True)
            work = [(kind, i) for kind, n in Maker.KINDS
                    for i in range(max(1, round(n * share)))]

            def one(what, maker=maker, half=half):
                row, x = maker.item(*what)
                write(folder / half / row["file"], x)
                return row

            rows[half] = list(pool.map(one, work))
            with open(folder / half / "labels.csv", "w", newline="") as f:
                w = csv.DictWriter(f, FIELDS)
                w.writeheader()
                for row in rows[half]:
                    w.writerow({k: "" if row.get(k) is None else
                                f"{row[k]:.3f}" if isinstance(row[k], float)
                                else row[k] for k in FIELDS})
    return rows


def make_once(folder, share=1.0):
    """As make(), unless this very program has made it there before."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    with open(folder / "made.json", "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        text = f.read()
        before = json.loads(text) if text else {}
        if before.get("stamp") == stamp:
            return before["rows"]
        for half in HALVES:  # what an older one has left
            for old in (folder / half).glob("*.wav"):
                old.unlink()
        rows = make(folder, share)
        f.truncate(0)
        json.dump({"stamp": stamp, "rows": rows}, f)
        return rows


if __name__ == "__main__":
    made = make(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(", ".join(f"{half}: {len(rows)}" for half, rows in made.items()))
