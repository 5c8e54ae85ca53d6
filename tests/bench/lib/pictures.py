#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pictures.py RESULTS FOLDER: draws the results as SVG and PNG. Run by Debian's own Python, which has matplotlib."""

import json
import math
import pathlib
import sys

sys.dont_write_bytecode = True

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import figures  # noqa: E402

# Colours that people who see colours differently can tell apart (Okabe and Ito), one a device.
COLOURS = {"k7": "#0072b2", "nvme": "#d55e00", "tpm": "#009e73", "virtio-crypto": "#cc79a7", "kernel": "#777777"}
LATENCY_LINES = {
    "kernel getpid": ":",
    "kernel pipe ping-pong": "-",
    "k7 info": ":",
    "k7 nop": "-",
    "k7 random 32": "--",
    "k7 echo 64": "-.",
    "k7 nop uring": (0, (1, 1)),
    "nvme features": "-",
    "nvme identify": "--",
    "tpm random 32": "-",
    "virtio-crypto cbc 64": "-",
}
THROUGHPUT_LINES = {
    ("k7 nop", "submit"): "-",
    ("k7 nop", "uring"): "--",
    ("k7 echo 64", "submit"): "-.",
    ("k7 echo 64", "uring"): ":",
    ("nvme features", "uring"): "-",
}


def colour(subject: str) -> str:
    return COLOURS[subject.split()[0]]


def save(figure, base: pathlib.Path) -> list[pathlib.Path]:
    files = [base.with_suffix(suffix) for suffix in (".svg", ".png")]
    for file in files:
        figure.savefig(file, dpi=110)
    plt.close(figure)
    return files


def tidy(axes) -> None:
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_latency(results: figures.Results, base: pathlib.Path) -> list[pathlib.Path]:
    figure, axes = plt.subplots(figsize=(10, 5.5), layout="constrained")
    ticks = {}
    for subject, style in LATENCY_LINES.items():
        line = results.one("latency", subject=subject, status="ran")
        points = line.get("percentiles_ns", [])
        if not points:
            continue
        # Stretched towards the tail: 50, 90, 99, 99.9 are equally far from each other.
        places = [-math.log10(1 - percent / 100) for percent, _ in points]
        ticks.update({place: f"{percent:g}" for place, (percent, _) in zip(places, points)
                      if percent in (1, 50, 90, 99, 99.9)})
        axes.plot(places, [value / 1000 for _, value in points], linestyle=style, color=colour(subject),
                  linewidth=1.8, label=figures.LATENCY_NAMES[subject])
    axes.set(yscale="log", xlabel="percentile", ylabel="microseconds", title="Latency of one request at a time")
    axes.set_xticks(list(ticks), list(ticks.values()))
    tidy(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return save(figure, base)


def plot_rates(axes, points: list[dict], key: str, style, subject: str, label: str) -> None:
    points = sorted(points, key=lambda point: point[key])
    places = [point[key] for point in points]
    spreads = [figures.Spread.of([rate / 1000 for rate in point["rates"]]) for point in points]
    axes.plot(places, [spread.median for spread in spreads], linestyle=style, marker="o", markersize=3.5,
              color=colour(subject), linewidth=1.8, label=label)
    axes.fill_between(places, [spread.low for spread in spreads], [spread.high for spread in spreads],
                      color=colour(subject), alpha=0.12, linewidth=0)


def draw_throughput(results: figures.Results, base: pathlib.Path) -> list[pathlib.Path]:
    series = figures.throughput_series(results)
    queued = [point["threads"] for (_, way), points in series.items() if way != "ioctl" for point in points]
    panels = sorted(set(queued))
    figure, all_axes = plt.subplots(1, len(panels) + 1, figsize=(4 * (len(panels) + 1), 4.6), sharey=True,
                                    layout="constrained", squeeze=False)
    for axes, threads in zip(all_axes[0], panels):
        for (subject, way), style in THROUGHPUT_LINES.items():
            points = [point for point in series.get((subject, way), []) if point["threads"] == threads]
            if points:
                plot_rates(axes, points, "depth", style, subject, f"{subject}, {way}")
        axes.set(title=f"{threads} thread{'s' if threads > 1 else ''}", xlabel="queue depth of each thread")
    last = all_axes[0][-1]
    for style, subject in (("-", "k7 nop"), ("-.", "k7 echo 64"), ("-", "nvme features")):
        if points := series.get((subject, "ioctl")):
            plot_rates(last, points, "threads", style, subject, f"{subject}, ioctl")
    last.set(title="one request a thread", xlabel="threads")
    for axes in all_axes[0]:
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
        axes.set_ylim(bottom=0)
        tidy(axes)
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    all_axes[0][0].set_ylabel("1000 requests a second")
    return save(figure, base)


def main() -> None:
    lines, folder = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")), pathlib.Path(sys.argv[2])
    results = figures.Results(lines)
    matplotlib.rcParams["svg.hashsalt"] = "k7hsm"  # the same results give the same file
    files = []
    if results.of("latency", status="ran"):
        files += draw_latency(results, folder / "latency")
    if results.of("throughput", status="ran"):
        files += draw_throughput(results, folder / "throughput")
    for file in files:
        print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
