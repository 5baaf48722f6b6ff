"""Trees to C, side by side: python benchmarks/trees.py [--data FSDD] [--sets digits,audio] [--models 0,1,2,3]
[--exports this_project,emlearn,timber,tl2cgen,m2cgen] [--rows 50].

One run, the same trained models, the same emulated core and compiler: emlearn, m2cgen, tl2cgen, timber-compiler (those
that are installed: pip install 'hybrid[benchmarks]') and this project in its layouts. digits: scikit-learn's, 64 pixel
values, 30 % test split of seed 42; audio: mean and deviation of 20 log-mel bands of spoken digits, as int16. Each
export reads its features from an array of the type it asks for; its call and the choice of the best class are counted.
All is built without a floating-point unit, so those that compute in float do it in software, as on most small cores.
Columns: instructions of a decision (mean over test rows, -O2 and -Os), flash (program less an empty one), RAM (static
data and stack at -O2), and how many rows of the whole test split it gets right, and answers as Python does.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from codegen.forests import Options, prepare
from codegen.forests.artifacts import write_forest
from codegen.target.cores import TargetError, find_core
from codegen.target.cross import FLASH, RAM, find_cross, link, version
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from hybrid.compile import read_model

SETS = ("digits", "audio")
MODELS = ("0", "1", "2", "3")
"""Two random forests, two LightGBM models, in the order of `models`."""
LEVELS = ("-O2", "-Os")
FLAGS = ("-std=gnu99", "-ffunction-sections", "-fdata-sections", "--specs=nosys.specs", "-w")
ENTRY = '__attribute__((section(".entry")))'
BEST = "int best = 0;\n  for (int i = 1; i < {n}; i++) if (out[i] > out[best]) best = i;\n  return best;"


@dataclass
class Export:
    """What one generator wrote: C files, and a main file that defines `x` and `int decide(void)`."""

    name: str
    kind: str
    """Type of x: 'int16_t', 'float' or 'double'; 'entry' is tl2cgen's union of double and int."""
    main: str
    sources: list[Path] = field(default_factory=list)
    includes: list[Path] = field(default_factory=list)


@dataclass
class Trained:
    """A model with its test rows (integers), what Python answers, and what is true."""

    name: str
    model: Any
    rows: np.ndarray
    truth: np.ndarray
    scaled: Any = None
    """The same model trained on features times 16, where that helps a generator that truncates thresholds."""

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(self.model.predict(self.rows))


def main() -> int:
    arguments = parse()
    core, compiler = find_core(arguments.cpu), find_cross(arguments.compiler)
    print(f"{arguments.cpu}, {version(compiler)}; mean over {arguments.rows} test rows\n")
    for name in arguments.sets:
        x, y = digits() if name == "digits" else audio(arguments.data)
        for number, trained in enumerate(models(name, x, y)):
            if str(number) not in arguments.models:
                continue
            right = int((trained.labels == trained.truth).sum())
            print(f"### {trained.name}: Python {right} of {len(trained.truth)} right\n")
            print("| export | instructions -O2 | -Os | flash -O2 | -Os | RAM | right | as Python |")
            print("|---|---|---|---|---|---|---|---|")
            for make in (g for g in GENERATORS if g.__name__ in arguments.exports):
                with tempfile.TemporaryDirectory(prefix="hybrid-trees-") as scratch:
                    for export in made(make, trained, Path(scratch)):
                        print(row(export, trained, core, compiler, arguments.rows, Path(scratch)), flush=True)
            print()
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", default="cortex-m4")
    parser.add_argument("--compiler", default=None)
    parser.add_argument("--sets", type=listed(SETS), default=SETS, help="of " + ",".join(SETS))
    parser.add_argument("--models", type=listed(MODELS), default=MODELS, help="their numbers, of " + ",".join(MODELS))
    generators = tuple(make.__name__ for make in GENERATORS)
    parser.add_argument("--exports", type=listed(generators), default=generators, help="of " + ",".join(generators))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/fsdd"))
    parser.add_argument("--rows", type=int, default=50, help="test rows that instructions are counted on")
    return parser.parse_args()


