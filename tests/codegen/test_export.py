"""Exported libraries: manifests against their documented rules, examples against stand-ins of what they include."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from codegen.export import TARGETS, ExportError, export
from codegen.host import WARNINGS, compile_c
from codegen.stream import Stream
from codegen.streaming import stream_plan
from tests.compilers import COMPILERS
from tests.random_plans import random_plan
from tests.small_model import small_plan, sounds

STAND_INS = Path(__file__).parent / "stand_ins"
VERSION = "1.2.3"
SEMVER = r"\d+\.\d+\.\d+"

LIBRARY_JSON = {
    "type": "object",
    "required": ["name", "version"],
    "properties": {
        "$schema": {"type": "string"},
        "name": {"type": "string", "maxLength": 50, "pattern": r"\A(?!.*--)[a-z0-9][a-z0-9-]*[a-z0-9]\Z"},
        "version": {"type": "string", "maxLength": 20, "pattern": rf"\A{SEMVER}\Z"},
        "description": {"type": "string", "maxLength": 255},
        "keywords": {"type": ["string", "array"], "items": {"type": "string"}},
        "frameworks": {"type": ["string", "array"]},
        "platforms": {"type": ["string", "array"]},
        "headers": {"type": ["string", "array"]},
        "examples": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "base", "files"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100, "pattern": r"\A[a-zA-Z0-9\-_/]+\Z"},
                    "base": {"type": "string"},
                    "files": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""The fields of library.json that an export writes, as PlatformIO documents them."""

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
MODULE_YML = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "build": {
            "type": "object",
            "properties": {
                "cmake": TEXT, "kconfig": TEXT, "cmake-ext": {"type": "boolean"}, "kconfig-ext": {"type": "boolean"},
                "sysbuild-cmake": TEXT, "sysbuild-kconfig": TEXT, "depends": TEXTS, "settings": {"type": "object"},
            },
            "additionalProperties": False,
        },
        "samples": TEXTS, "tests": TEXTS, "boards": TEXTS, "blobs": {"type": "array"},
    },
    "additionalProperties": False,
}  # fmt: skip
"""zephyr/module.yml, as Zephyr's guide to modules documents it."""

CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other",
}  # fmt: skip


@pytest.fixture(scope="module", params=["windows", "stream"])
def plan(request):
    """A model that decides whole windows, and one that streams at half the microphone's rate."""
    return small_plan(8000, 4000) if request.param == "stream" else random_plan(11)[0]


