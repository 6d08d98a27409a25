#!/usr/bin/env python3
"""Makes Tandem's hold music: a 24-second loop, composed here, no recording of anybody's.

    python3 tools/hold-music/make.py            writes hold-music.wav beside this file

Eight bars at 80 beats a minute: a soft pad, a bass, and an electric piano that picks the chords. Every note's tail is
wrapped around the end of the loop, so the seam cannot be heard. 8 kHz, mono, µ-law, -18 dBFS. The same bytes come
out on every machine; only Python's standard library is used.
"""

import math
import pathlib
import struct

RATE = 8000
BEAT = 0.75
BARS = 8
LENGTH = int(RATE * BEAT * 4 * BARS)
LEVEL_DBFS = -18.0

# MIDI notes. F major: Fmaj9, Dm7, Bbmaj7, C9sus, Am7, Dm9, Gm9, C7.
CHORDS = [
    (41, (57, 60, 64, 67)),
    (38, (57, 60, 62, 65)),
    (34, (57, 58, 62, 65)),
    (36, (58, 60, 62, 67)),
    (33, (55, 57, 60, 64)),
    (38, (57, 60, 64, 65)),
    (43, (57, 58, 62, 65)),
    (36, (58, 60, 64, 67)),
]
# Eighth notes of a bar: which note of the chord, in which octave; None is a rest.
PICKS = [
    ((0, 0), (2, 0), (1, 1), (3, 0), None, (2, 0), (0, 1), (1, 0)),
    ((1, 0), (3, 0), None, (0, 1), (2, 0), None, (1, 1), (3, 0)),
]
# A sparse tune over it: bar, beat, note, beats.
TUNE = [
    (0, 0.0, 76, 1.5), (0, 2.0, 79, 1.0), (0, 3.0, 81, 1.0),
    (1, 0.0, 77, 2.5), (1, 3.0, 76, 1.0),
    (2, 0.0, 74, 1.5), (2, 2.0, 77, 2.0),
    (3, 0.5, 79, 3.0),
    (4, 0.0, 76, 1.5), (4, 2.0, 72, 1.0), (4, 3.0, 74, 1.0),
    (5, 0.0, 77, 2.0), (5, 2.5, 76, 1.5),
    (6, 0.0, 74, 1.5), (6, 2.0, 70, 2.0),
    (7, 0.5, 72, 3.0),
]


def hertz(note):
    return 440.0 * 2.0 ** ((note - 69) / 12)


def add(loop, start, seconds, voice):
    """Adds voice(t) from `start`, around the seam if it is longer than what is left."""
    first = int(start * RATE)
    for i in range(int(seconds * RATE)):
        loop[(first + i) % LENGTH] += voice(i / RATE)


def piano(note, loudness):
    f = hertz(note)

    def voice(t):
        attack = min(t / 0.006, 1.0)
        bell = 0.35 * math.exp(-t * 6) * math.sin(2 * math.pi * 2 * f * t)
        body = math.sin(2 * math.pi * f * t + 0.6 * math.exp(-t * 4) * math.sin(2 * math.pi * f * t))
        return loudness * attack * (math.exp(-t * 2.2) * body + attack * bell)

    return voice


def pad(note, seconds, loudness):
    f = hertz(note)

    def voice(t):
        swell = math.sin(math.pi * min(max(t / seconds, 0.0), 1.0)) ** 2
        return loudness * swell * (
            math.sin(2 * math.pi * f * 0.998 * t) + math.sin(2 * math.pi * f * 1.002 * t)
        )

    return voice


def bass(note, loudness):
    f = hertz(note + 12)

    def voice(t):
        attack = min(t / 0.012, 1.0)
        tone = math.sin(2 * math.pi * f * t) + 0.3 * math.sin(4 * math.pi * f * t)
        return loudness * attack * math.exp(-t * 1.6) * tone

    return voice


def ulaw(sample):
    sign = 0x80 if sample < 0 else 0
    level = min(abs(sample), 32635) + 132
    exponent = level.bit_length() - 8
    return ~(sign | exponent << 4 | (level >> (exponent + 3)) & 0x0F) & 0xFF


def compose():
    loop = [0.0] * LENGTH
    for bar, (root, chord) in enumerate(CHORDS):
        start = bar * 4 * BEAT
        for note in chord:
            # Pads overlap: each begins half a bar early.
            add(loop, (start - 2 * BEAT) % (LENGTH / RATE), 6 * BEAT, pad(note, 6 * BEAT, 0.10))
        add(loop, start, 2.6, bass(root, 0.42))
        add(loop, start + 2.5 * BEAT, 1.2, bass(root, 0.25))
        for eighth, pick in enumerate(PICKS[bar % len(PICKS)]):
            if pick is not None:
                index, octave = pick
                loudness = 0.26 if eighth % 4 == 0 else 0.19
                add(loop, start + eighth * BEAT / 2, 2.0, piano(chord[index] + 12 * octave, loudness))
    for bar, beat, note, beats in TUNE:
        add(loop, (bar * 4 + beat) * BEAT, beats * BEAT + 1.0, piano(note, 0.30))
    return loop


def main():
    loop = compose()
    rms = math.sqrt(sum(s * s for s in loop) / LENGTH)
    gain = 32768 * 10 ** (LEVEL_DBFS / 20) / rms
    # A soft knee rather than a clip for the few peaks.
    data = bytes(ulaw(int(round(26000 * math.tanh(s * gain / 26000)))) for s in loop)
    fmt = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<I", LENGTH)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"fact" + struct.pack("<I", len(fact)) + fact
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path = pathlib.Path(__file__).with_name("hold-music.wav")
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    print(f"{path}: {LENGTH / RATE:.0f} s, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
