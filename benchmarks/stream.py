"""Listening for minutes: python benchmarks/stream.py MODEL DATA [--out DIR] [options].

A scene of real recordings: background noise of the test split's time ranges, 10 s at a time, each at a level drawn from
--noise dBFS; in --share of the time one keyword clip of the test split after the other, as loud as recorded, or --snr
dB above the noise under it, at random places at least 1 s apart. It is streamed through the generated C, a decision
every --hop seconds, and told for

- the model as it is generated: features on demand, what is still valid kept from window to window;
- the same with the samples kept: frames on demand, too, each computed once and only if a decision asks for it;
- the same, passing over windows in which a sound is not centred: its placed frames lie less than --clear from an end;
- the same model eager: every map computed whole for every decision, log-mel frames included;
- the dense head (MODEL/dense, or another model by --baseline) eager, its frames computed anew or kept, and streamed as
  the model itself is.

Decisions come from C compiled for this machine. Streams are run on an emulated core, too, for --core-minutes, eager
decisions for --sample of them taken evenly (their maps cost the same whatever is heard; only trees differ); both must
say what this machine said. Moving the samples of an eager window is not counted. RAM: context, stack, and that window.

A detection: the scores of decisions are smoothed (mean, exponential, or a majority of labels), a keyword leads the
second best class by the threshold (logits, or its share of votes), and nothing was reported for 1 s. It counts if the
keyword's clip is on or ended at most 0.5 s ago; any other report, a second one too, is a false alarm. Thresholds are
chosen on a scene of the validation split, for the fewest misses at --alarms an hour, and reported on the test scene.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.listening.cost import Cost, stream_cost, window_cost
from benchmarks.listening.detect import Decisions, Point, choose, curve, judge, misses_at, reports, smooth
from benchmarks.listening.picture import draw
from benchmarks.listening.scene import Scene, keywords, make_scene
from codegen.header import HEADER, header
from codegen.host import CompilerError, NativeStream
from codegen.plan import Plan
from codegen.runtime import runtime_header
from codegen.streaming import StreamPlan, stream_plan
from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.cross import COMPILERS, find_cross, version
from hybrid.errors import HybridError
from hybrid.evaluate import load_model

OURS, EAGER = "this project, streamed on demand", "the same model, eager"
OURS_KEPT = "this project, frames on demand, samples kept"
OURS_CENTRED = "this project, samples kept, centred sounds only"
DENSE, DENSE_FRAMES = "dense head, eager", "dense head, eager, frames kept"
DENSE_STREAMED = "dense head, streamed as this project's"
WHOSE = {"model": "model", "centred": "model", "dense": "dense"}
"""Whose decisions are judged: of the model, of the model on centred sounds, of the dense head."""
ALARMS = (10, 20, 30)
"""False alarms an hour at which the curves are told in the table."""
TITLES = {"model": "this project", "centred": "this project, centred sounds only", "dense": "dense head"}


@dataclass(frozen=True, eq=False)
class Judged:
    """A model with one smoothing: the curves on both scenes, and the test's point at the threshold of validation."""

    model: str
    smoothing: str
    validation: list[Point]
    curve: list[Point]
    chosen: Point
    within: bool
    """Whether a threshold kept the false alarms allowed on validation; else the highest is taken."""


