"""The graph's front: samples, log-mel frames, and the cheap maps beside them."""

from __future__ import annotations

from feature_extractors.graph import Graph, GraphError
from feature_extractors.ops.base import OpError
from feature_extractors.ops.contrast import Contrast
from feature_extractors.ops.dct import dct
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.place import placement
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.samples import Samples
from feature_extractors.ops.zero_crossings import ZeroCrossings
from hybrid.config import Config
from hybrid.errors import HybridError

PCM, LOG_MEL, LOUDNESS = "pcm", "log_mel", "loudness"


def window_samples(config: Config) -> int:
    """Samples of one window."""
    return round(config.audio.window_s * config.audio.rate)


def front_end(config: Config) -> Graph:
    """A graph with the samples, the log-mel and every cheap map. Raises HybridError for impossible settings."""
    front, graph = config.front_end, Graph()
    try:
        graph.add(PCM, Samples(config.audio.rate, window_samples(config)))
        frames = (front.frame, front.hop)
        graph.add("energy", FrameEnergy(*frames), [PCM])
        graph.add("crossings", ZeroCrossings(*frames), [PCM])
        span = (front.bands, front.fmin, front.fmax)
        mel = log_mel(config.audio.rate, *frames, *span, front.floor, front.placed, front.keep_bands)
        graph.add(LOG_MEL, mel, [PCM, *_place(graph, config)])
        if front.coefficients:
            graph.add("mfcc", dct(front.heard_bands, front.coefficients), [LOG_MEL])
        _add_contrasts(graph, config)
        times, bands = config.forest.log_mel_regions
        for kind in ("mean", "max"):
            graph.add(f"log_mel_{kind}", Pool(kind, times, bands, 1), [LOG_MEL])
    except (GraphError, OpError) as error:
        raise HybridError(f"these settings give no model: {error}") from None
    return graph


def _place(graph: Graph, config: Config) -> list[str]:
    """The map of the first frame that is heard, where not all are."""
    front = config.front_end
    if not front.placed:
        return []
    energy, place = placement(window_samples(config), front.frame, front.hop, front.placed, front.place_step)
    return [graph.add("place", place, [graph.add(LOUDNESS, energy, [PCM])])]


def _add_contrasts(graph: Graph, config: Config) -> None:
    """What a gate looks at: contrasts of the energies that a window is placed by, or would be."""
    if not config.gate.on:
        return
    half = FrameEnergy(max(config.front_end.hop // 2, 2), config.front_end.hop, centred=True)
    below = graph.add(LOUDNESS, half, [PCM])
    for width in dict.fromkeys(config.gate.widths):
        graph.add(f"contrast_{width}", Contrast(width), [below])
