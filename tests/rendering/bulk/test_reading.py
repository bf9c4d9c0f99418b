import json

import pytest
from toy_plans import REPERTOIRE, info, names, requests, rows

from synthgen.checks import UserError
from synthgen.rendering.bulk.reading import read
from synthgen.rendering.library import inspect
from synthgen.rendering.request import Repertoire, Request

MODEL = info(REPERTOIRE)
GOOD = "instrument,pitch,velocity,seed\nflute,A3,100,7\nchurch_organ,60.5,25,\n"


def write(folder, text):
    path = folder / "plan.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_plan_is_read_in_the_models_own_names(tmp_path):
    plan = read(write(tmp_path, GOOD), MODEL)
    assert requests(plan) == [
        Request(instrument="flute", pitch=57.0, velocity=100.0, seed=7),
        Request(instrument="church organ", pitch=60.5, velocity=25.0, seed=0),
    ]


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
    plans = [read(write(tmp_path, t), MODEL) for t in (GOOD, text)]
    assert plans[0].digest() == plans[1].digest()


def test_a_plan_holds_blends(tmp_path):
    (row,) = rows(read(write(tmp_path, 'velocity,pitch,instrument\n9,60,"flute=0.5,church organ=0.5"'), MODEL))
    assert row.request.instrument == {"church organ": 0.5, "flute": 0.5}
    assert row.name == "church_organ_0.5_flute_0.5-060-009"


def test_the_digest_tells_plans_apart(tmp_path):
    texts = [GOOD, GOOD.replace("A3", "A#3"), GOOD.replace("100,7", "100,8"), GOOD.replace("flute", "church organ")]
    assert len({read(write(tmp_path, text), MODEL).digest() for text in texts}) == len(texts)


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
        read(path, MODEL)
    plan = read(path, MODEL, skip_bad=True)
    assert plan.digest() == read(write(tmp_path, GOOD), MODEL).digest()
    assert requests(plan) == requests(read(write(tmp_path, GOOD), MODEL))
    assert plan.skipped.count == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "instrument,pitch\nflute,60",
            r"plan.csv, line 1: lacks column velocity; there must be columns instr",
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
        read(write(tmp_path, text), MODEL, skip_bad=skip_bad)


def test_a_plan_of_bad_rows_alone(tmp_path):
    with pytest.raises(UserError, match=r"plan.csv: asks for no good notes"):
        read(write(tmp_path, "instrument,pitch,velocity\nflute,1,1"), MODEL, skip_bad=True)


def test_what_bad_rows_name_leaves_no_trace(tmp_path):
    bad = "instrument,pitch,velocity,model\nflute,1,1,\nflute,1,1,spectrogram\n"
    good = "church organ,60,100,\nflute,60,100,\n"
    plans = [read(write(tmp_path, bad + good), MODEL, skip_bad=True)]
    plans.append(read(write(tmp_path, "instrument,pitch,velocity,model\n" + good), MODEL))
    assert plans[0].digest() == plans[1].digest()
    assert plans[0].models == (MODEL,)


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none.csv: cannot read \(No such file or directory\); give a CSV of columns"):
        read(tmp_path / "none.csv", MODEL)


def test_a_name_too_long_for_a_file_is_found_before_rendering(tmp_path):
    instruments = tuple(f"instrument number {i} of many" for i in range(8))
    many = info(Repertoire(instruments=instruments, pitches=(0.0, 127.0)))
    blend = ",".join(f"{name}=0.125" for name in instruments)
    with pytest.raises(UserError, match=r"line 2, column instrument: note name .* must have at most 200 bytes"):
        read(write(tmp_path, f'instrument,pitch,velocity\n"{blend}",60,100'), many)


ROWS = [
    {"instrument": "flute", "pitch": "A3", "velocity": 100, "seed": 7},
    {"instrument": {"church organ": 0.5, "flute": 0.5}, "pitch": 60.5, "velocity": 25.5, "duration": 1.5},
    {"instrument": "flute", "pitch": 60, "velocity": 25, "id": "mine.1"},
]
AS_CSV = """instrument,pitch,velocity,seed,duration,id
flute,A3,100,7,,
"flute=0.5,church organ=0.5",60.5,25.5,,1.5,
flute,60,25,,,mine.1
"""


def jsonl(rows):
    return "\n".join(map(json.dumps, rows)) + "\n"