def main() -> int:
    """Run, print, write."""
    options = parse()
    try:
        return run(options)
    except (HybridError, TargetError, CompilerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.1, help="of the time in which there are keywords")
    parser.add_argument("--noise", type=float, nargs=2, default=[-55.0, -35.0], metavar=("FROM", "TO"), help="dBFS")
    parser.add_argument("--snr", type=float, help="dB of words above noise; their loudness then follows the noise's")
    parser.add_argument("--baseline", type=Path, help="folder of a dense model of the same hop (default: MODEL/dense)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hop", type=float, help="seconds between decisions; default: what keeps the most work")
    parser.add_argument("--clear", type=int, help="frames; default: what hears a sound about once at the hop")
    parser.add_argument("--mean", type=int, default=6, help="decisions in a mean of scores")
    parser.add_argument("--exponential", type=int, default=2, help="shift of an exponential average: 2 takes a quarter")
    parser.add_argument("--majority", type=int, default=6, help="decisions in a vote")
    parser.add_argument("--alarms", type=float, default=12.0, help="false alarms an hour that a threshold may give")
    parser.add_argument("--core-minutes", type=float, default=10.0, help="of the streams that are run on the core")
    parser.add_argument("--sample", type=int, default=200, help="eager decisions that are run on the core")
    parser.add_argument("--cpu", choices=sorted(CORES), default="cortex-m4")
    parser.add_argument("--compiler", choices=COMPILERS)
    parser.add_argument("--out", type=Path, help="folder for stream.md, stream.json and stream.svg")
    return parser.parse_args()


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    model, config = load_model(options.model)
    dense, other = load_model(options.baseline or options.model / "dense")
    if dense.plan.labels != model.plan.labels or other.audio != config.audio:
        raise HybridError(f"--baseline {options.baseline} has other classes or another window than the model")
    plans, rate = {"model": model.plan, "dense": dense.plan}, config.audio.rate
    how = stream_plan(model.plan)
    hop = round(options.hop * rate) if options.hop else how.stride * how.hop
    if hop < 1 or not 0 < options.share < 1 or options.minutes <= 0 or options.sample < 1:
        raise HybridError("--hop, --share, --minutes and --sample must be above 0, --share below 1")
    if options.clear is None:
        options.clear = max(1, (how.places_range - hop // how.hop) // 2)
    if options.clear < 1:
        raise HybridError(f"--clear must be above 0, not {options.clear}")
    scenes = {
        split: make_scene(options.data, model.plan.labels, split, rate, 60 * options.minutes, options.share,
                          tuple(options.noise), options.seed, options.snr)
        for split in ("validation", "test")
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        folders = {name: write(plan, Path(scratch) / name) for name, plan in plans.items()}
        told = {
            (name, split): decide(plans[of], folders[of], scene, hop, options.clear if name == "centred" else 0)
            for name, of in WHOSE.items() for split, scene in scenes.items()
        }  # fmt: skip
        costs = count(plans, folders, scenes["test"], hop, told, options, Path(scratch))
    judged = [
        judge_model(name, plans[of], kind, size, scenes, told, options.alarms)
        for kind, size in (("mean", options.mean), ("exponential", options.exponential), ("majority", options.majority))
        for name, of in WHOSE.items()
    ]
    text = markdown(scenes["test"], hop, costs, judged, options)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "stream.md").write_text(text + "\n", encoding="utf-8")
        document = as_json(scenes["test"], hop, costs, judged, options)
        (options.out / "stream.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        draw(options.out / "stream.svg", [(f"{j.model}, {j.smoothing}", j.curve, j.chosen) for j in judged])
    return 0


def write(plan: Plan, folder: Path, how: StreamPlan | None = None) -> Path:
    """The plan's header, streaming as `how` says, and the runtime."""
    folder.mkdir()
    (folder / f"{plan.name}.h").write_text(header(plan, how), encoding="utf-8")
    (folder / HEADER).write_text(runtime_header(), encoding="utf-8")
    return folder


def decide(plan: Plan, folder: Path, scene: Scene, hop: int, clear: int) -> Decisions:
    """All decisions of the C on this machine, one after every `hop` samples.

    clear: none where a sound is not centred by so many frames; these have the label -1, as those before the first
    window. 0: all.
    """
    native, count = NativeStream(folder, plan.name), len(scene.pcm) // hop
    label, scores = np.full(count, -1), np.zeros((count, plan.forest.classes), np.int64)
    for number in range(count):
        native.push(scene.pcm[number * hop : (number + 1) * hop])
        if not clear or native.centred(clear):
            found = native.decide()
            label[number], scores[number] = found.label, found.scores
    return Decisions(label, scores, hop / scene.rate * np.arange(1, count + 1))


def count(
    plans: dict[str, Plan], folders: dict[str, Path], scene: Scene, hop: int,
    told: dict[tuple[str, str], Decisions], options: argparse.Namespace, scratch: Path,
) -> dict[str, Cost]:  # fmt: skip
    """Instructions of every variant on the test scene."""
    core, compiler = find_core(options.cpu), find_cross(options.compiler)
    frames_only = write(plans["dense"], scratch / "frames", stream_plan(plans["dense"], keep_bytes=0))

    def stream(name: str, folder: Path, keep: bool = False, clear: int = 0) -> Cost:
        own = told["centred" if clear else name, "test"]
        first = max(1, round(60 * options.core_minutes * scene.rate / hop))
        return stream_cost(plans[name], folder, scratch, core, compiler, scene.pcm, hop, own, first, keep, clear)

    def windows(name: str) -> Cost:
        own = told[name, "test"]
        return window_cost(plans[name], folders[name], scratch, core, compiler, scene.pcm, hop, own, options.sample)

    return {
        OURS: stream("model", folders["model"]),
        OURS_KEPT: stream("model", folders["model"], keep=True),
        OURS_CENTRED: stream("model", folders["model"], keep=True, clear=options.clear),
        EAGER: windows("model"),
        DENSE: windows("dense"),
        DENSE_FRAMES: stream("dense", frames_only),
        DENSE_STREAMED: stream("dense", folders["dense"]),
    }


def judge_model(
    name: str, plan: Plan, kind: str, size: int, scenes: dict[str, Scene], told: dict[tuple[str, str], Decisions],
    alarms: float,
) -> Judged:  # fmt: skip
    """A model's detections with one smoothing."""
    words = keywords(plan.labels)
    smoothed = {split: smooth(told[name, split], kind, size, words, plan.forest.unit) for split in scenes}
    validation = curve(scenes["validation"], smoothed["validation"])
    threshold = choose(validation, alarms)
    within = any(p.alarms <= alarms for p in validation)
    chosen = judge(scenes["test"], reports(smoothed["test"], threshold), threshold)
    text = f"exponential 1/{2**size}" if kind == "exponential" else f"{kind} of {size}"
    return Judged(TITLES[name], text, validation, curve(scenes["test"], smoothed["test"]), chosen, within)


def markdown(
    scene: Scene, hop: int, costs: dict[str, Cost], judged: list[Judged], options: argparse.Namespace
) -> str:
    """The tables."""
    ours, snr = costs[OURS].instructions, np.percentile([w.snr for w in scene.words], [5, 50, 95])
    lines = [
        f"{scene.seconds / 60:g} minutes, seed {options.seed}: {len(scene.words)} keywords in {options.share:.0%} of "
        f"the time, {snr[1]:.0f} dB above the noise ({snr[0]:.0f} .. {snr[2]:.0f}), noise at {options.noise[0]:g} .. "
        f"{options.noise[1]:g} dBFS, {scene.clipped} samples clipped; a decision every {1000 * hop / scene.rate:g} ms; "
        f"{options.cpu}, {version(options.compiler)}, -O2.",
        "",
        "| variant | instructions a second | of it frames | of this project's | a decision | RAM | decisions counted |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, c in costs.items():
        a_second = scene.rate / hop
        lines.append(
            f"| {name} | {c.instructions / 1e6:.3f} M | {f'{c.frames / 1e6:.3f} M' if c.frames else 'in decisions'} | "
            f"{c.instructions / ours:.2f} | {c.decisions / a_second:,.0f} ± {c.spread:,.0f} | {c.ram:,} B | "
            f"{'all' if c.counted == c.of else f'{c.counted:,}'} of {c.of:,} |"
        )
    lines += [
        "",
        f"Thresholds chosen on validation for at most {options.alarms:g} false alarms an hour. One miss is "
        f"{100 / len(scene.words):.1f} points, one false alarm {3600 / scene.seconds:g} an hour: "
        "a few more or less are chance. (highest): no threshold gave so few on validation.",
        "",
        "| smoothing | model | threshold | misses | false alarms an hour |",
        "|---|---|---|---|---|",
    ]
    for j in judged:
        p, mark = j.chosen, "" if j.within else " (highest)"
        lines.append(
            f"| {j.smoothing} | {j.model} | {p.threshold:.2f}{mark} | {p.missed} of {p.words} = {p.misses:.1%} | "
            f"{p.alarms:.0f} ({p.false}) |"
        )
    return "\n".join(lines + levels(judged))


def levels(judged: list[Judged]) -> list[str]:
    """A table of the curves at some false alarms an hour."""

    def cell(points: list[Point]) -> str:
        found = [misses_at(points, alarms) for alarms in ALARMS]
        return " / ".join("-" if share is None else f"{share:.1%}" for share in found)

    at = " / ".join(map(str, ALARMS))
    return [
        "",
        f"Misses at no more than {at} false alarms an hour, by the best threshold on each scene (-: none has so few).",
        "",
        "| smoothing | model | validation scene | test scene |",
        "|---|---|---|---|",
        *(f"| {j.smoothing} | {j.model} | {cell(j.validation)} | {cell(j.curve)} |" for j in judged),
    ]


def as_json(
    scene: Scene, hop: int, costs: dict[str, Cost], judged: list[Judged], options: argparse.Namespace
) -> dict[str, Any]:
    """The same, and the curves, as plain values."""
    given = {k: v for k, v in vars(options).items() if k not in ("model", "data", "out", "baseline")}
    detection = [
        {"model": j.model, "smoothing": j.smoothing, "chosen": asdict(j.chosen), "within": j.within,
         "validation": [asdict(p) for p in j.validation], "curve": [asdict(p) for p in j.curve]}
        for j in judged
    ]
    return {
        "options": given,
        "hop_samples": hop,
        "compiler": version(options.compiler),
        "seconds": scene.seconds,
        "words": [asdict(w) for w in scene.words],
        "clipped": scene.clipped,
        "costs": {name: {**asdict(c), "instructions": c.instructions} for name, c in costs.items()},
        "detection": detection,
    }


if __name__ == "__main__":
    sys.exit(main())
