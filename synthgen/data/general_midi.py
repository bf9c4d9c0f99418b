"""The 128 programs of General MIDI, with NSynth's family and source for each.

Names: General MIDI System Level 1 (MIDI Manufacturers Association, 1991), in lower case. Programs count from 0, as in a
program change message; lists that count from 1 are one ahead. NSynth has no family for drums and effects: those stand
where their sound comes closest (struck things with the mallets, pads and effects with the synthesizers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthgen import checks
from synthgen.checks import UserError

_TABLE = """
keyboard acoustic: acoustic grand piano, bright acoustic piano
keyboard electronic: electric grand piano
keyboard acoustic: honky-tonk piano
keyboard electronic: electric piano 1, electric piano 2
keyboard acoustic: harpsichord
keyboard electronic: clavinet
mallet acoustic: celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells
string acoustic: dulcimer
organ electronic: drawbar organ, percussive organ, rock organ
organ acoustic: church organ, reed organ, accordion
reed acoustic: harmonica
organ acoustic: tango accordion
guitar acoustic: acoustic guitar (nylon), acoustic guitar (steel)
guitar electronic: electric guitar (jazz), electric guitar (clean), electric guitar (muted)
guitar electronic: overdriven guitar, distortion guitar, guitar harmonics
bass acoustic: acoustic bass
bass electronic: electric bass (finger), electric bass (pick), fretless bass, slap bass 1, slap bass 2
bass synthetic: synth bass 1, synth bass 2
string acoustic: violin, viola, cello, contrabass, tremolo strings, pizzicato strings, orchestral harp
mallet acoustic: timpani
string acoustic: string ensemble 1, string ensemble 2
string synthetic: synth strings 1, synth strings 2
vocal acoustic: choir aahs, voice oohs
vocal synthetic: synth voice
string acoustic: orchestra hit
brass acoustic: trumpet, trombone, tuba, muted trumpet, french horn, brass section
brass synthetic: synth brass 1, synth brass 2
reed acoustic: soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet
flute acoustic: piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina
synth_lead synthetic: lead 1 (square), lead 2 (sawtooth), lead 3 (calliope), lead 4 (chiff)
synth_lead synthetic: lead 5 (charang), lead 6 (voice), lead 7 (fifths), lead 8 (bass + lead)
synth_lead synthetic: pad 1 (new age), pad 2 (warm), pad 3 (polysynth)
vocal synthetic: pad 4 (choir)
synth_lead synthetic: pad 5 (bowed), pad 6 (metallic), pad 7 (halo), pad 8 (sweep)
synth_lead synthetic: fx 1 (rain), fx 2 (soundtrack), fx 3 (crystal), fx 4 (atmosphere)
synth_lead synthetic: fx 5 (brightness), fx 6 (goblins), fx 7 (echoes), fx 8 (sci-fi)
guitar acoustic: sitar, banjo, shamisen
string acoustic: koto
mallet acoustic: kalimba
reed acoustic: bag pipe
string acoustic: fiddle
reed acoustic: shanai
mallet acoustic: tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom
mallet synthetic: synth drum
mallet acoustic: reverse cymbal
guitar acoustic: guitar fret noise
flute acoustic: breath noise
synth_lead synthetic: seashore, bird tweet, telephone ring, helicopter, applause, gunshot
"""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One melodic program.

    Attributes:
        number: 0 to 127.
        name: In lower case, e.g. ``"church organ"``.
        family: One of `layout.FAMILIES`.
        source: One of `layout.SOURCES`.
    """

    number: int
    name: str
    family: str
    source: str


def _programs() -> tuple[Program, ...]:
    rows = [line.partition(": ") for line in _TABLE.strip().splitlines()]
    flat = [(*kind.split(), name) for kind, _, names in rows for name in names.split(", ")]
    return tuple(Program(number=i, name=name, family=f, source=s) for i, (f, s, name) in enumerate(flat))


PROGRAMS = _programs()
BY_NAME = {program.name: program for program in PROGRAMS}


def parse_programs(text: str) -> tuple[int, ...]:
    """Program numbers in a list of numbers, ranges and names, ascending and without repetition.

    Args:
        text: E.g. ``"0-15,40,flute"``, or ``"all"``; ranges are inclusive.

    Raises:
        UserError: an unknown name, or a number outside 0 to 127.

    >>> parse_programs("flute, 0-2, 40:41")
    (0, 1, 2, 40, 41, 73)
    """
    if text.strip().lower() == "all":
        return tuple(range(len(PROGRAMS)))
    found: set[int] = set()
    for part in filter(None, (part.strip().lower() for part in text.split(","))):
        span = re.fullmatch(r"(\d{1,9})(?:\s*[-:]\s*(\d{1,9}))?", part)
        if span:
            found.update(_span("programs", span[1], span[2] or span[1], 0, len(PROGRAMS) - 1))
        else:
            checks.one_of("programs", part, BY_NAME)
            found.add(BY_NAME[part].number)
    return _not_empty("programs", found, text)


def parse_numbers(name: str, text: str, low: int, high: int) -> tuple[int, ...]:
    """Whole numbers in a list of numbers and inclusive ranges LOW:HIGH[:STEP], ascending and without repetition.

    Raises:
        UserError: not such a list, or a number outside `low` to `high`; the message begins with `name`.

    >>> parse_numbers("pitches", "60:72:4,21", 0, 127)
    (21, 60, 64, 68, 72)
    """
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        span = re.fullmatch(r"(\d{1,9})(?::(\d{1,9})(?::([1-9]\d{0,8}))?)?", part)
        if span is None:
            raise UserError(f"{name}={part!r} must be whole numbers or ranges LOW:HIGH[:STEP], such as {low}:{high}")
        first, last, step = span.groups()
        found.update(_span(name, first, last or first, low, high)[:: int(step or 1)])
    return _not_empty(name, found, text)


def _span(name: str, first: str, last: str, low: int, high: int) -> range:
    for number in (first, last):
        checks.between(name, int(number), low, high)
    return range(int(first), int(last) + 1)


def _not_empty(name: str, found: set[int], text: str) -> tuple[int, ...]:
    if not found:
        raise UserError(f"{name}={text!r} must name at least one; write ranges from low to high")
    return tuple(sorted(found))