def save(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def test_formats_say_the_same(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    flat = [{**row, "pitch": str(row["pitch"])} for row in ROWS]
    flat[1]["instrument"] = "flute=0.5,church organ=0.5"
    parquet.write_table(
        pa.Table.from_pylist([{"duration": None, "id": None, **row} for row in flat]), tmp_path / "p.parquet"
    )
    listed = [save(tmp_path, "p.csv", AS_CSV), save(tmp_path, "p.jsonl", jsonl(ROWS)), tmp_path / "p.parquet"]
    plans = [read(path, MODEL) for path in listed]
    assert len({plan.digest() for plan in plans}) == 1
    for plan in plans:
        assert names(plan) == ["flute-057-100-s7", "church_organ_0.5_flute_0.5-060.5-025.5-d1.5", "mine.1"]
        assert [row.seconds for row in rows(plan)] == [None, 1.5, None]
        assert plan.tally() == [(3, 8000 + 24000 + 8000)]


def test_an_nsynth_table_is_a_plan(tmp_path):
    notes = {
        "a-060-025": {"note_str": "a-060-025", "instrument_str": "flute", "instrument": 5, "pitch": 60, "velocity": 25},
        "b": {"instrument_str": "x", "weights": {"flute": 0.25, "church organ": 0.75}, "pitch": 60.0, "velocity": 30},
    }
    plan = read(save(tmp_path, "examples.json", json.dumps(notes)), MODEL)
    assert names(plan) == ["a-060-025", "b"]
    assert requests(plan)[1].instrument == {"church organ": 0.75, "flute": 0.25}
    notes["b"]["pitch"] = 999
    with pytest.raises(UserError, match=r"examples.json, note 'b', column pitch: pitch=999 must be between 48 and 72"):
        read(save(tmp_path, "examples.json", json.dumps(notes)), MODEL)


BAD = {"instrument": "flute", "pitch": 60, "velocity": 100}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (json.dumps(BAD | {"pitch": [60]}), r"line 4, column pitch: pitch='\[60\]' must be a MIDI number"),
        (json.dumps(BAD | {"pitch": True}), r"line 4, column pitch: pitch=True must be"),
        (json.dumps(BAD | {"pitch": None}), r"line 4, column pitch: pitch='' must be"),
        (json.dumps(BAD | {"duration": 0}), r"column duration: duration='0' must be a number of seconds between 0.01"),
        (json.dumps(BAD | {"duration": True}), r"column duration: duration='True' must be a number"),
        (json.dumps(BAD | {"id": "../x"}), r"line 4, column id: id='../x': note name '../x' must be a plain file name"),
        (json.dumps(BAD | {"id": "mine.1"}), r"line 4: note mine.1 is asked for twice"),
        (json.dumps(BAD | {"model": 3}), r"line 4, column model: model='3' must be a bundled model's name or the path"),
        (json.dumps(BAD | {"model": "spectrgram"}), r"column model: model='spectrgram' is not known; did you mean"),
        (json.dumps(BAD | {"instrument": {"flute": "x"}}), r"column instrument: weight of 'flute' in a blend='x'"),
        (json.dumps(BAD | {"sede": 3}), r"line 4: column='sede' is not known; did you mean 'seed'"),
        ('{"pitch": 60, "velocity": 3}', r"line 4: lacks instrument"),
        ('{"pitch": 60, "pitch": 61}', r"line 4: key 'pitch' appears twice"),
        ("[1]", r"line 4: must be a JSON object of columns"),
        ("{", r"line 4: is not JSON \("),
        ("[" * 100_000, r"line 4: is not JSON \("),
    ],
)
def test_a_bad_line_is_named_or_skipped(tmp_path, line, message):
    path = save(tmp_path, "plan.jsonl", f"{jsonl(ROWS)}{line}\n")
    with pytest.raises(UserError, match=message):
        read(path, MODEL)
    plan = read(path, MODEL, skip_bad=True)
    assert len(plan) == 3
    assert plan.digest() == read(save(tmp_path, "good.jsonl", jsonl(ROWS)), MODEL).digest()
    assert plan.skipped.count == 1


def test_values_that_are_equal_but_of_another_type_are_not_mixed_up(tmp_path):
    path = save(tmp_path, "plan.jsonl", jsonl([BAD | {"seed": 1}, BAD | {"seed": True}]))
    with pytest.raises(UserError, match=r"line 2, column seed: seed=True must be a whole number"):
        read(path, MODEL)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.json", "[]", r"p.json: must be a JSON object of one entry a note"),
        ("p.json", "{", r"p.json: is not JSON"),
        ("p.json", '{"a": {}, "a": {}}', r"p.json: key 'a' appears twice"),
        ("p.json", '{"a": []}', r"note 'a': must be a table of labels"),
        ("p.json", '{"a": {"note_str": "b"}}', r"note 'a': note_str='b' must equal the note's key"),
        ("p.parquet", "PAR1", r"p.parquet: is not a readable Parquet file \("),
        ("p.jsonl", "\n", r"p.jsonl: asks for no notes"),
        ("p.jsonl", " " * 1_100_000, r"p.jsonl, line 1: is longer than 1048576 bytes"),
    ],
)
def test_other_files_that_are_no_plan(tmp_path, name, content, message):
    pytest.importorskip("pyarrow")
    with pytest.raises(UserError, match=message):
        read(save(tmp_path, name, content), MODEL)


def test_a_plan_names_several_models(tmp_path, tiny_checkpoint):
    model = inspect(tiny_checkpoint)
    lines = [BAD, BAD | {"model": "spectrogram"}, BAD | {"model": "spectrogram", "pitch": 40}]
    plan = read(save(tmp_path, "p.jsonl", jsonl(lines)), model)
    assert [info.name for info in plan.models] == [model.name, "spectrogram"]
    assert [row.model for row in rows(plan)] == [0, 1, 1]
    assert names(plan) == ["flute-060-100", "flute-060-100-spectrogram", "flute-040-100-spectrogram"]
    assert plan.tally() == [(1, 8000), (2, 128000)]
    with pytest.raises(UserError, match=r"line 1, column pitch: pitch=40 must be between 48 and 72"):
        read(save(tmp_path, "p.jsonl", jsonl([BAD | {"pitch": 40}])), model)


def test_many_rows_take_little_memory(tmp_path):
    lines = "".join(f"flute,{48 + i % 24},{1 + i % 127},{i}\n" for i in range(20_000))
    plan = read(save(tmp_path, "plan.csv", f"instrument,pitch,velocity,seed\n{lines}"), MODEL)
    assert sum(column.nbytes for column in plan._columns.values()) < 50 * len(plan)
    assert plan.row(19_999).request == Request(instrument="flute", pitch=55.0, velocity=61.0, seed=19_999)
