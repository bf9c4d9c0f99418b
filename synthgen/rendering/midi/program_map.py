"""Which instrument of a model plays a General MIDI program."""

from __future__ import annotations

from collections.abc import Iterable

from synthgen import checks
from synthgen.checks import UserError
from synthgen.data.general_midi import BY_NAME, PROGRAMS
from synthgen.data.layout import FAMILIES
from synthgen.rendering.request import Repertoire


def parse_map(text: str | None, repertoire: Repertoire) -> dict[int, str]:
    """Instruments by program.

    Args:
        text: PROGRAM=INSTRUMENT,..., a program by its number, 0 to 127, or its General MIDI name, an instrument by its
            name or the file of one that was fitted to recordings.
        repertoire: What the model can play.

    Raises:
        UserError: a part that does not read so, or names an unknown program or instrument, or a program twice.
    """
    chosen: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        left, equals, right = (word.strip() for word in part.partition("="))
        if not equals:
            raise UserError(f"program_map={part!r} must read PROGRAM=INSTRUMENT, e.g. '0=acoustic grand piano'")
        program = _program(left)
        if program in chosen:
            raise UserError(f"program_map={text!r} names program {program} twice; remove one")
        name = repertoire.instrument(right)
        chosen[program] = name if name in repertoire.instruments else right  # a file is known by its path alone
    return chosen


def choose(programs: Iterable[int], chosen: dict[int, str], repertoire: Repertoire) -> tuple[dict[int, str], list[str]]:
    """An instrument for every program, and a remark on each whose own the model lacks.

    What `chosen` leaves open is played by the instrument of that name, or else by the nearest one of its family, or
    else by the nearest of all, program numbers being near where sounds are.
    """
    instruments, remarks = dict(chosen), []
    for program in sorted(set(programs) - set(chosen)):
        name = PROGRAMS[program].name
        same = [own for own in repertoire.instruments if own.lower() == name]
        instruments[program] = same[0] if same else _nearest(program, repertoire.instruments)
        if not same:
            remarks.append(f"program {program} ({name}) is played by {instruments[program]!r}")
    return instruments, remarks


def _program(text: str) -> int:
    if text.isdecimal():
        number = int(text[:9])
        checks.between("program", number, 0, len(PROGRAMS) - 1)
        return number
    checks.one_of("program", text.lower(), BY_NAME)
    return BY_NAME[text.lower()].number


def _nearest(program: int, names: Iterable[str]) -> str:
    """Of the same family if there is one, then by number; names that General MIDI lacks come last in their family."""

    def distance(name: str) -> tuple[bool, int]:
        known = BY_NAME.get(name.lower())
        family = known.family if known else next((family for family in FAMILIES if name.startswith(family)), None)
        return family != PROGRAMS[program].family, abs(known.number - program) if known else len(PROGRAMS)

    return min(names, key=distance)
