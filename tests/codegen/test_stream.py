"""A stream decides as fresh windows do, in Python and in C alike, and pays only for what is new."""

import ctypes
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.artifacts import write_code
from codegen.host import FLAGS, WARNINGS, CompilerError, NativeStream, compile_c
from codegen.interpret import run
from codegen.plan import Plan
from codegen.stream import Stream
from codegen.streaming import StreamError, stream_plan
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.samples import Samples
from tests import recordings
from tests.c_helpers import compile_shared
from tests.compilers import COMPILERS, SANITIZE, sanitizers_work
from tests.feature_extractors.ops.test_place import gated_plan
from tests.front_end_plan import KWS12, front_end_plan
from tests.fuzz.push import Spent
from tests.random_plans import Draw, deep_plan, random_plan
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

SEEDS = range(8)
PLACED_SEEDS = (0, 1, 2, 3, 5, 8, 12, 13)
"""Of plans whose frames are those around the sound."""


def pushes(rng, total):
    """Sizes of pushes, some of them 0, some of them longer than a window."""
    sizes = []
    while sum(sizes) < total:
        sizes.append(int(rng.choice([0, 1, 7, 25, 50, 75, 100, 150, rng.integers(1, 200), rng.integers(1, 1500)])))
    return sizes


def same_as_fresh(plan, pcm, decisions):
    """Whether decisions equal fresh ones on their windows."""
    count = plan.source.value.shape[0]
    padded = np.pad(pcm, (0, count))  # samples behind the last frame, which nothing reads
    made = [d for d in decisions if d.label >= 0]
    if not made:
        return
    fresh = run(plan, np.stack([padded[d.start : d.start + count] for d in made]))
    for i, d in enumerate(made):
        found = (d.label, d.stage, d.margin, d.visits, d.scores.tolist())
        expected = (fresh.label[i], fresh.stage[i], fresh.margin[i], fresh.visits[i], fresh.scores[i].tolist())
        assert found == expected


def same_as_c(python, native):
    """Whether Python and C say and count the same."""
    for field in ("label", "stage", "margin", "cost", "visits"):
        assert getattr(python, field) == getattr(native, field), field
    for field in ("computes", "hits", *(["scores"] if python.label >= 0 else [])):
        np.testing.assert_array_equal(getattr(python, field), getattr(native, field), field)


