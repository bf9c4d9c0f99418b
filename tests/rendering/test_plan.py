import pytest

from synthgen.checks import UserError
from synthgen.rendering.plan import grid, read_csv, stem
from synthgen.rendering.request import Repertoire, Request

REPERTOIRE = Repertoire(instruments=("church organ", "flute"), pitches=(48.0, 72.0), velocities=(25.0, 127.0))
GOOD = "instrument,pitch,velocity,seed\nflute,A3,100,7\nchurch_organ,60.5,25,\n"


def write(folder, text):
    path = folder / "plan.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_plan_is_read_in_the_models_own_names(tmp_path):
    plan = read_csv(write(tmp_path, GOOD), REPERTOIRE)
    assert plan.requests == (
        Request(instrument="flute", pitch=57.0, velocity=100.0, seed=7),
        Request(instrument="church organ", pitch=60.5, velocity=25.0, seed=0),
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        "pitch,seed,instrument,velocity\n57,7,Flute,100\n60.5,0,church organ,25.0\n",
        'instrument,pitch,velocity,seed\n"flute=1",57,100,7\n"church organ",60.50,25,0',
    ],
)
def test_how_a_plan_is_written_does_not_change_it(tmp_path, text):
    plans = [read_csv(write(tmp_path, t), REPERTOIRE) for t in (GOOD, text)]
    assert plans[0].digest() == plans[1].digest()


def test_a_plan_holds_blends(tmp_path):
    (request,) = read_csv(
        write(tmp_path, 'velocity,pitch,instrument\n9,60,"flute=0.5,church organ=0.5"'), REPERTOIRE
    ).requests
    assert request.instrument == {"church organ": 0.5, "flute": 0.5}
    assert stem(request) == "church_organ_0.5_flute_0.5-060-009"


def test_the_digest_tells_plans_apart(tmp_path):
    texts = [GOOD, GOOD.replace("A3", "A#3"), GOOD.replace("100,7", "100,8"), GOOD.replace("flute", "church organ")]
    assert len({read_csv(write(tmp_path, text), REPERTOIRE).digest() for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "fluet,60,100,0",
            r"plan.csv, line 3, column instrument: instrument='fluet' is not known; did you mean 'flute'",
        ),
        ("flute,999,100,0", r"plan.csv, line 3, column pitch: pitch=999 must be between 48 and 72"),
        ("flute,,100,0", r"plan.csv, line 3, column pitch: pitch='' must be a MIDI number"),
        ("flute,60,0,0", r"plan.csv, line 3, column velocity: velocity=0 must be a number between 1 and 127"),
        ("flute,60,100,x", r"plan.csv, line 3, column seed: seed='x' must be a whole number"),
        ('"flute=0.5,church organ=0.2",60,100,0', r"line 3, column instrument: weights of a blend .* sum up to 0.7"),
        ("flute,60,100", r"plan.csv, line 3: has 3 cells, the header has 4"),
        ("flute=0.5,church organ=0.5,60,100,0", r"line 3: has 5 cells, the header has 4; quote names that hold commas"),
        (
            "flute,A3,100,7",
            r"plan.csv, line 3: note flute-057-100-s7 is asked for twice; remove one, or give it another",
        ),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path, row, message):
    lines = GOOD.splitlines()
    path = write(tmp_path, "\n".join([*lines[:2], row, lines[2]]))
    with pytest.raises(UserError, match=message):
        read_csv(path, REPERTOIRE)
    plan = read_csv(path, REPERTOIRE, skip_bad=True)
    assert plan.requests == read_csv(write(tmp_path, GOOD), REPERTOIRE).requests
    assert len(plan.skipped) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "instrument,pitch\nflute,60",
            r"plan.csv, line 1: lacks column velocity; the first line must name columns instr",
        ),
        ("", r"plan.csv, line 1: lacks column instrument, pitch, velocity; "),
        ("instrument,pitch,velocity,sede\n", r"plan.csv, line 1: column='sede' is not known; did you mean 'seed'\?"),
        ("instrument,pitch,velocity,pitch\n", r"plan.csv, line 1: column pitch is there twice"),
        ("instrument,pitch,velocity\n", r"plan.csv: asks for no notes; ask for at least one"),
        (b"instrument,pitch,velocity\nfl\xfcte,60,100", r"plan.csv: is not UTF-8 text"),
        ('instrument,pitch,velocity\nflute,60,100\n"flute,60,100', r"plan.csv, line 3: is not CSV \(unexpected end"),
        (GOOD.splitlines()[0] + "\n" + "x" * 200_000, r"plan.csv, line 2: is not CSV \(field larger than"),
    ],
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_file_that_is_no_plan(tmp_path, text, message, skip_bad):
    with pytest.raises(UserError, match=message):
        read_csv(write(tmp_path, text), REPERTOIRE, skip_bad=skip_bad)


