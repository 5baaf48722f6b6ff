"""scikit-learn's view of the product: `HybridClassifier` on arrays of audio (n_clips, n_samples)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import NativeModel
from hybrid.config import Config, apply, load_config
from hybrid.errors import HybridError
from hybrid.fit import Console, fit_windows
from hybrid.model_file import Model, load, save
from hybrid.output import replaced_folder
from hybrid.windows import Windows

FULL_SCALE = 32768


class HybridClassifier(ClassifierMixin, BaseEstimator):
    """Audio classifier whose generated C computes features on demand.

    X: (n_clips, n_samples); int16 PCM as it is, floats as samples in +-1 (beyond that they saturate). All clips have
    one length, which becomes the model's window (padded to one frame where it is shorter).

    Parameters
    ----------
    rate: sample rate of X, Hz.
    preset: named settings, or None.
    settings: dict of sections over the preset, {'trunk': {'channels': [24, 32], ...}}, or None.
    validation_fraction: share of the clips on which epochs and exits are chosen.
    head: 'trees', or 'dense' for the linear head on the same trunk.
    random_state: seed, int or None (0).
    engine: 'c' (compiled generated C) or 'interpreter'; the results are the same.

    Attributes: classes_, n_features_in_, model_ (graph, forest and labels).
    """

    def __init__(
        self,
        rate: int = 16000,
        preset: str | None = None,
        settings: dict[str, dict[str, Any]] | None = None,
        validation_fraction: float = 0.2,
        head: str = "trees",
        random_state: int | None = 0,
        engine: str = "interpreter",
    ) -> None:
        self.rate = rate
        self.preset = preset
        self.settings = settings
        self.validation_fraction = validation_fraction
        self.head = head
        self.random_state = random_state
        self.engine = engine

    def fit(self, X: Any, y: Any) -> HybridClassifier:
        """Train. X: (n_clips, n_samples); y: (n_clips,) labels of any type. Raises ValueError for what does not fit."""
        X, y = validate_data(self, X, y, dtype=None)
        X = _numeric(X)
        check_classification_targets(y)
        self.classes_, truth = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("HybridClassifier needs two classes or more, the data has one class")
        config = self._config(X.shape[1])
        pcm = self._pcm(X, config)
        seed = 0 if self.random_state is None else int(self.random_state)
        first, second = _split(truth, self.validation_fraction, seed)
        labels = tuple(str(c) for c in self.classes_)
        fitted = fit_windows(
            _windows(pcm[first], truth[first]), _windows(pcm[second], truth[second]), [], labels, config, "model", seed,
            Console(),
        )  # fmt: skip
        plan = fitted.plan if self.head == "trees" else fitted.dense
        self.model_ = Model(plan, {"config": config.to_dict(), "seed": seed, "head": self.head})
        self._native: NativeModel | None = None
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores in logits: (n_clips, n_classes), or (n_clips,) for two classes."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax of the scores at which each decision left, (n_clips, n_classes)."""
        scores = self._scores(X)
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Labels, (n_clips,)."""
        return self.classes_[self._scores(X).argmax(axis=1)]

    def save(self, folder: str | Path) -> None:
        """Write model files and generated C to a folder. Nothing in it is a pickle."""
        check_is_fitted(self)
        with replaced_folder(Path(folder)) as aside:
            about = self.model_.about | {
                "estimator": {**self.get_params(), "classes": _plain_classes(self.classes_)},
                "n_features_in": int(self.n_features_in_),
            }
            save(Model(self.model_.plan, about), aside)
            write_code(self.model_.plan, aside)

    @classmethod
    def load(cls, folder: str | Path) -> HybridClassifier:
        """The estimator that `save` wrote. Raises HybridError for a damaged folder."""
        model = load(Path(folder))
        try:
            params = dict(model.about["estimator"])
            kind, values = params.pop("classes")
            found = cls(**params)
            found.classes_ = np.array(values, dtype=np.dtype(kind))
            found.n_features_in_ = int(model.about["n_features_in"])
        except (KeyError, TypeError, ValueError) as error:
            raise HybridError(f"{folder} was not written by HybridClassifier.save ({error})") from None
        found.model_, found._native = model, None
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_native": None}

    def _config(self, samples: int) -> Config:
        config = load_config(self.preset, None, self.settings)
        window = max(samples, config.front_end.frame)
        audio = {"rate": int(self.rate), "window_s": window / self.rate}
        return apply(config, {"audio": audio}, "HybridClassifier")

    def _pcm(self, X: np.ndarray, config: Config) -> np.ndarray:
        if X.dtype != np.int16:
            X = np.clip(np.rint(X.astype(np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        missing = round(config.audio.window_s * config.audio.rate) - X.shape[1]
        return np.pad(X, ((0, 0), (0, max(0, missing))))

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = _numeric(validate_data(self, X, reset=False, dtype=None))
        config = apply(Config(), self.model_.about["config"], "model")
        pcm, plan = self._pcm(X, config), self.model_.plan
        scores = self._run_native(pcm) if self.engine == "c" else interpret.run(plan, pcm).scores
        return scores * plan.forest.unit

    def _run_native(self, pcm: np.ndarray) -> np.ndarray:
        if self._native is None:
            with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
                write_code(self.model_.plan, Path(scratch))
                self._native = NativeModel(Path(scratch), self.model_.plan.name)
        return self._native.run(pcm).scores


def _numeric(X: np.ndarray) -> np.ndarray:
    """X as numbers. Raises ValueError for text, TypeError-free for object arrays of numbers."""
    if X.dtype.kind in "iub" or X.dtype.kind == "f":
        return X
    return X.astype(np.float64)


def _windows(pcm: np.ndarray, truth: np.ndarray) -> Windows:
    numbers = np.arange(len(pcm))
    return Windows(pcm, truth, numbers, truth, tuple(f"row {i}" for i in numbers))


def _split(truth: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stratified row numbers for training and validation; the same rows twice where a class has one row only."""
    everything = np.arange(len(truth))
    if np.bincount(truth).min() < 2:
        return everything, everything
    held = max(round(fraction * len(truth)), len(np.unique(truth)))
    splitter = StratifiedShuffleSplit(1, test_size=min(held, len(truth) // 2), random_state=seed)
    try:
        first, second = next(splitter.split(everything, truth))
    except ValueError:
        return everything, everything
    return np.sort(first), np.sort(second)


def _plain_classes(classes: np.ndarray) -> list[Any]:
    return [classes.dtype.str if classes.dtype != object else "<U64", classes.tolist()]
