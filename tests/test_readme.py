"""What the README promises."""

import re
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from codegen.artifacts import write_code
from codegen.host import WARNINGS, compile_c
from hybrid.cli import cli
from tests.random_plans import random_plan

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_its_c_example_compiles_without_a_warning(tmp_path):
    example = re.search(r"```c\n(.*?)```", README, re.S)[1]
    write_code(replace(random_plan(1)[0], name="machine"), tmp_path)
    prototypes = "#include <stdint.h>\nvoid setup(void);\nvoid on_window(const int16_t *pcm);\n"
    used = example.replace("/* machine_labels", "(void)machine_labels[r.label];\n  /* machine_labels")
    (tmp_path / "user.c").write_text(prototypes + used)
    flags = ["-c", "-std=c99", *WARNINGS, f"-I{tmp_path}"]
    compile_c([tmp_path / "user.c"], tmp_path / "user.o", flags)


def test_its_commands_are_there():
    makefile = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"^make (\w+)", README, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for command in set(re.findall(r"hybrid (\w+) [\w./]", README)) & {"fit", "evaluate", "predict", "report"}:
        assert CliRunner().invoke(cli, [command, "--help"]).exit_code == 0
    for name in re.findall(r"--preset (\w+)", README):
        from hybrid.config import preset_names

        assert name in preset_names()
