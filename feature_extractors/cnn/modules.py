"""Torch modules: a float trunk to start from, the same trunk with its integer arithmetic simulated, and a teacher.

Inside, maps are [clip, channel, time, band] in channels_last memory: on CPUs a depthwise Conv2d over [.., time, 1] is
about twice as fast as a Conv1d. Log-mels are float [clip, frame, band] in log2 units above the floor (so >= 0, and 0 is
what the zero padding stands for).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from feature_extractors.cnn import quantise
from feature_extractors.cnn.quantise import LOGIT_SCALE, LOGMEL, LOGMEL_SCALE, QuantisedLayer, QuantisedTrunk
from feature_extractors.cnn.spec import Shape, TrunkSpec, head_name, part_bounds

INPUT_GAIN = 1 / 8
"""Brings log2 units (0..22) near the range that initial weights expect; folded into the first convolution."""
CLIP_CANDIDATES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Fractions of an activation's maximum that are tried as the end of its range."""


def as_maps(logmel: Tensor, family: str) -> Tensor:
    """[clip, frame, band] -> [clip, channel, time, band] as the family sees it."""
    maps = logmel.transpose(1, 2)[..., None] if family == "time" else logmel[:, None]
    return maps.contiguous(memory_format=torch.channels_last)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, spec: TrunkSpec, depth: int) -> Tensor:
    """The padded, strided convolution of a depth; depthwise if `weight` [out, in, kernel] has in = 1 and x more."""
    (t0, t1), (b0, b1) = spec.pads(depth)
    kernel = spec.blocks[depth - 1].kernel
    padding = (t0, b0)
    # torch's gradient of depthwise weights over time alone is several times slower where the convolution pads
    if any(k % 2 == 0 for k in kernel) or (x.shape[3] == 1 and kernel[0] > 1):
        x, padding = functional.pad(x, (b0, b1, t0, t1)), (0, 0)
    groups = x.shape[1] // weight.shape[1]
    return functional.conv2d(x, weight, bias, spec.blocks[depth - 1].stride, padding, 1, groups)


