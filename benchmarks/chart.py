"""A picture of the results."""

import io
from typing import Any


# By lanes, these are drawn in color, the rest in gray.
COLORED = {
    "CartPole-v1": "tab:blue",
    "Acrobot-v1": "tab:orange",
    "PointRobot-misc": "tab:green",
    "Breakout-MinAtar": "tab:red",
    "Pong-misc": "tab:purple",
}


def chart(results: dict[str, Any]) -> bytes | None:
    """Ratios to gymnax and costs by lanes, as a PNG; `None` if neither was measured."""
    panels = [
        (panel, width)
        for name, panel, width in (
            ("throughput", draw_ratios, 7),
            ("lanes", draw_lanes, 6),
        )
        if results.get(name)
    ]
    if not panels:
        return None
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    widths = [width for _, width in panels]
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(sum(widths), 6.5),
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for (panel, _), each in zip(panels, axes[0], strict=True):
        panel(each, results)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    plt.close(figure)
    return buffer.getvalue()


def draw_ratios(axes: Any, results: dict[str, Any]) -> None:
    """How many times as fast as gymnax each environment is, in order."""
    found = results["throughput"]
    ids = sorted(found, key=lambda id: found[id]["times_gymnax"]["vector"])
    rows = range(len(ids))
    styles = {
        "vmap": ("o", "0.6", "jax.vmap(env.step), threefry"),
        "vector": ("o", "tab:blue", "VectorEnvironment, threefry"),
        "fast": ("D", "tab:orange", "VectorEnvironment, fast keys"),
    }
    axes.hlines(rows, 1, [found[id]["times_gymnax"]["vector"] for id in ids], "0.85")
    for name, (marker, color, label) in styles.items():
        times = [found[id]["times_gymnax"][name] for id in ids]
        ends = [found[id]["times_gymnax_range"][name] for id in ids]
        axes.hlines(rows, *zip(*ends, strict=True), color, linewidth=1)
        axes.plot(times, rows, marker, color=color, markersize=5, label=label)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_yticks(rows, ids)
    axes.set_xlabel("times as fast as gymnax (lines: least to greatest of a turn)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(frameon=False, loc="lower right")


def draw_lanes(axes: Any, results: dict[str, Any]) -> None:
    """What a step of one lane costs, by the number of lanes."""
    found = results["lanes"]
    for id, each in sorted(found.items(), key=lambda item: item[0] in COLORED):
        color = COLORED.get(id, "0.8")
        for name, marker in (("vector", "o"), ("gymnax", "x")):
            if name == "gymnax" and id not in COLORED:
                continue
            costs = each.get(name, {})
            axes.plot(
                [int(n) for n in costs],
                [cost["seconds_per_step"] * 1e9 for cost in costs.values()],
                color=color,
                marker=marker,
                markersize=3 if marker == "o" else 7,
                label=id if name == "vector" and id in COLORED else None,
            )
    axes.plot([], [], "-", color="0.8", label="other environments")
    axes.plot([], [], "x", color="black", label="gymnax")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("lanes")
    axes.set_ylabel("nanoseconds for a step of one lane")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.yaxis.set_major_formatter(lambda x, _: f"{x:,g}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
