"""Prints what a user of a stand-alone header sees: comments, version handshake, constants, declarations."""

from __future__ import annotations

from codegen.forests.printing import Printing

FOREST_API = 1
RUNTIME = "hyb_forest.h"


def head(w: Printing) -> None:
    """The comment on top and the version handshake."""
    e, o = w.ensemble, w.model.options
    way = "by callback" if w.by_callback else "from an array"
    w.out.comment(
        f"{w.p}: {e.source} model, {e.task}, written by hybrid for {o.optimise}. Do not edit.",
        "",
        f"Use: #define {w.P}_IMPLEMENTATION in one C or C++ file before including this header.",
        f"{e.trees} trees, {e.nodes} nodes, {len(e.values)} leaves; {len(w.lowered.features)} of "
        f"{len(e.feature_names)} features are read, {way}, as {o.dtype}.",
        _accuracy(w),
        "Features that are read:",
        *(f"  {number}: {e.feature_names[number]}" for number in w.lowered.features),
    )
    w.out.lines([f"#ifndef {w.P}_H", f"#define {w.P}_H", f'#include "{RUNTIME}"'])
    w.out.line(f"#if HYB_FOREST_API != {FOREST_API}")
    w.out.line(
        f'#error "{w.p}.h was written for HYB_FOREST_API {FOREST_API}: '
        f'compile the model again with this hybrid, or use the {RUNTIME} written beside it"'
    )
    w.out.lines(["#endif", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""])


def _accuracy(w: Printing) -> str:
    if w.model.votes is not None and w.model.votes.exact:
        return "Labels are those of scikit-learn on every input, ties included."
    return f"No score differs by more than {w.model.error:.3g} from the original's."


def interface(w: Printing) -> None:
    """Constants and declarations."""
    e, out = w.ensemble, w.out
    out.line(f"#define {w.P}_FEATURES {len(e.feature_names)}")
    if e.labels:
        out.line(f"#define {w.P}_CLASSES {len(e.labels)}")
    out.line(f"#define {w.P}_SCORES {w.outputs}")
    _unit(w)
    out.line()
    if w.by_callback:
        _callbacks(w)
    if e.labels:
        out.line(f"extern const char *const {w.p}_labels[{w.P}_CLASSES];")
        out.comment("The class of one row of features, ties as in Python.")
    else:
        out.comment("The predicted value of one row of features.")
    out.line(f"{_answer(w)} {w.p}_predict({w.parameter});")
    out.comment("The scores of one row, every tree included. Returns the class (of a regression: the value).")
    out.line(f"int32_t {w.p}_scores({w.parameter}, int32_t scores[{w.P}_SCORES]);")
    if e.labels:
        out.comment("The same, and the probability of every class as a fraction of 2**15.")
        out.line(f"int32_t {w.p}_proba({w.parameter}, uint16_t proba[{w.P}_CLASSES]);")
    out.lines(["#ifdef __cplusplus", "}", "#endif", f"#endif /* {w.P}_H */", ""])


def _answer(w: Printing) -> str:
    return f"{w.p}_result" if w.by_callback else "int32_t"


def _unit(w: Printing) -> None:
    if w.model.sums is not None:
        w.out.comment(f"A score is its integer times 2**-{w.P}_SCORE_BITS.")
        w.out.line(f"#define {w.P}_SCORE_BITS {w.model.sums.bits}")
    elif w.model.votes is not None:
        w.out.comment(f"A probability is a score's integer times 2**-{w.P}_SCORE_BITS / {w.P}_TREES.")
        w.out.line(f"#define {w.P}_SCORE_BITS {w.model.votes.bits}")
        w.out.line(f"#define {w.P}_TREES {w.ensemble.trees}")


def _callbacks(w: Printing) -> None:
    """Prototypes of the functions that the user writes, and bounds of what they cost together."""
    out, callbacks = w.out, w.model.callbacks
    out.comment("Written by you; each is called at most once a decision, and only when a tree asks for it.")
    for callback in callbacks:
        out.line(f"{w.c_type} {callback.function}(void *user); /* {callback.feature}: cost {callback.cost} */".replace(
            "*/ */", "*/"))  # fmt: skip
    out.comment("Bounds of `.cost`: no input leaves them.")
    out.line(f"#define {w.P}_COST_MAX {sum(c.cost for c in callbacks)}")
    out.line(f"#define {w.P}_COST_MIN {_least_cost(w)}")
    with out.block("typedef struct", f"}} {w.p}_result;"):
        out.line(f"int32_t {'label' if w.ensemble.labels else 'value'};")
        out.line("uint32_t cost;  /* declared costs of the features that were asked for */")
        out.line("uint32_t asked; /* how many features were asked for */")


def _least_cost(w: Printing) -> int:
    """What the first tests of the trees before the first exit ask for."""
    if w.model.sums is not None:
        first = [branch.column for block in w.model.sums.programs[0] for branch in block.branches]
    else:
        first = [t.column for t in w.lowered.trees[: w.model.ends[0]] if hasattr(t, "column")]
    features = {w.lowered.columns[c].feature for c in first}
    places = {feature: i for i, feature in enumerate(w.lowered.features)}
    return sum(w.model.callbacks[places[f]].cost for f in sorted(features))