KINDS = [(placed, keep) for placed in (False, True) for keep in (False, True)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Plans that stream, with their C: built when first asked for."""
    built = {}

    def get(seed, placed, keep):
        if (seed, placed) not in built:
            plan, pcm = deep_plan(PLACED_SEEDS[seed] if placed else seed, placed)
            folder = tmp_path_factory.mktemp(f"deep{seed}")
            write_code(plan, folder)
            built[seed, placed] = plan, np.concatenate(pcm), folder
        plan, pcm, folder = built[seed, placed]
        if (seed, placed, keep) not in built:
            flags = ("-std=c99", "-O1", *WARNINGS)
            built[seed, placed, keep] = NativeStream(folder, plan.name, flags=flags, keep_samples=keep)
        how = stream_plan(plan)
        return Stream(plan, how.keeping_samples if keep else how), pcm, built[seed, placed, keep]

    return get


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SEEDS), st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_c_equals_python_and_python_a_fresh_run(models, seed, kind, draw):
    stream, pcm, native = models(seed, *kind)
    rng = np.random.default_rng(draw)
    pcm = np.roll(pcm, int(rng.integers(len(pcm))))[:3000]
    native.reset()
    often, at, decisions, spent = rng.choice([0.2, 0.9]), 0, [], Spent(stream.how)
    for size in pushes(rng, len(pcm)):
        part = pcm[at : at + size]
        at += size
        stream.push(part)
        native.push(part)
        spent.push(len(part))
        assert stream.ready == native.ready
        if rng.random() < 0.5:
            spent.centred()
            frames = int(rng.integers(0, 4))
            assert native.centred(frames) == stream.centred(frames)
        if rng.random() < often:
            decision = stream.decide()
            same_as_c(decision, native.decide())
            assert decision.cost <= spent.most
            decisions.append(decision)
            spent = Spent(stream.how) if stream.ready else spent
    same_as_fresh(stream.plan, pcm, decisions)


def plan_kinds(placed):
    """What there is in the plans that are drawn."""
    found = set()
    for seed in PLACED_SEEDS if placed else SEEDS:
        how = stream_plan(deep_plan(seed, placed)[0])
        waiting = how.keeping_samples.waiting
        found |= {"kept"} if how.kept else set()
        found |= {"only a gap"} if set(how.gaps) - how.kept else set()
        found |= {"tiles"} if how.kept_tiles else set()
        found |= {"stride"} if how.stride > 1 else set()
        found |= {"two readers"} if len(how.readers) > 1 else set()
        found |= {"frames on demand"} if any(how.plan.on_demand(n) for n in how.readers) else set()
        found |= {"frames apart"} if how.hop > how.frame else set()
        found |= {"a row at push"} if set(how.readers) - waiting and waiting else set()
        if placed:
            stage = how.plan.scheduled.get("place")
            found |= {"place on demand" if stage is None else f"place in stage {min(stage, 1)}"}
            found |= {"rest"} if any(g.first == g.last for g in how.gaps.values()) else set()
            found |= {"placed tiles"} if how.moved_tiles("place") else set()
            found |= {"known"} if any(how.known(n) for n in how.gaps) else set()
    return found


def test_random_plans_keep_maps_of_every_kind():
    """Maps with a gap that are kept and that are not, kept tiles, strides, frames of two lengths."""
    common = {"kept", "only a gap", "tiles", "stride", "two readers", "frames on demand"}
    assert plan_kinds(False) == common | {"frames apart"}
    places = {"place on demand", "place in stage 0", "place in stage 1"}
    assert plan_kinds(True) == common | places | {"rest", "placed tiles", "known", "a row at push"}


def bursts(seconds):
    """Sound of changing loudness, int16 (seconds * 16000,)."""
    rng = np.random.default_rng(7)
    level = np.repeat(10 ** rng.uniform(0.5, 4, 10 * seconds), 1600)
    return np.clip(rng.normal(size=16_000 * seconds) * level, -32768, 32767).astype(np.int16)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """A plan over log-mel frames, its C as a stream, and ten seconds of sound int16 (n,)."""
    pcm = bursts(10)
    plan = front_end_plan(pcm.reshape(-1, 16000))
    folder = tmp_path_factory.mktemp("frames")
    write_code(plan, folder)
    return plan, NativeStream(folder, plan.name), pcm


@pytest.mark.parametrize("kind", ["speech", "bursts"])
@pytest.mark.parametrize("draw", range(3))
def test_sound_through_the_real_front_end(frames, kind, draw):
    plan, native, pcm = frames
    rng, stream, decisions, at = np.random.default_rng(draw), Stream(plan), [], 0
    pcm = recordings.clips("speech", 10).reshape(-1) if kind == "speech" else pcm
    pcm = pcm[int(rng.integers(100_000)) :][:40_000]
    native.reset()
    while at < len(pcm):
        size = int(rng.choice([320, 640, 1280, rng.integers(1, 5000)]))
        stream.push(pcm[at : at + size])
        native.push(pcm[at : at + size])
        at += size
        decisions.append(stream.decide())
        same_as_c(decisions[-1], native.decide())
    same_as_fresh(plan, pcm, decisions)


def decide_after(stream, pcm, samples):
    """Push the next samples and decide: (decision, the rest)."""
    stream.push(pcm[:samples])
    return stream.decide(), pcm[samples:]


def computed(stream, decision):
    """Names of the maps that were computed for a decision."""
    return {m.name for m, n in zip(stream.plan.maps, decision.computes, strict=True) if n}


def test_a_decision_pays_only_for_what_is_new(frames):
    """The second of two windows that overlap is cheap; where nothing is new, what is kept is not computed at all."""
    plan, _, pcm = frames
    stream = Stream(plan)
    how = stream.how
    assert (how.hop, how.frames, how.stride, how.kept) == (320, 49, 4, {"pw0", "pw1", "pw2"})
    assert set(how.gaps) == {"dw0", "pw0", "dw1", "pw1", "dw2", "pw2"}
    first, pcm = decide_after(stream, pcm, 16000)
    assert first.computes[0] == 49 and computed(stream, first) >= {"dw0", "pw0", "mean1", "head1"}
    second, pcm = decide_after(stream, pcm, how.stride * 320)
    assert second.computes[0] == how.stride and second.cost < first.cost / 3
    third = stream.decide()
    assert not computed(stream, third) & {"log_mel", "dw0", "pw0", "dw1", "pw1"} and third.cost < second.cost
    assert third.scores.tolist() == second.scores.tolist()
    odd, pcm = decide_after(stream, pcm, 320)
    whole = stream.plan.price("pw0") + stream.plan.price("pw1")
    assert odd.cost > second.cost - how.stride * how.frame_price + whole / 2


def test_a_stage_that_was_skipped_finds_what_it_kept_before(frames):
    """What the second stage keeps holds over decisions that leave after the first."""
    plan, _, pcm = frames
    stream = Stream(plan)
    late = {"dw2", "pw2"}
    less = replace(
        stream.how, kept=stream.how.kept - late, gaps={n: g for n, g in stream.how.gaps.items() if n not in late}
    )
    other, stages, cheaper = Stream(plan, less), [], 0
    for part in pcm.reshape(-1, stream.how.stride * 320):
        stream.push(part)
        other.push(part)
        decision, again = stream.decide(), other.decide()
        assert decision.scores.tolist() == again.scores.tolist()
        if decision.stage == 1 and stages[-1:] == [0] and decision.cost < again.cost:
            assert 1 in stages[-6:]
            cheaper += 1
        stages.append(decision.stage)
    assert cheaper


def test_before_a_whole_window_nothing_is_decided(frames):
    plan, native, pcm = frames
    native.reset()
    stream = Stream(plan)
    for part in (pcm[:0], pcm[:1000], pcm[1000 : 48 * 320 + 511]):
        stream.push(part)
        native.push(part)
        decision = native.decide()
        same_as_c(stream.decide(), decision)
        assert (native.ready, decision.label, decision.stage, decision.margin) == (False, -1, -1, 0)
    native.push(pcm[:1])
    assert native.ready and native.decide().label >= 0


def test_null_and_empty_pushes_change_nothing(frames):
    _, native, pcm = frames
    native.reset()
    native.push(pcm[:20_000])
    expected = native.decide()
    native.reset()
    for part in np.split(pcm[:20_000], [0, 0, 5, 5, 512, 16_000]):
        native.push_nothing(0)
        native.push_nothing(7)
        native.push(part)
        native.push(pcm[:0])
    found = native.decide()
    once = stream_plan(frames[0]).push_max  # in pieces they cost more to take
    assert expected.cost <= found.cost <= expected.cost + 6 * once
    same_as_c(expected, replace(found, cost=expected.cost))


def test_a_plan_that_reads_samples_otherwise_says_so(tmp_path):
    """`random_plan` cuts the samples in two ways: Python and the C compiler name them."""
    plan, _ = random_plan(1)
    with pytest.raises(StreamError, match=r"step on by different numbers of them|otherwise than frame by frame"):
        Stream(plan)
    write_code(plan, tmp_path)
    with pytest.raises(CompilerError, match=r"rnd\.h cannot stream: "):
        NativeStream(tmp_path, plan.name)


def test_a_padded_map_over_samples_does_not_stream():
    graph = Graph()
    graph.add("pcm", Samples(16000, 95))
    draw = Draw(0)
    padded = Conv(
        weights=draw.weights(2, 10, 1, 1), stride=(10, 1), pad=(0, 9, 0, 0), dtype="int8", fold_bands=False, group=2,
        **draw.scaling(2, 1e-3),
    )  # fmt: skip
    graph.add("frames", padded, ["pcm"])
    builder = ForestBuilder(2, [Feature("frames", (0, 0, 0))], 0.01)
    node = builder.node()
    builder.set_node(node, 0, 1, builder.leaf(0.0), builder.leaf(1.0))
    builder.tree(node, 0)
    builder.stage()
    with pytest.raises(StreamError, match="map frames reads padding behind the samples"):
        stream_plan(Plan("p", ("a", "b"), graph, builder.finish()))


USER = """\
#define DEEP_IMPLEMENTATION
{define}
#include "deep.h"
deep_context ctx;
int32_t listen(const int16_t *pcm);
int32_t listen(const int16_t *pcm) {{
  deep_init(&ctx);
  deep_push(&ctx, pcm, 5);
  return deep_ready(&ctx) ? deep_decide(&ctx).label : -1;
}}
"""


@pytest.fixture(scope="module", params=[False, True], ids=["all frames", "placed"])
def folder(tmp_path_factory, request):
    """The C of a plan with kept maps and kept tiles."""
    plans = [deep_plan(seed, request.param)[0] for seed in SEEDS]
    plan = next(p for p in plans if stream_plan(p).kept and stream_plan(p).kept_tiles)
    path = tmp_path_factory.mktemp("user")
    write_code(plan, path)
    (path / "user.c").write_text(USER.format(define="#define DEEP_STREAM"))
    return path


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", [["-std=c99"], ["-x", "c++", "-std=c++11"]])
@pytest.mark.parametrize("more", [[], ["-DDEEP_KEEP_SAMPLES", "-DDEEP_WITHIN"]])
def test_the_header_streams_without_a_warning(folder, compiler, language, more):
    flags = [w for w in WARNINGS if language[0] == "-std=c99" or w != "-Wstrict-prototypes"]
    compile_c([folder / "user.c"], folder / "user.o", ["-c", "-O2", *more, *language, *flags], compiler)


def test_samples_are_kept_by_streams_only(folder, tmp_path):
    (tmp_path / "one.c").write_text(USER.format(define="#define DEEP_KEEP_SAMPLES"))
    with pytest.raises(CompilerError, match="define DEEP_STREAM, too"):
        compile_c([tmp_path / "one.c"], tmp_path / "one.o", ["-c", f"-I{folder}"])


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_compiler_streams_the_same(compiler, tmp_path):
    plan, pcm = deep_plan(3)
    write_code(plan, tmp_path)
    native, stream = NativeStream(tmp_path, plan.name, compiler, ("-std=c99", "-O3")), Stream(plan)
    for part in np.array_split(pcm.reshape(-1)[:5000], 40):
        stream.push(part)
        native.push(part)
        same_as_c(stream.decide(), native.decide())


def test_streaming_and_the_eager_baseline_exclude_each_other(folder, tmp_path):
    (tmp_path / "both.c").write_text(USER.format(define="#define DEEP_STREAM\n#define DEEP_EAGER"))
    with pytest.raises(CompilerError, match="define one of them"):
        compile_c([tmp_path / "both.c"], tmp_path / "both.o", ["-c", f"-I{folder}"])


def test_a_file_that_forgets_to_stream_does_not_link(folder, tmp_path):
    """The two contexts differ: a program that mixes them must not come into being."""
    (tmp_path / "main.c").write_text(
        '#include "deep.h"\nstatic deep_context ctx;\nint main(void) { deep_init(&ctx); return 0; }\n'
    )
    with pytest.raises(CompilerError):
        compile_c([tmp_path / "main.c", folder / "user.c"], tmp_path / "main", [f"-I{folder}"])


MAIN = """\
#include <stdio.h>
#define FRAMES_IMPLEMENTATION
#define FRAMES_STREAM
#include "frames.h"
static frames_context ctx;
static int16_t pcm[1000];
int main(int argc, char **argv) {
  FILE *file = fopen(argv[argc - 1], "rb");
  size_t n;
  frames_init(&ctx);
  while ((n = fread(pcm, 2, 777, file)) > 0) {
    frames_result r;
    frames_push(&ctx, pcm, n);
    frames_push(&ctx, NULL, n);
    r = frames_decide(&ctx);
    printf("%d %u\\n", (int)r.label, (unsigned)r.cost);
  }
  fclose(file);
  return 0;
}
"""


@pytest.mark.skipif(not sanitizers_work(), reason="no compiler with a working address sanitizer was found")
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("around", [False, True])
def test_samples_at_full_scale_under_sanitizers(frames, tmp_path, around, keep):
    plan = replace(gated_plan(2), name="frames") if around else frames[0]
    rng, n = np.random.default_rng(0), np.arange(24_000)
    square = np.where(n // 40 % 2, 32767, -32768)
    noise = rng.choice([-32768, 32767], 24_000)
    pcm = np.concatenate([square, noise, np.full(8000, -32768)]).astype("<i2")
    write_code(plan, tmp_path)
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "pcm.raw").write_bytes(pcm.tobytes())
    kept = ["-DFRAMES_KEEP_SAMPLES"] * keep
    compile_c([tmp_path / "main.c"], tmp_path / "main", [*FLAGS, *SANITIZE, *kept], COMPILERS[0])
    done = subprocess.run([tmp_path / "main", tmp_path / "pcm.raw"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    stream, lines = two_streams(plan)[keep], []
    for at in range(0, len(pcm), 777):
        stream.push(pcm[at : at + 777])
        decision = stream.decide()
        lines.append(f"{decision.label} {decision.cost}")
    assert done.stdout.splitlines() == lines


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """A plan with a gate on energies, whose second stage places frames; its C in both ways, samples kept or not."""
    plan = gated_plan(2)
    folder = tmp_path_factory.mktemp("placed")
    write_code(plan, folder)
    return plan, [NativeStream(folder, plan.name, keep_samples=keep) for keep in (False, True)]


def two_streams(plan):
    """(rows at push, samples kept)."""
    how = stream_plan(plan)
    return [Stream(plan, how), Stream(plan, how.keeping_samples)]


def sound(seconds, *at):
    """Noise, and tones of 0.2 s at times `at`, int16 (n,)."""
    rng = np.random.default_rng(3)
    pcm = rng.normal(size=8000 * seconds) * 10
    for start in at:
        first = round(8000 * start)
        pcm[first : first + 1600] += 9000 * np.sin(0.3 * np.arange(1600))
    return pcm.astype(np.int16)


def test_a_decision_that_leaves_at_the_gate_computes_no_frame(placed):
    plan, natives = placed
    for keep, (stream, native) in enumerate(zip(two_streams(plan), natives, strict=True)):
        native.reset()
        index, seen = [m.name for m in plan.maps].index("log_mel"), set()
        for part in np.array_split(sound(6, 3.0), 60):
            stream.push(part)
            native.push(part)
            decision = stream.decide()
            same_as_c(decision, native.decide())
            if decision.label >= 0:
                seen.add(decision.stage)
                assert not keep or decision.stage or decision.computes[index] == 0
        assert seen == {0, 1}
        assert stream.how.keeping_samples.waiting == {"log_mel"}


def test_a_row_is_computed_at_most_once_while_it_is_in_the_window(placed):
    """Each frame that some placed window covered has one row computed, and no other frame has any."""
    plan, _ = placed
    stream, events, covered, pushed = two_streams(plan)[1], 0, set(), 0
    own = stream.row_missing
    done = []

    def watched(name, at):
        missing = own(name, at)
        frame = stream.pushed - stream.how.window + at
        covered.add(frame)
        done.extend([frame] if missing else [])
        return missing

    stream.row_missing = watched
    for part in np.array_split(sound(6, 2.0, 3.1), 90):
        stream.push(part)
        decision = stream.decide()
        events += int(decision.computes[[m.name for m in plan.maps].index("log_mel")])
        pushed = stream.pushed
    assert sorted(done) == sorted(set(done)) == sorted(covered) and events == len(done)
    assert 0 < len(done) < pushed


def test_a_sound_that_stands_still_costs_no_work_while_the_window_slides(placed):
    """The window slides by multiples of the place's step: the place moves back by as much, and all holds."""
    plan, natives = placed
    step, hop = plan.graph["place"].op.step, stream_plan(plan).hop
    trunk = {m.name for m in plan.maps if m.op.family == "trunk" and not m.name.endswith("loudness")} | {"head"}
    for keep, (stream, native) in enumerate(zip(two_streams(plan), natives, strict=True)):
        pcm, still = sound(2, 0.7), 0
        native.reset()
        for part in (pcm[:8000], *np.array_split(pcm[8000:], range(2 * step * hop, 8000, 2 * step * hop))):
            stream.push(part)
            native.push(part)
            decision = stream.decide()
            same_as_c(decision, native.decide())
            made = computed(stream, decision)
            if decision.stage == 1 and not made & trunk:
                still += 1
                assert made <= {"loudness", "place", "peak_loudness"} | ({"log_mel"} if not keep else set())
        assert still >= 3


def test_costs_of_a_stream_that_nobody_asks_stop_short_of_32_bits(frames, monkeypatch):
    plan, _, pcm = frames
    stream = Stream(plan)
    limit = stream.how.decide_max + 10 * stream.how.frame_price
    monkeypatch.setattr("codegen.stream.COST_LIMIT", limit)
    for part in np.array_split(pcm[:20_000], 50):
        stream.push(part)
    assert limit / 2 < stream.decide().cost <= limit


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**128 - 1), st.integers(0, 140), st.integers(0, 140), st.integers(0, 140))
def test_memo_bits_slide(bits, first, last, by):
    head = "void slide(uint32_t *memo, int32_t words, int32_t first, int32_t last, int32_t by)"
    body = f'#include "hyb_stream.h"\n{head};\n{head} {{ hyb_memo_slide(memo, words, first, last, by); }}\n'
    memo = np.array([bits >> 32 * i & 0xFFFFFFFF for i in range(4)], np.uint32)
    compile_shared(body).slide(ctypes.c_void_p(memo.ctypes.data), 4, first, last, by)
    found = sum(int(word) << 32 * i for i, word in enumerate(memo))
    assert found == sum(1 << i for i in range(first, min(last, 128)) if bits >> (i + by) & 1)


