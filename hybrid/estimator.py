"""scikit-learn's view of the product: `HybridClassifier` on arrays of audio (n_clips, n_samples)."""

from __future__ import annotations

import tempfile
import warnings
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
from hybrid.fit import HEADS, NO_SPLIT
from hybrid.model_file import Model, load, save
from hybrid.output import replaced_folder
from hybrid.report.plain import plain
from hybrid.training import Console, Fitted, fit_windows
from hybrid.windows import Windows

FULL_SCALE = 32768
ENGINES = ("c", "interpreter")
SEED_LIMIT = 2**31 - 1000


class HybridClassifier(ClassifierMixin, BaseEstimator):
    """Audio classifier whose generated C computes features on demand.

    X: (n_clips, n_samples); integers are int16 PCM, floats samples in +-1 (beyond that they saturate). All clips have
    one length, which becomes the model's window (padded to one frame where it is shorter).

    Parameters
    ----------
    rate: sample rate of X, Hz.
    preset: named settings, or None.
    settings: dict of sections over the preset, {'trunk': {'channels': [24, 32], ...}}, or None. The upper edge of the
        bands (front_end.fmax) is lowered to half the rate where it is not set here.
    validation_fraction: share of the clips on which epochs and exits are chosen, above 0, below 1.
    head: 'trees', or 'dense' for the linear head on the same trunk.
    random_state: seed; None is 0, and a RandomState is drawn from.
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
        random_state: int | np.random.RandomState | None = 0,
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
        X, y = validate_data(self, X, y, dtype="numeric")
        check_classification_targets(y)
        self.classes_, truth = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("HybridClassifier needs two classes or more, the data has one class")
        self._check_parameters()
        seed = _seed(self.random_state)
        try:
            config = self._config(X.shape[1])
            fitted = self._train(_pcm(X, config), truth, config, seed)
        except HybridError as error:
            raise ValueError(str(error)) from error
        plan = fitted.plan if self.head == "trees" else fitted.dense
        if not plan.maps:
            warnings.warn(f"{NO_SPLIT}: the linear head decides", UserWarning, stacklevel=2)
            plan = fitted.dense
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
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    def save(self, folder: str | Path) -> None:
        """Write model files and generated C to a folder. Nothing in it is a pickle.

        Raises HybridError if the folder cannot be written, TypeError for labels that JSON cannot hold (bytes).
        """
        check_is_fitted(self)
        params = {**self.get_params(), "random_state": self.model_.about["seed"]}
        about = self.model_.about | {
            "estimator": plain({**params, "classes": [self.classes_.dtype.str, self.classes_.tolist()]}),
            "n_features_in": int(self.n_features_in_),
        }
        with replaced_folder(Path(folder)) as aside:
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
        if tuple(map(str, found.classes_)) != model.plan.labels:
            raise HybridError(f"{folder}: the classes are not those of the model: fit again")
        found.model_, found._native = model, None
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_native": None}

    def _check_parameters(self) -> None:
        for name, choices in (("head", HEADS), ("engine", ENGINES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown: choose from {', '.join(choices)}")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must lie between 0 and 1, not be {self.validation_fraction!r}")
        if not 1000 <= self.rate <= 192_000:
            raise ValueError(f"rate must be a sample rate of 1000 to 192000 Hz, not {self.rate!r}")

    def _config(self, samples: int) -> Config:
        config = load_config(self.preset, None, self.settings)
        rate, front = int(self.rate), config.front_end
        values: dict[str, dict[str, Any]] = {"audio": {"rate": rate, "window_s": max(samples, front.frame) / rate}}
        if "fmax" not in (self.settings or {}).get("front_end", {}):
            values["front_end"] = {"fmax": min(front.fmax, rate // 2)}
        return apply(config, values, "HybridClassifier")

    def _train(self, pcm: np.ndarray, truth: np.ndarray, config: Config, seed: int) -> Fitted:
        first, second = _split(truth, self.validation_fraction, seed)
        training, validation = _windows(pcm[first], truth[first]), _windows(pcm[second], truth[second])
        labels = tuple(map(str, self.classes_))
        return fit_windows(training, validation, [], labels, config, "model", seed, Console())

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype="numeric")
        plan = self.model_.plan
        pcm = _pcm(X, apply(Config(), self.model_.about["config"], "model"))
        scores = self._run_native(pcm) if self.engine == "c" else interpret.run(plan, pcm).scores
        return scores * plan.forest.unit

    def _run_native(self, pcm: np.ndarray) -> np.ndarray:
        if self._native is None:
            with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
                write_code(self.model_.plan, Path(scratch))
                self._native = NativeModel(Path(scratch), self.model_.plan.name)
        return self._native.run(pcm).scores


def _seed(random_state: Any) -> int:
    """A seed from what scikit-learn allows. Raises ValueError for anything else."""
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(SEED_LIMIT))
    seed = int(random_state)
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"random_state must lie from 0 to {SEED_LIMIT - 1}, not be {seed}")
    return seed


def _pcm(X: np.ndarray, config: Config) -> np.ndarray:
    """X as int16 windows of the model. Raises ValueError for integers beyond int16."""
    if X.dtype.kind in "iu" and X.dtype != np.int16:
        if X.min() < -FULL_SCALE or X.max() >= FULL_SCALE:
            raise ValueError("integers are taken as int16 PCM, these lie beyond it: scale them, or pass floats in +-1")
        X = X.astype(np.int16)
    elif X.dtype != np.int16:
        scaled = np.rint(X.astype(np.float64) * FULL_SCALE)
        X = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    missing = round(config.audio.window_s * config.audio.rate) - X.shape[1]
    return np.pad(X, ((0, 0), (0, max(0, missing))))


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