@pytest.fixture(scope="module")
def libraries(plan, tmp_path_factory):
    """The model exported for every target: target -> folder."""
    root = tmp_path_factory.mktemp("export")
    for target in TARGETS:
        (root / target).mkdir()
        export(plan, target, root / target, VERSION)
    return {target: root / target for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_it_lists_what_it_wrote_and_the_same_plan_gives_the_same_bytes(plan, target, libraries, tmp_path):
    written = export(plan, target, tmp_path, VERSION)
    assert written == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    for name in written:
        text = (tmp_path / name).read_text("utf-8")
        assert text == (libraries[target] / name).read_text("utf-8")
        assert "[[" not in text.replace("[[:", "") and "[%" not in text, name


def test_the_models_of_these_tests_are_of_both_kinds(plan, libraries, request):
    text = (libraries["cmake"] / "src" / f"{plan.name}_stream.h").read_text("utf-8")
    assert ("_STREAM\n" in text) == ("stream" in request.node.name)


@pytest.mark.parametrize("target", TARGETS)
def test_the_readme_is_short_and_names_only_files_that_are_there(target, libraries):
    text = (libraries[target] / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 14
    for name in re.findall(r"`((?:examples|samples|cmake)/[\w/.-]+)`", text):
        assert (libraries[target] / name).exists(), name


def test_an_unknown_target_is_told_with_those_that_there_are(plan, tmp_path):
    with pytest.raises(ExportError, match=r"'mbed' is unknown: choose from header, cmake"):
        export(plan, "mbed", tmp_path, VERSION)


def strict(language):
    return [w for w in WARNINGS if language == "c" or w != "-Wstrict-prototypes"]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("target", ["arduino", "platformio"])
def test_the_sketch_compiles_as_cpp11_without_a_warning(libraries, target, compiler, tmp_path):
    folder = libraries[target]
    sketch = next((folder / "examples").rglob("*.ino" if target == "arduino" else "*.cpp")).read_text("utf-8")
    (tmp_path / "sketch.cpp").write_text(("#include <Arduino.h>\n" if target == "arduino" else "") + sketch)
    flags = ["-c", "-x", "c++", "-std=c++11", "-O2", *strict("c++"), f"-isystem{STAND_INS / 'arduino'}"]
    compile_c([tmp_path / "sketch.cpp"], tmp_path / "sketch.o", [*flags, f"-I{folder / 'src'}"], compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "header"])
def test_the_library_compiles_without_a_warning(libraries, target, compiler, tmp_path, plan):
    source = libraries[target] / "src" / f"{plan.name}.c"
    compile_c([source], tmp_path / "model.o", ["-c", "-std=c99", "-O2", *strict("c")], compiler)


def expected_of_the_sketch(plan, pcm, block):
    """What the sketch must print for samples that come in blocks: a decision each time that one is due, averaged."""
    how, stream, fresh, scores, lines = stream_plan(plan), Stream(plan), 0, [], []
    every = how.hop * how.stride * max(1, how.frames // 2 // how.stride)
    for start in range(0, len(pcm), block):
        part = pcm[start : start + block]
        stream.push(part)
        fresh += len(part)
        if fresh >= every and stream.ready:
            fresh, decision = 0, stream.decide()
            scores = [*scores[-2:], decision.scores]
            mean = (2 * np.sum(scores, axis=0) + len(scores)) // (2 * len(scores))
            first, second = np.sort(mean)[::-1][:2]
            margin = f"{(first - second) * plan.forest.unit:.2f}"
            label = plan.labels[int(np.argmax(mean))]
            lines.append(f"{label}  margin {margin}  stage {decision.stage + 1}  cost {decision.cost}")
    return lines


@pytest.mark.parametrize("target", ["arduino", "platformio"])
def test_the_sketch_decides_what_the_microphone_hears(target, tmp_path):
    """Run against the stand-in: the microphone gives each of the model's samples twice, as it has twice the rate."""
    plan, block = small_plan(8000, 4000), 64
    folder = tmp_path / "library"
    folder.mkdir()
    export(plan, target, folder, VERSION)
    pcm = sounds(8000, 4000)[2:7].reshape(-1)
    sketch = next((folder / "examples").rglob("*.ino" if target == "arduino" else "*.cpp")).read_text("utf-8")
    board = (STAND_INS / "arduino" / "board.cpp").read_text("utf-8")
    (tmp_path / "sketch.cpp").write_text("#include <Arduino.h>\n" + sketch + board)
    include = [f"-I{STAND_INS / 'arduino'}", f"-I{folder / 'src'}"]
    compile_c([folder / "src" / "small.c"], tmp_path / "model.o", ["-c", "-std=c99", "-O2"], COMPILERS[0])
    flags = ["-c", "-x", "c++", "-std=c++11", *include]
    compile_c([tmp_path / "sketch.cpp"], tmp_path / "sketch.o", flags, COMPILERS[0])
    library = "-lc++" if COMPILERS[0] == "zig" else "-lstdc++"
    compile_c([tmp_path / "sketch.o", tmp_path / "model.o"], tmp_path / "sketch", [library], COMPILERS[0])
    heard = np.repeat(pcm, 2).astype("<i2").tobytes()
    done = subprocess.run([tmp_path / "sketch", str(4 * block)], input=heard, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = expected_of_the_sketch(plan, pcm, block)
    assert done.stdout.decode().splitlines() == expected and len(expected) >= 5
    assert len({line.split("  margin")[0] for line in expected}) > 1


def test_the_zephyr_sample_compiles_without_a_warning(libraries, tmp_path):
    flags = ["-c", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-isystem{STAND_INS / 'zephyr'}"]
    source = libraries["zephyr"] / "samples" / "microphone" / "src" / "main.c"
    compile_c([source], tmp_path / "main.o", [*flags, f"-I{libraries['zephyr'] / 'src'}"])


def test_library_properties_keeps_the_rules_of_the_arduino_specification(libraries):
    folder = libraries["arduino"]
    lines = (folder / "library.properties").read_text("utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    needed = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert needed <= set(found) <= needed | {"includes", "depends", "license"}
    assert len(lines) == len(found) and all(found.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,62}", found["name"])
    assert not found["name"].lower().startswith("arduino")
    assert re.fullmatch(SEMVER, found["version"]) and found["category"] in CATEGORIES
    for name in found["includes"].split(","):
        assert (folder / "src" / name).is_file()
    for sketch in (folder / "examples").iterdir():
        assert (sketch / f"{sketch.name}.ino").is_file()
    for line in (folder / "keywords.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"\w+\t(KEYWORD1|KEYWORD2|LITERAL1)", line)


def test_library_json_keeps_the_documented_schema(libraries):
    folder = libraries["platformio"]
    found = json.loads((folder / "library.json").read_text("utf-8"))
    jsonschema.validate(found, LIBRARY_JSON)
    assert (folder / "src" / found["headers"]).is_file()
    for example in found["examples"]:
        for name in example["files"]:
            assert (folder / example["base"] / name).is_file()
    settings = configparser.ConfigParser()
    settings.read(folder / "examples" / "nano33ble" / "platformio.ini")
    assert settings["env:nano33ble"]["board"] == "nano33ble"


def test_the_zephyr_module_keeps_the_documented_schema(libraries):
    folder = libraries["zephyr"]
    found = yaml.safe_load((folder / "zephyr" / "module.yml").read_text("utf-8"))
    jsonschema.validate(found, MODULE_YML)
    assert (folder / found["build"]["cmake"] / "CMakeLists.txt").is_file()
    kconfig = (folder / found["build"]["kconfig"]).read_text("utf-8")
    symbol = re.search(r"^config (\w+)\n\tbool", kconfig, re.M)[1]
    assert f"if(CONFIG_{symbol})" in (folder / "CMakeLists.txt").read_text("utf-8")
    samples = [p for root in found["samples"] for p in (folder / root).glob("*/prj.conf")]
    assert samples
    for settings in samples:
        assert f"CONFIG_{symbol}=y\n" in settings.read_text("utf-8")
        assert all(re.fullmatch(r"CONFIG_\w+=(y|n|\d+)", line) for line in settings.read_text("utf-8").splitlines())
        sample = yaml.safe_load((settings.parent / "sample.yaml").read_text("utf-8"))
        assert sample["sample"]["name"] and all(t["platform_allow"] for t in sample["tests"].values())


@pytest.mark.parametrize("target", ["header", "cmake"])
def test_the_nucleo_example_links_for_a_cortex_m4(libraries, target, plan, tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("NOT CHECKED: arm-none-eabi-gcc was not found (Debian: gcc-arm-none-eabi, libnewlib-arm-none-eabi)")
    from codegen.target.image import read_image

    folder = libraries[target]
    source = next(p for p in folder.rglob("*nucleo_l476rg.c"))
    flags = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-O2", "-std=c99", *strict("c"), "-nostartfiles"]
    flags += [f"-I{folder / 'src'}", f"-D{plan.name.upper()}_IMPLEMENTATION", "-T", str(source.with_suffix(".ld"))]
    compile_c([source], tmp_path / "nucleo.elf", flags, "arm-none-eabi-gcc")
    image = read_image(tmp_path / "nucleo.elf")
    table = image.code[: 4 * 35]
    assert image.code_base == 0x08000000 and int.from_bytes(table[:4], "little") == 0x20000000 + 96 * 1024
    vector = {i: int.from_bytes(table[4 * i : 4 * i + 4], "little") & ~1 for i in (1, 3, 16 + 18)}
    assert vector == {1: image.symbols["reset"].address, 3: image.symbols["fault"].address,
                      34: image.symbols["adc_ready"].address}  # fmt: skip
