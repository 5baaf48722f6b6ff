"""Saved models: `model.json` (structure) and `model.npz` (arrays). Data only: loading runs and unpickles nothing.

Both are covered by a digest against damage. Against hostile files stand the checks of graph, ops and forest, which
derive every shape and bound anew and refuse what does not fit.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.plan import Plan, PlanError
from codegen.prices import DEFAULT_CORE
from feature_extractors.graph import Graph, GraphError, make_op, parameters
from hybrid.errors import HybridError
from tree_backends.forest import NEVER, Feature, Forest, ForestError, Stage

FORMAT = 3
"""2: margins by class and the prior's class; 3: a margin of clips. Older models lack these and load as before."""
JSON_NAME, ARRAYS_NAME = "model.json", "model.npz"
MAX_BYTES = 64 << 20
FOREST_ARRAYS = (
    "node_feature", "node_threshold", "node_left", "node_right", "leaf_scores", "tree_root", "tree_class", "bias",
)  # fmt: skip


class ModelFileError(HybridError):
    """A model that cannot be loaded."""


@dataclass(frozen=True, eq=False)
class Model:
    """A plan and what is known about it (settings, data, seed: plain JSON values)."""

    plan: Plan
    about: dict[str, Any]


def save(model: Model, folder: Path) -> None:
    """Write the two files into `folder`, which is there."""
    arrays: dict[str, np.ndarray] = {}

    def keep(array: np.ndarray) -> dict[str, str]:
        key = f"a{len(arrays)}"
        arrays[key] = array
        return {"array": key}

    document = {
        "format": FORMAT,
        "name": model.plan.name,
        "labels": list(model.plan.labels),
        "prices": {"core": model.plan.core, "version": model.plan.table.version},
        "graph": [_map_to_json(item, keep) for item in model.plan.graph],
        "forest": _forest_to_json(model.plan.forest, keep),
        "about": model.about,
    }
    packed = _pack(arrays)
    document["arrays_sha256"] = hashlib.sha256(packed).hexdigest()
    document["digest"] = _digest(document)
    (folder / ARRAYS_NAME).write_bytes(packed)
    (folder / JSON_NAME).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load(folder: Path) -> Model:
    """Read a saved model. Raises ModelFileError for anything missing, damaged, edited or inconsistent."""
    document = _read_json(folder)
    arrays = _unpack(folder, document)
    try:
        graph = Graph()
        for entry in document["graph"]:
            fields = {str(k): _value(v, arrays) for k, v in entry["params"].items()}
            name = graph.add(entry["name"], make_op(entry["op"], fields), [str(i) for i in entry["inputs"]])
            if name != entry["name"]:
                raise GraphError(f"maps {name} and {entry['name']} are the same")
        forest = _forest_from_json(document["forest"], arrays)
        core = str(document.get("prices", {}).get("core", DEFAULT_CORE))
        plan = Plan(str(document["name"]), tuple(map(str, document["labels"])), graph, forest, core)
        return Model(plan, dict(document["about"]))
    except (GraphError, ForestError, PlanError) as error:
        raise ModelFileError(f"{folder / JSON_NAME}: {error}: fit again with this version") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise ModelFileError(f"{folder / JSON_NAME} is damaged ({type(error).__name__}: {error}): fit again") from None


def _map_to_json(item: Any, keep: Callable[[np.ndarray], dict[str, str]]) -> dict[str, Any]:
    def encode(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return keep(value)
        return [encode(v) for v in value] if isinstance(value, tuple) else value

    params = {k: encode(v) for k, v in parameters(item.op).items()}
    return {"name": item.name, "op": item.op.name, "inputs": list(item.inputs), "params": params}


def _forest_to_json(forest: Forest, keep: Callable[[np.ndarray], dict[str, str]]) -> dict[str, Any]:
    return {
        "classes": forest.classes,
        "features": [[f.map, *f.index] for f in forest.features],
        "stages": [[s.first, s.last, s.class_margins or s.margin, s.base, s.base_shift] for s in forest.stages],
        "prior": forest.prior,
        "clip_margin": forest.clip_margin,
        "unit": forest.unit,
        "lost": forest.lost,
        **{name: keep(getattr(forest, name)) for name in FOREST_ARRAYS},
    }


def _forest_from_json(entry: dict[str, Any], arrays: dict[str, np.ndarray]) -> Forest:
    return Forest(
        classes=int(entry["classes"]),
        features=tuple(Feature(str(m), (int(t), int(b), int(c))) for m, t, b, c in entry["features"]),
        stages=tuple(_stage_from_json(*stage) for stage in entry["stages"]),
        prior=int(entry.get("prior", -1)),
        clip_margin=int(entry.get("clip_margin", NEVER)),
        unit=float(entry["unit"]),
        lost={str(k): float(v) for k, v in entry["lost"].items()},
        **{name: _value(entry[name], arrays) for name in FOREST_ARRAYS},
    )


def _stage_from_json(first: Any, last: Any, margin: Any, base: Any, shift: Any) -> Stage:
    each = tuple(int(m) for m in margin) if isinstance(margin, list) else None
    return Stage(int(first), int(last), min(each) if each else int(margin), base, int(shift), each)


def _value(entry: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(entry, dict):
        return arrays[entry["array"]]
    return tuple(_value(v, arrays) for v in entry) if isinstance(entry, list) else entry


def _pack(arrays: dict[str, np.ndarray]) -> bytes:
    """An npz with fixed dates: the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return buffer.getvalue()


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / JSON_NAME
    if not path.is_file():
        raise ModelFileError(f"{folder} holds no model ({JSON_NAME} is missing): name a folder written by hybrid fit")
    if path.stat().st_size > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than any model: it is damaged, fit again")
    try:
        document = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}): fit again") from None
    if not isinstance(document, dict) or document.get("format") not in range(1, FORMAT + 1):
        raise ModelFileError(f"{path} is not a model of format 1 to {FORMAT}: fit again with this version")
    if document.get("digest") != _digest(document):
        raise ModelFileError(f"{path} was edited or damaged (its digest differs): fit again")
    return document


def _unpack(folder: Path, document: dict[str, Any]) -> dict[str, np.ndarray]:
    path = folder / ARRAYS_NAME
    if not path.is_file():
        raise ModelFileError(f"{path} is missing: copy both files of the model, or fit again")
    try:
        packed = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        if hashlib.sha256(packed).hexdigest() != document.get("arrays_sha256"):
            raise ModelFileError(f"{path} does not belong to {JSON_NAME} or is damaged: fit again")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise ModelFileError(f"{path} unpacks to more than any model: refused")
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ModelFileError:
        raise
    except Exception as error:  # on hostile bytes the readers of zip and npy raise errors of a dozen kinds
        raise ModelFileError(f"{path} is damaged ({type(error).__name__}: {error}): fit again") from None


def _digest(document: dict[str, Any]) -> str:
    content = {k: v for k, v in document.items() if k != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