def test_a_kws12_model_streams_in_12000_bytes(tmp_path):
    """Context and stack together on an emulated Cortex-M4, at the shape of the keyword model."""
    pytest.importorskip("unicorn")
    from codegen.target import cores, cross, emulator, image

    pcm = bursts(4)
    plan = front_end_plan(pcm.reshape(-1, 16000), shape=KWS12)
    write_code(plan, tmp_path)
    entry = '__attribute__((section(".entry"))) '
    (tmp_path / "m.c").write_text(
        "#define FRAMES_IMPLEMENTATION\n#define FRAMES_STREAM\n"
        '#include "frames.h"\nframes_context ctx; int16_t pcm[1280];\n'
        f"{entry}void init(void) {{ frames_init(&ctx); }}\n"
        f"{entry}int32_t hear(void) {{ frames_push(&ctx, pcm, 1280); return frames_decide(&ctx).label; }}\n"
    )
    core = cores.find_core("cortex-m4")
    cross.link([tmp_path / "m.c"], tmp_path / "m.elf", core, includes=[tmp_path])
    found = image.read_image(tmp_path / "m.elf")
    device, stream, stages = emulator.Emulator(found, core), Stream(plan), set()
    device.call("init")
    for part in pcm.reshape(-1, 1280):
        device.write("pcm", part.astype("<i2"))
        stream.push(part)
        decision = stream.decide()
        assert device.call("hear") == decision.label
        stages.add(decision.stage)
    assert stages >= {0, 1}
    assert found.symbols["ctx"].size + device.stack_used <= 12_000