def test_a_plan_of_bad_rows_alone(tmp_path):
    with pytest.raises(UserError, match=r"plan.csv: asks for no good notes"):
        read_csv(write(tmp_path, "instrument,pitch,velocity\nflute,1,1"), REPERTOIRE, skip_bad=True)


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none.csv: cannot read \(No such file or directory\); give a CSV of columns"):
        read_csv(tmp_path / "none.csv", REPERTOIRE)


def test_a_name_too_long_for_a_file_is_found_before_rendering(tmp_path):
    instruments = tuple(f"instrument number {i} of many" for i in range(8))
    many = Repertoire(instruments=instruments, pitches=(0.0, 127.0))
    blend = ",".join(f"{name}=0.125" for name in instruments)
    with pytest.raises(UserError, match=r"plan.csv, line 2: note name .* must have at most 200 bytes"):
        read_csv(write(tmp_path, f'instrument,pitch,velocity\n"{blend}",60,100'), many)


def test_file_names_tell_requests_apart():
    one = {"instrument": "flute", "pitch": 60.0, "velocity": 100.0}
    requests = [one, one | {"seed": 1}, one | {"pitch": 60.25}, one | {"velocity": 10.0}, one | {"pitch": 6.0}]
    names = [stem(Request(**r)) for r in requests]
    assert names == ["flute-060-100", "flute-060-100-s1", "flute-060.25-100", "flute-060-010", "flute-006-100"]


def test_a_grid_is_every_combination():
    plan = grid(REPERTOIRE, instruments="Flute,church_organ", pitches="48:72:12,C#4", velocities="25,100", seed=3)
    assert len({stem(r) for r in plan.requests}) == 2 * 4 * 2
    assert {r.pitch for r in plan.requests} == {48, 60, 72, 61}
    assert {r.seed for r in plan.requests} == {3}


def test_a_grid_is_all_that_the_model_plays_unless_told():
    plan = grid(REPERTOIRE)
    assert len(plan.requests) == 2 * 25 * 2
    assert {r.velocity for r in plan.requests} == {25, 127}


def test_ranges_hold_both_ends():
    pitches = [r.pitch for r in grid(REPERTOIRE, pitches="C4:C5:0.1", velocities="9", instruments="flute").requests]
    assert len(pitches) == 121
    assert (pitches[0], pitches[-1]) == (60, pytest.approx(72))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"instruments": "fluet"}, r"instrument='fluet' is not known; did you mean 'flute'"),
        ({"pitches": "40:60"}, r"pitch=40 must be between 48 and 72"),
        ({"pitches": "60:50"}, r"pitches='60:50' must rise; write the lower end first"),
        ({"pitches": "48:60:0"}, r"step of pitches=0.0 must be between 0.01 and 127"),
        ({"pitches": "48:60:x"}, r"step='x' of pitches must be a number"),
        ({"pitches": "48:60:1:2"}, r"pitches='48:60:1:2' must read LOW:HIGH or LOW:HIGH:STEP"),
        ({"pitches": "60,60"}, r"--grid: note church_organ-060-025 is asked for twice"),
        ({"velocities": "0:50"}, r"velocity=0 must be a number between 1 and 127"),
        ({"seed": -1}, r"seed=-1 must be a whole number"),
    ],
)
def test_a_bad_grid_is_refused(asked, message):
    with pytest.raises(UserError, match=message):
        grid(REPERTOIRE, **asked)