def listed(choices: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """A reader of names with commas between them, all of them among `choices`."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in choices]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown: choose from {', '.join(choices)}")
        return names

    return read


def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.astype(np.int16), y


def audio(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each of 20 log-mel bands in units of 1/16 dB, over spoken digits of six speakers."""
    import librosa
    import soundfile

    rows, labels = [], []
    for path in sorted(folder.rglob("*.wav"))[::2]:
        pcm, rate = soundfile.read(path, dtype="float32")
        power = librosa.feature.melspectrogram(y=pcm, sr=rate, n_fft=256, hop_length=128, n_mels=20)
        level = librosa.power_to_db(power, ref=1.0)
        rows.append(np.concatenate([level.mean(axis=1), level.std(axis=1)]))
        labels.append(int(path.name[0]))
    if not rows:
        sys.exit(f"{folder} holds no recordings: name the folder of FSDD with --data, or choose --sets digits")
    return np.rint(np.array(rows) * 16).astype(np.int16), np.array(labels)


def models(name: str, x: np.ndarray, y: np.ndarray) -> Iterator[Trained]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split

    from tree_backends.lightgbm import load_lightgbm

    lgb = load_lightgbm()
    train, test, known, truth = train_test_split(x, y, test_size=0.3, random_state=42)
    forest = RandomForestClassifier(100, max_leaf_nodes=32, random_state=0)
    scaled = RandomForestClassifier(100, max_leaf_nodes=32, random_state=0).fit(train.astype(np.int32) * 16, known)
    yield Trained(
        f"{name}, RandomForest, 100 trees of at most 32 leaves", forest.fit(train, known), test, truth, scaled
    )
    small = RandomForestClassifier(10, max_depth=8, random_state=0).fit(train, known)
    yield Trained(f"{name}, RandomForest, 10 trees of depth 8", small, test, truth)
    for rounds in (20, 100):
        booster = lgb.LGBMClassifier(n_estimators=rounds, num_leaves=8, verbose=-1, n_jobs=1, random_state=0)
        title = f"{name}, LightGBM, {rounds} rounds x 10 classes, at most 8 leaves"
        yield Trained(title, booster.fit(train, known), test, truth)


def made(make: Callable[[Trained, Path], list[Export]], trained: Trained, scratch: Path) -> list[Export]:
    """A generator's exports; one that is not installed, or cannot take the model, is a line of its own."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(trained, scratch)
    except ImportError as error:
        print(f"| {make.__name__.replace('_', ' ')} | not installed ({error.name}) |")
    except Exception as error:  # whatever a generator throws at a model that it does not know
        print(f"| {make.__name__.replace('_', ' ')} | refuses the model: {' '.join(str(error).split())[:80]} |")
    return []


def row(export: Export, trained: Trained, core: Any, compiler: str, rows: int, scratch: Path) -> str:
    """One line of the table: built at both levels, counted on some rows, checked on all at -O2."""
    try:
        cells = [measured(export, trained, core, compiler, level, rows, scratch) for level in LEVELS]
    except TargetError as error:
        return f"| {export.name} | does not build or run: {' '.join(str(error).split())[:80]} |"
    (fast, flash, ram, right, same), (slow, least, *_) = cells
    return (
        f"| {export.name} | {fast:,.0f} | {slow:,.0f} | {flash / 1000:.1f} kB | {least / 1000:.1f} kB | {ram} B | "
        f"{right} | {same} |"
    )


def measured(
    export: Export, trained: Trained, core: Any, compiler: str, level: str, rows: int, scratch: Path
) -> tuple[float, int, int, int, int]:
    """(mean instructions, flash, RAM, right, as Python)."""
    image = built(export, core, compiler, level, scratch)
    emulator = Emulator(image, core)
    labels, answers, total, stack = trained.labels, [], 0, 0
    inputs = trained.rows * 16 if export.name.endswith("x16") else trained.rows
    for number, values in enumerate(inputs if level == LEVELS[0] else inputs[:rows]):
        emulator.write("x", as_bytes(values, export.kind))
        emulator.reset()
        answers.append(emulator.call("decide"))
        if number < rows:
            total, stack = total + emulator.total, max(stack, emulator.stack_used)
    right, same = (int((np.array(answers) == wanted[: len(answers)]).sum()) for wanted in (trained.truth, labels))
    static = sum(
        s.size for s in image.symbols.values() if s.address >= RAM and s.kind == "STT_OBJECT" and s.name != "x"
    )
    return (
        total / min(rows, len(answers)),
        flash_of(image) - empty(export, core, compiler, level, scratch),
        static + stack,
        right,
        same,
    )


def as_bytes(values: np.ndarray, kind: str) -> bytes:
    return values.astype({"int16_t": "<i2", "float": "<f4", "double": "<f8", "entry": "<f8"}[kind]).tobytes()


def built(export: Export, core: Any, compiler: str, level: str, scratch: Path) -> Any:
    path, elf = scratch / "decide.c", scratch / "decide.elf"
    path.write_text(export.main, encoding="utf-8")
    libraries = [Path("-lm")] if compiler != "zig" else []
    flags = [f for f in FLAGS if compiler != "zig" or not f.startswith("--specs")]
    link([path, *export.sources, *libraries], elf, core, compiler, [*flags, level], [scratch, *export.includes])
    return read_image(elf)


def flash_of(image: Any) -> int:
    return sum(len(content) for address, content in image.segments if address >= FLASH)


def empty(export: Export, core: Any, compiler: str, level: str, scratch: Path) -> int:
    """Bytes of a program with the same input that decides nothing."""
    kind = "double" if export.kind == "entry" else export.kind
    main = f"#include <stdint.h>\n{kind} x[64];\n{ENTRY} int decide(void) {{ return *(volatile short *)x; }}\n"
    return flash_of(built(Export("empty", kind, main), core, compiler, level, scratch))


def entry(n: int, call: str, out: str) -> str:
    """`decide` that calls a generator's function and takes the best of its outputs."""
    return f"{ENTRY} int decide(void) {{\n  static {out} out[{n}];\n  {call}\n  {BEST.format(n=n)}\n}}\n"


def emlearn(trained: Trained, scratch: Path) -> list[Export]:
    import emlearn as em

    exports = []
    choices = (("inline", "inline", trained.model, {}), ("loadable", "loadable", trained.model, {}),
               ("inline, 8-bit leaves, features x16", "inline", trained.scaled, {"leaf_bits": 8}))  # fmt: skip
    for title, inference, model, extra in choices:
        if model is None:
            continue
        path = scratch / f"emlearn{len(exports)}.h"
        em.convert(model, method=inference, dtype="int16_t", **extra).save(
            file=str(path), name="net", format="c", inference=[inference]
        )
        n = trained.rows.shape[1]
        main = f'#include "{path.name}"\nint16_t x[{n}];\n'
        main += f"{ENTRY} int decide(void) {{ return net_predict(x, {n}); }}\n"
        name = f"emlearn {title}".replace("features x16", "x16")
        exports.append(Export(name, "int16_t", main, includes=[Path(em.includedir)]))
    return exports


def m2cgen(trained: Trained, scratch: Path) -> list[Export]:
    import m2cgen as m2

    sys.setrecursionlimit(100_000)
    (scratch / "m2.c").write_text(m2.export_to_c(trained.model), encoding="utf-8")
    main = f"void score(double *, double *);\ndouble x[{trained.rows.shape[1]}];\n" + entry(
        10, "score(x, out);", "double"
    )
    return [Export("m2cgen", "double", main, [scratch / "m2.c"])]


def tl2cgen(trained: Trained, scratch: Path) -> list[Export]:
    import tl2cgen as tl
    import treelite

    if hasattr(trained.model, "booster_"):
        trained.model.booster_.save_model(str(scratch / "tl.txt"))
        model = treelite.frontend.load_lightgbm_model(scratch / "tl.txt")
    else:
        model = treelite.sklearn.import_model(trained.model)
    tl.generate_c_code(model, dirpath=scratch / "tl", params={"quantize": 1})
    main = f'#include "tl/header.h"\nunion Entry x[{trained.rows.shape[1]}];\n'
    main += entry(10, "memset(out, 0, sizeof out); predict(x, 1, out);", "double")
    return [Export("tl2cgen quantize", "entry", main, sorted((scratch / "tl").glob("*.c")))]


def timber(trained: Trained, scratch: Path) -> list[Export]:
    command = shutil.which("timber", path=str(Path(sys.executable).parent))
    if command is None:
        raise ImportError(name="timber-compiler")
    if not hasattr(trained.model, "booster_"):
        raise ValueError("no scikit-learn forests")
    trained.model.booster_.save_model(str(scratch / "timber.txt"))
    subprocess.run([command, "compile", "--model", scratch / "timber.txt", "--out", scratch / "timber"],
                   check=True, capture_output=True)  # fmt: skip
    main = f'#include "timber/model.h"\nfloat x[{trained.rows.shape[1]}];\n'
    call = "TimberCtx *ctx; if (timber_init(&ctx)) return -1; timber_infer_single(x, out, ctx);"
    return [Export("timber-compiler", "float", main + entry(10, call, "float"), [scratch / "timber" / "model.c"],
                   [scratch / "timber"])]  # fmt: skip


def this_project(trained: Trained, scratch: Path) -> list[Export]:
    exports = []
    votes = read_model(trained.model).task == "votes"
    for optimise in ("size", "speed"):
        for exits in (0, 4 if votes else 2):
            for dtype in ("int16", "float32") if not exits else ("int16",):
                name = f"p{len(exports)}"
                model = prepare(read_model(trained.model), Options(name, dtype, None, optimise, exits, nan=False))
                folder = scratch / name
                folder.mkdir()
                write_forest(model, folder)
                kind = "int16_t" if dtype == "int16" else "float"
                main = (
                    f'#define {name.upper()}_IMPLEMENTATION\n#include "{name}.h"\n{kind} x[{trained.rows.shape[1]}];\n'
                )
                main += f"{ENTRY} int decide(void) {{ return {name}_predict(x); }}\n"
                title = f"**this project, {optimise}, {dtype}{', early exits' if exits else ''}**"
                exports.append(Export(title, kind, main, includes=[folder]))
    return exports


GENERATORS = (this_project, emlearn, timber, tl2cgen, m2cgen)

if __name__ == "__main__":
    sys.exit(main())