def test_a_sound_is_centred_while_the_placed_frames_touch_no_end(models):
    """A burst slides through the window: at first too late in it, then inside, at last too early."""
    stream, _, native = models(1, True, True)
    how, item = stream.how, stream.plan.graph["place"]
    burst = np.zeros(6 * how.window * how.hop, np.int16)
    middle = len(burst) // 2
    burst[middle : middle + how.hop] = 12000 * np.sin(np.arange(how.hop))
    native.reset()
    seen = []
    for at in range(0, len(burst), how.hop):
        stream.push(burst[at : at + how.hop])
        native.push(burst[at : at + how.hop])
        start = (stream.pushed - how.window) * how.hop
        if start < 0:
            assert not native.centred() and not stream.centred()
            continue
        energies = stream.rows("loudness", 0)[:, :, 0, 0]
        place = int(item.op.first(energies)[0])
        assert native.centred() == stream.centred() == (0 < place < item.value.hi)
        assert native.centred(2) == stream.centred(2) == (2 <= place <= item.value.hi - 2)
        if 0 < (middle - start) // how.hop < item.op.times:
            seen.append(native.centred())
    assert seen[0] is seen[-1] is False and True in seen


def test_a_model_that_hears_the_whole_window_is_centred_when_ready(models):
    stream, pcm, native = models(0, False, False)
    native.reset()
    for part in np.split(pcm[:3000], 10):
        stream.push(part)
        native.push(part)
        assert native.centred() == stream.centred() == stream.ready