def pooled(x: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Mean and maximum over bands and each of `parts` parts of time: [clip, parts * channels] each, part by part."""
    cuts = [x[:, :, a:b] for a, b in part_bounds(x.shape[2], parts)]
    mean = torch.stack([cut.mean(dim=(2, 3)) for cut in cuts], dim=1)
    peak = torch.stack([cut.amax(dim=(2, 3)) for cut in cuts], dim=1)
    return mean.flatten(1), peak.flatten(1)


# ---- float -----------------------------------------------------------------------------------------------------------


class FloatBlock(nn.Module):
    """One depth in float: convolutions without bias, batch norm, ReLU."""

    def __init__(self, spec: TrunkSpec, depth: int) -> None:
        super().__init__()
        self.spec, self.depth = spec, depth
        block, before = spec.blocks[depth - 1], spec.shapes()[depth - 1].channel
        self.block = block
        fan_in = before if block.kind == "conv" else 1
        out = block.channels if block.kind == "conv" else before
        self.spatial = nn.Conv2d(before, out, block.kernel, groups=before // fan_in, bias=False)
        self.between = nn.BatchNorm2d(before) if block.kind == "separable" and block.depthwise_relu else None
        self.pointwise = nn.Conv2d(before, block.channels, 1, bias=False) if block.kind == "separable" else None
        self.norm = nn.BatchNorm2d(block.channels)
        self.watched = False
        self.spread: Tensor | None = None
        """Standard deviation of each channel of the first convolution over the last batch, where it is watched."""

    def forward(self, x: Tensor) -> Tensor:
        x = convolve(x, self.spatial.weight, None, self.spec, self.depth)
        if self.watched:
            self.spread = x.std(dim=(0, 2, 3))
        if self.between is not None:
            x = functional.relu(self.between(x))
        if self.pointwise is not None:
            x = self.pointwise(x)
        return functional.relu(self.norm(x))


class FloatTrunk(nn.Module):
    """The trunk in float with batch norm and a linear head at every depth of `spec.heads`; its scout beside it.

    gains: learn a gain, not negative, for each band in front of the trunk (family 'time' only).
    """

    def __init__(self, spec: TrunkSpec, classes: int, gains: bool = False) -> None:
        super().__init__()
        if gains and spec.family != "time":
            raise ValueError("gains of bands need a trunk of the family 'time', whose first block tells bands apart")
        self.band_gains = nn.Parameter(torch.ones(spec.bands)) if gains else None
        self.scout = FloatTrunk(spec.scout, classes, gains) if spec.scout is not None else None
        self.spec, self.classes = spec, classes
        self.blocks = nn.ModuleList(FloatBlock(spec, d) for d in range(1, len(spec.blocks) + 1))
        self.blocks[0].watched = gains
        self.heads = nn.ModuleDict({str(d): nn.Linear(spec.head_inputs(d), classes) for d in spec.heads})

    def forward(self, logmel: Tensor) -> list[Tensor]:
        """Logits [clip, class] of every head, the scout's first. logmel: [clip, frame, band]."""
        logits = self.scout(logmel) if self.scout is not None else []
        x = as_maps(logmel * self.input_gain(), self.spec.family)
        for depth, block in enumerate(self.blocks, 1):
            x = block(x)
            if depth in self.spec.heads:
                features = [f for parts in self.spec.head_parts for f in pooled(x, parts)]
                logits.append(self.heads[str(depth)](torch.cat(features, 1)))
        return logits

    def input_gain(self) -> Tensor | float:
        """What log2 units are multiplied by: one number, or one for each band."""
        return INPUT_GAIN if self.band_gains is None else INPUT_GAIN * self.band_gains.abs()

    def heard(self) -> Tensor:
        """How strongly the first block hears each band, [band]; after a forward pass with `watched` blocks.

        In each output channel, whose scale means nothing behind a batch norm, a band's part is its weight there times
        how much what it is weighted on varies over the batch, the parts of all bands together having L2 norm 1. So
        neither weights behind a gain can make up for it, nor can a filter be large that lets nothing through.
        """
        block = self.blocks[0]
        if block.pointwise is not None:
            reads = block.pointwise.weight[:, :, 0, 0].abs() * block.spread
        else:
            reads = block.spatial.weight.flatten(2).norm(dim=2)
            reads = reads if self.band_gains is None else reads * self.band_gains.abs()
        return (reads / reads.norm(dim=1, keepdim=True).clamp_min(1e-12)).norm(dim=0)

    def band_penalty(self) -> Tensor:
        """L1 norm of how strongly the bands are heard: 1 where all are heard alike, less where few are."""
        heard = self.heard()
        own = heard.sum() / (len(heard) * self.spec.blocks[0].channels) ** 0.5
        return own if self.scout is None else own + self.scout.band_penalty()

    @torch.no_grad()
    def band_strengths(self, logmel: Tensor) -> np.ndarray:
        """How strongly each band is heard, the strongest 1, by trunk or scout: float64 [band]. Family 'time' only.

        logmel: samples, float [clip, frame, band].
        """
        first = self.blocks[0]
        before, first.watched = first.watched, True
        first(as_maps(logmel * self.input_gain(), self.spec.family))
        first.watched = before
        heard = self.heard().double().numpy()
        own = heard / max(float(heard.max()), 1e-12)
        if self.scout is None or self.scout.spec.family != "time":
            return own
        return np.maximum(own, self.scout.band_strengths(logmel))


class ResidualBlock(nn.Module):
    """Depthwise 5x3, pointwise, with a shortcut where the shape stays."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, before, (5, 3), stride, (2, 1), groups=before, bias=False),
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.Conv2d(before, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = before == after and stride == (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return functional.relu(x + y if self.shortcut else y)


class Teacher(nn.Module):
    """A 2-D residual separable network over (time, band), some ten times the trunk: used in training only."""

    def __init__(self, frames: int, bands: int, classes: int, widths: tuple[int, ...], dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, (2, 2), 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        strides = [(1, 2), (2, 2), (1, 2)] + [(1, 1)] * len(widths)
        body: list[nn.Module] = []
        for before, after, stride in zip(widths[:-1], widths[1:], strides, strict=False):
            body += [ResidualBlock(before, after, stride), ResidualBlock(after, after, (1, 1))]
        self.body = nn.Sequential(*body)
        with torch.no_grad():
            columns = self.eval().body(self.stem(torch.zeros(1, 1, frames, bands))).shape[3]
        self.train()
        self.head = nn.Linear(2 * widths[-1] * columns, classes)
        self.dropout = dropout

    def forward(self, logmel: Tensor, generator: torch.Generator | None = None) -> list[Tensor]:
        """Logits [clip, class] in a list of one, so that it trains as a trunk does. logmel: [clip, frame, band].

        Dropout is drawn from `generator`, not from torch's global state: teachers train side by side in threads.
        """
        x = self.body(self.stem(as_maps(logmel * INPUT_GAIN, "dscnn")))
        features = torch.cat([x.mean(2), x.amax(2)], 1).flatten(1)
        if generator is not None:
            kept = torch.rand(features.shape, generator=generator) >= self.dropout
            features = features * kept / (1 - self.dropout)
        return [self.head(features)]


# ---- integer arithmetic, simulated -----------------------------------------------------------------------------------


def straight_through(value: Tensor, replacement: Tensor) -> Tensor:
    """`replacement` forward, the gradient of `value` backward (Bengio et al. 2013, arXiv 1308.3432)."""
    return value + (replacement - value).detach() if value.requires_grad else replacement


def fake_activation(x: Tensor, scale: float, lo: int, hi: int) -> Tensor:
    """x rounded half up to a multiple of `scale` and clamped to [lo, hi] steps; no gradient outside."""
    steps = (x / scale).clamp(lo, hi)
    return straight_through(steps, torch.floor(steps + 0.5)) * scale


def fake_rows(weight: Tensor) -> tuple[Tensor, np.ndarray]:
    """Weights as int8 per output channel will hold them, and their scales float64 [out]."""
    q, scale = quantise.quantise_rows(weight.detach().numpy())
    restored = q * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return straight_through(weight, torch.from_numpy(restored).to(weight.dtype)), scale


def fake_bias(bias: Tensor, unit: np.ndarray) -> Tensor:
    """Bias as int32 in steps of `unit` [out] will hold it."""
    restored = quantise.quantise_bias(bias.detach().numpy(), unit) * unit
    return straight_through(bias, torch.from_numpy(restored).to(bias.dtype))


class QuantConv(nn.Module):
    """One convolution, batch norm folded in, with int8 weights and a requantised output."""

    def __init__(self, weight: Tensor, bias: Tensor, relu: bool, pointwise: bool = False) -> None:
        """pointwise: the second half of a separable block, which has no stride."""
        super().__init__()
        self.pointwise = pointwise
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone(), requires_grad=relu)
        self.dtype = "uint8" if relu else "int8"
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    @property
    def limits(self) -> tuple[int, int]:
        return quantise.RANGES[self.dtype]

    @property
    def step(self) -> float:
        """Real value of one step of the output."""
        return float(self.scale)

    def forward(self, x: Tensor, in_step: float, spec: TrunkSpec, depth: int) -> Tensor:
        """x in real units, multiples of in_step -> output in real units, multiples of `step`."""
        return fake_activation(self.linear(x, in_step, spec, depth), self.step, *self.limits)

    def linear(self, x: Tensor, in_step: float, spec: TrunkSpec, depth: int) -> Tensor:
        """The output before requantisation."""
        weight, scale = fake_rows(self.weight)
        bias = fake_bias(self.bias, scale * in_step)
        if self.pointwise:
            return functional.conv2d(x, weight, bias)
        return convolve(x, weight, bias, spec, depth)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Choose the scale that loses least of `x`, samples of the output before requantisation (mean square)."""
        lo, hi = self.limits
        top = max(float(x.max()) / hi, float(x.min()) / lo if lo else 0.0, 1e-6)
        losses = [
            float(((fake_activation(x, top * c, lo, hi) - x.clamp_min(lo * 1e9)) ** 2).mean()) for c in CLIP_CANDIDATES
        ]
        self.scale.fill_(top * CLIP_CANDIDATES[int(np.argmin(losses))])


class QuantHead(nn.Module):
    """An affine head on integer pools: int8 weights per row, a power-of-two shift per input map."""

    def __init__(self, linear: nn.Linear, spec: TrunkSpec, depth: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().clone())
        self.bias = nn.Parameter(linear.bias.detach().clone())
        shape, self.parts = spec.shapes()[depth], spec.head_parts
        self.lengths = tuple(shape.channel * parts for parts in self.parts for _ in range(2))
        self.units = np.concatenate([unit for parts in self.parts for unit in self._pool_units(shape, parts)])

    @staticmethod
    def _pool_units(shape: Shape, parts: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and maximum that one integer step of each pooled value stands for, in steps of the pooled map."""
        shift = pool_shift(shape, parts)
        sizes = np.array([(b - a) * shape.band for a, b in part_bounds(shape.time, parts)], np.float64)
        return np.repeat(2.0**shift / sizes, shape.channel), np.ones(parts * shape.channel)

    def integer(self, step: float) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """int8 weights [row, input], row scales float64 [row] and segment shifts, for a pooled map with this step."""
        return quantise.quantise_segments(self.weight.detach().numpy() * (self.units * step), self.lengths)

    def forward(self, x: Tensor, step: float) -> Tensor:
        """Logits [clip, class], multiples of LOGIT_SCALE. x: map in real units, multiples of `step`."""
        features = torch.cat([f for parts in self.parts for f in quant_pooled(x, step, parts)], 1)
        q, scale, shifts = self.integer(step)
        restored = q * quantise.expand_shifts(shifts, self.lengths) * scale[:, None] / (self.units * step)
        weight = straight_through(self.weight, torch.from_numpy(restored).to(x.dtype))
        logits = functional.linear(features, weight, fake_bias(self.bias, scale))
        return fake_activation(logits, LOGIT_SCALE, *quantise.RANGES["int16"])


def pool_shift(shape: Shape, parts: int) -> int:
    """Right shift of the mean pools of a map: one for all parts, so the longest part decides."""
    longest = max(b - a for a, b in part_bounds(shape.time, parts))
    return quantise.mean_pool_shift(longest * shape.band, quantise.RANGES["uint8"][1])


def quant_pooled(x: Tensor, step: float, parts: int) -> tuple[Tensor, Tensor]:
    """`pooled`, the means rounded as the shifted integer sums are."""
    mean, peak = pooled(x, parts)
    shape = Shape(x.shape[2], x.shape[3], x.shape[1])
    shift = pool_shift(shape, parts)
    if not shift:
        return mean, peak
    sizes = [(b - a) * shape.band for a, b in part_bounds(shape.time, parts)]
    unit = step * 2.0**shift / torch.tensor(sizes, dtype=x.dtype).repeat_interleave(shape.channel)
    # the sum is a whole number of steps: rounding it first keeps ties of the shift exact
    sums = torch.round(mean / unit * 2**shift).detach()
    return straight_through(mean, torch.floor(sums / 2**shift + 0.5) * unit), peak


class QuantTrunk(nn.Module):
    """The trunk with integer arithmetic simulated, trained with straight-through gradients.

    In double precision its outputs equal those of `export()` bit for bit; in single precision an accumulator next to a
    rounding boundary may fall on the other side.
    """

    def __init__(self, trunk: FloatTrunk) -> None:
        super().__init__()
        self.spec, self.classes = trunk.spec, trunk.classes
        self.scout = QuantTrunk(trunk.scout) if trunk.scout is not None else None
        self.blocks = nn.ModuleList(
            nn.ModuleList(fold_block(b, trunk.input_gain() if i == 0 else 1.0)) for i, b in enumerate(trunk.blocks)
        )
        self.heads = nn.ModuleDict({str(d): QuantHead(trunk.heads[str(d)], self.spec, d) for d in self.spec.heads})

    def forward(self, logmel: Tensor) -> list[Tensor]:
        """Logits [clip, class] of every head, the scout's first. logmel: [clip, frame, band], of LOGMEL_SCALE."""
        logits = self.scout(logmel) if self.scout is not None else []
        for depth, x, step in self._depths(logmel):
            if depth in self.spec.heads:
                logits.append(self.heads[str(depth)](x, step))
        return logits

    def _depths(self, logmel: Tensor) -> Iterator[tuple[int, Tensor, float]]:
        """(depth, output map in real units, its step), in order."""
        x, step = as_maps(logmel, self.spec.family), LOGMEL_SCALE
        for depth, convs in enumerate(self.blocks, 1):
            for conv in convs:
                x, step = conv(x, step, self.spec, depth), conv.step
            yield depth, x, step

    @torch.no_grad()
    def calibrate(self, logmel: Tensor) -> None:
        """Set every activation scale from sample log-mels, after levelling the channels of each depthwise output."""
        if self.scout is not None:
            self.scout.calibrate(logmel)
        x, step = as_maps(logmel, self.spec.family), LOGMEL_SCALE
        for depth, convs in enumerate(self.blocks, 1):
            if len(convs) == 2:
                level_channels(convs[0], convs[1], convs[0].linear(x, step, self.spec, depth))
            for conv in convs:
                conv.calibrate(conv.linear(x, step, self.spec, depth))
                x, step = conv(x, step, self.spec, depth), conv.step

    def export(self) -> QuantisedTrunk:
        """The integer trunk. Raises OpError where an accumulator could leave int32."""
        layers = list(self.scout.export().layers) if self.scout is not None else []
        name, step, magnitude = LOGMEL, LOGMEL_SCALE, 2**15
        for depth, convs in enumerate(self.blocks, 1):
            for conv in convs:
                layer = export_conv(conv, name, step, self.spec, depth)
                quantise.check_layer(layer, [magnitude], [])
                layers.append(layer)
                name, step, magnitude = layer.name, conv.step, max(-layer.lo, layer.hi)
            if depth in self.spec.heads:
                layers += export_head(self.heads[str(depth)], name, step, self.spec, depth)
        return QuantisedTrunk(self.spec.family, self.spec.input_shape, tuple(layers), self.spec.head_names())


@torch.no_grad()
def level_channels(depthwise: QuantConv, pointwise: QuantConv, output: Tensor) -> None:
    """Scale depthwise channels to equal peaks and undo it in the pointwise weights (Nagel 2019, arXiv 1906.04721).

    Both are linear or clamped at 0, so the float function stays, but all channels fill the one scale of the tensor.
    """
    peak = output.abs().amax(dim=(0, 2, 3)).clamp_min(1e-6)
    factor = (peak.log().mean() - peak.log()).clamp(-3.0, 3.0).exp()
    depthwise.weight.mul_(factor[:, None, None, None])
    depthwise.bias.mul_(factor)
    pointwise.weight.div_(factor[None, :, None, None])


@torch.no_grad()
def fold_block(block: FloatBlock, gain: Tensor | float) -> list[QuantConv]:
    """The convolutions of a block with batch norm folded in; `gain` scales the block's input, or each channel of it."""
    if block.pointwise is None:
        each = gain[None, :, None, None] if isinstance(gain, Tensor) else gain
        return [QuantConv(*fold_norm(block.spatial.weight * each, block.norm), relu=True)]
    spatial = block.spatial.weight * (gain[:, None, None, None] if isinstance(gain, Tensor) else gain)
    if block.between is None:
        first = QuantConv(spatial, torch.zeros(len(spatial)), relu=False)
    else:
        first = QuantConv(*fold_norm(spatial, block.between), relu=True)
    return [first, QuantConv(*fold_norm(block.pointwise.weight, block.norm), relu=True, pointwise=True)]


def fold_norm(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that includes its batch norm's running statistics."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


# ---- export ----------------------------------------------------------------------------------------------------------


def export_conv(conv: QuantConv, source: str, in_step: float, spec: TrunkSpec, depth: int) -> QuantisedLayer:
    """The integer layer of one convolution of a depth."""
    block, before, after = spec.blocks[depth - 1], spec.shapes()[depth - 1], spec.shapes()[depth]
    kind = "pointwise" if conv.pointwise else "conv" if block.kind == "conv" else "depthwise"
    q, scale = quantise.quantise_rows(conv.weight.detach().numpy())
    multiplier, shift = quantise.multipliers(scale * in_step / conv.step)
    weights = {"conv": q.transpose(0, 2, 3, 1), "depthwise": q[:, 0], "pointwise": q[:, :, 0, 0]}[kind]
    spatial = kind != "pointwise"
    return QuantisedLayer(
        name=f"{spec.prefix}{kind}{depth}",
        kind=kind,
        inputs=(source,),
        shape=after if kind != "depthwise" else Shape(after.time, after.band, before.channel),
        dtype=conv.dtype,
        lo=conv.limits[0],
        hi=conv.limits[1],
        scale=conv.step,
        weights=np.ascontiguousarray(weights),
        bias=quantise.quantise_bias(conv.bias.detach().numpy(), scale * in_step),
        multiplier=multiplier,
        shift=shift,
        stride=block.stride if spatial else (1, 1),
        pads=spec.pads(depth) if spatial else ((0, 0), (0, 0)),
        group=spec.group,
    )


def export_head(head: QuantHead, source: str, step: float, spec: TrunkSpec, depth: int) -> list[QuantisedLayer]:
    """Pooled maps of a depth (for its head and for trees) and its affine head."""
    pools = [layer for parts in spec.all_parts() for layer in export_pools(source, step, spec, depth, parts)]
    inputs = tuple(
        quantise.pool_name(kind, depth, parts, spec.prefix) for parts in spec.head_parts for kind in ("mean", "max")
    )
    q, scale, shifts = head.integer(step)
    multiplier, shift = quantise.multipliers(scale / LOGIT_SCALE)
    lo, hi = quantise.RANGES["int16"]
    affine = QuantisedLayer(
        name=head_name(depth, spec.prefix),
        kind="affine",
        inputs=inputs,
        shape=Shape(1, 1, len(q)),
        dtype="int16",
        lo=lo,
        hi=hi,
        scale=LOGIT_SCALE,
        weights=q,
        bias=quantise.quantise_bias(head.bias.detach().numpy(), scale),
        multiplier=multiplier,
        shift=shift,
        segment_shifts=shifts,
    )
    known = {pool.name: pool.hi for pool in pools}
    quantise.check_layer(affine, [known[name] for name in inputs], list(head.lengths))
    return [*pools, affine]


def export_pools(source: str, step: float, spec: TrunkSpec, depth: int, parts: int) -> list[QuantisedLayer]:
    """Mean (a shifted sum: its scale is that of the sum, not of the mean) and maximum over parts of a map."""
    shape = spec.shapes()[depth]
    shift, top = pool_shift(shape, parts), quantise.RANGES["uint8"][1]
    longest = max(b - a for a, b in part_bounds(shape.time, parts)) * shape.band
    sum_top = (longest * top + (1 << shift >> 1)) >> shift
    out = Shape(parts, 1, shape.channel)
    common = {"inputs": (source,), "shape": out, "dtype": "int16", "lo": 0, "parts": parts, "group": spec.group}
    mean, peak = (quantise.pool_name(kind, depth, parts, spec.prefix) for kind in ("mean", "max"))
    return [
        QuantisedLayer(mean, "pool_mean", hi=sum_top, scale=step * 2**shift, pool_shift=shift, **common),
        QuantisedLayer(peak, "pool_max", hi=top, scale=step, **common),
    ]
