"""Damaged and hostile model files: refused in one line, or a model that can be printed, run and saved as any other."""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from codegen.artifacts import write_code
from codegen.header import header
from codegen.interpret import run
from hybrid import model_file
from hybrid.model_file import ARRAYS_NAME, JSON_NAME, Model, ModelFileError
from tests.compilers import run_sanitized, sanitizers_work
from tests.fuzz.finding import Finding
from tests.fuzz.mutate import damage_array, damage_bytes, damage_json, one
from tests.random_plans import deep_plan, random_plan, staged_plan
from tests.small_model import small_plan

MOST_SAMPLES = 20_000


class ModelFiles:
    """Executions on changed copies of a few small models.

    build: one in so many accepted models is compiled with sanitizers and must say what the interpreter says.
    """

    def __init__(self, build: int = 40) -> None:
        self.build = build if sanitizers_work() else 0
        plans = [random_plan(1)[0], random_plan(2, vector=True)[0], deep_plan(0)[0], staged_plan(), small_plan()]
        self.bases = [self._saved(Model(plan, {"seed": 0})) for plan in plans]

    @staticmethod
    def _saved(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        with tempfile.TemporaryDirectory() as name:
            model_file.save(model, Path(name))
            with np.load(Path(name) / ARRAYS_NAME) as archive:
                return json.loads((Path(name) / JSON_NAME).read_text("utf-8")), {n: archive[n] for n in archive.files}

    def __call__(self, rng: np.random.Generator) -> str:
        document, arrays = copy.deepcopy(one(rng, self.bases))
        for _ in range(int(rng.integers(1, 4))):
            if rng.random() < 0.6:
                damage_json(rng, document)
            else:
                damage_array(rng, arrays)
        packed = model_file._pack(arrays)
        if rng.random() < 0.1:
            packed = damage_bytes(rng, packed)
        if rng.random() < 0.95:  # as a hostile file: both digests right
            document["arrays_sha256"] = hashlib.sha256(packed).hexdigest()
            document["format"] = model_file.FORMAT
            document["digest"] = model_file._digest(document)
        text = json.dumps(document).encode()
        if rng.random() < 0.05:
            text = damage_bytes(rng, text)
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / JSON_NAME).write_bytes(text)
            (Path(name) / ARRAYS_NAME).write_bytes(packed)
            try:
                model = model_file.load(Path(name))
            except ModelFileError as error:
                if "\n" in str(error):
                    raise Finding(f"a refusal of several lines: {error}") from None
                return "refused"
            return self._use(rng, model, Path(name))

    def _use(self, rng: np.random.Generator, model: Model, folder: Path) -> str:
        """What anyone does with a model that was accepted."""
        text = header(model.plan)
        model_file.save(model, folder)
        if header(model_file.load(folder).plan) != text:
            raise Finding("saved and loaded again it is another model")
        count = model.plan.source.value.shape[0]
        if count > MOST_SAMPLES:
            return "accepted, too long to run"
        pcm = rng.choice(np.array([-32768, 0, 32767, 1000], np.int16), (2, count))
        expected = run(model.plan, pcm)
        if not self.build or rng.integers(self.build):
            return "accepted"
        write_code(model.plan, folder)
        lines = [f"{label} {cost}" for label, cost in zip(expected.label, expected.cost, strict=True)]
        if run_sanitized(model.plan, pcm, folder) != lines:
            raise Finding("the C says otherwise than the interpreter")
        return "accepted and built"

