"""Exports: a model as a library in the layout of an ecosystem.

Each target is a folder of templates; a file's path may hold NAME for the model's name, and `common/` holds what several
targets share. The C itself is what `hybrid fit` writes.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2

from codegen.artifacts import example_main
from codegen.header import HEADER, header
from codegen.plan import Plan
from codegen.runtime import runtime_header

TARGETS = ("header", "cmake", "arduino", "zephyr", "platformio")
SOURCES = {"header": ".", "cmake": "src", "arduino": "src", "zephyr": "src", "platformio": "src"}
"""Where each target has the model's C."""
EXAMPLES = {"header": ".", "cmake": "examples/pc"}
"""Where a target has the example for a PC."""
SUFFIX = ".j2"


class ExportError(ValueError):
    """A target that is not there. The message says which there are."""


def export(plan: Plan, target: str, folder: Path, version: str) -> list[str]:
    """Write the model as a library for `target` into `folder`, which is there; returns the paths written, sorted.

    version: of the library, such as 1.0.0. The same plan and version give the same bytes. Raises ExportError.
    """
    if target not in TARGETS:
        raise ExportError(f"export target {target!r} is unknown: choose from {', '.join(TARGETS)}")
    model = header(plan)
    written = {f"{SOURCES[target]}/{plan.name}.h": model, f"{SOURCES[target]}/{HEADER}": runtime_header()}
    if target in EXAMPLES:
        written[f"{EXAMPLES[target]}/example_main.c"] = example_main(plan)
    written |= _rendered(target, _facts(plan, version, model))
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(str(Path(name)) for name in written)


def _facts(plan: Plan, version: str, model: str) -> dict[str, Any]:
    """What templates may name."""
    rate = int(getattr(plan.source.op, "rate", 0))
    divides = 0 < rate <= 16000 and 16000 % rate == 0
    return {
        "name": plan.name,
        "NAME": plan.name.upper(),
        "slug": re.sub("[^a-z0-9]+", "-", f"hybrid-{plan.name}").strip("-"),
        "version": version,
        "classes": plan.forest.classes,
        "rate": rate,
        "window": plan.source.value.shape[0],
        "microphone": 16000 if divides else rate,
        "keep": 16000 // rate if divides else 1,
        "streams": f"void {plan.name}_push(" in model,
    }


def _rendered(target: str, facts: dict[str, Any]) -> dict[str, str]:
    folder = files("codegen.export") / "templates"
    texts = dict(_texts(folder, ""))
    # C is full of braces, so that jinja's own marks would be hard to tell from it.
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts), undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True,
        lstrip_blocks=True, autoescape=False, block_start_string="[%", block_end_string="%]",
        variable_start_string="[[", variable_end_string="]]", comment_start_string="[#", comment_end_string="#]",
    )  # fmt: skip
    own = [name for name in texts if name.startswith(f"{target}/")]
    result = {}
    for name in sorted(own):
        path = name.removeprefix(f"{target}/").removesuffix(SUFFIX).replace("NAME", facts["name"])
        result[path] = environment.get_template(name).render(facts)
    return result


def _texts(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    """(path, text) of every template below a folder."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found.append((f"{prefix}{entry.name}", entry.read_text("utf-8")))
    return found
