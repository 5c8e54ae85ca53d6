# SPDX-License-Identifier: GPL-2.0-or-later
"""What the measurements say: medians, spreads, ratios, targets. Prints them as text or as Markdown."""

import dataclasses
import statistics

REFERENCE = "nvme features"

# What people read instead of the names that the measuring program uses, in the order of the table.
LATENCY_NAMES = {
    "kernel getpid": "getpid()",
    "kernel pipe ping-pong": "pipe ping-pong between two threads (two wake-ups)",
    "k7 unknown ioctl": "k7: unknown ioctl",
    "k7 refused request": "k7: request refused by the driver",
    "k7 info": "k7: K7_IOC_INFO",
    "k7 nop": "k7: NOP",
    "k7 random 32": "k7: GET_RANDOM, 32 bytes",
    "k7 echo 64": "k7: FM echo, 64 bytes",
    "k7 echo 4096": "k7: FM echo, 4 KiB",
    "k7 nop submit": "k7: NOP, submit and collect",
    "k7 nop submit x16": "k7: NOP, submit and collect, each of 16 at once",
    "k7 nop uring": "k7: NOP, io_uring",
    "k7 nop uring x16": "k7: NOP, io_uring, each of 16 at once",
    "nvme features": "nvme: Get Features",
    "nvme identify": "nvme: Identify, 4 KiB",
    "nvme features uring": "nvme: Get Features, io_uring",
    "nvme features uring x16": "nvme: Get Features, io_uring, each of 16 at once",
    "nvme identify uring": "nvme: Identify, 4 KiB, io_uring",
    "tpm random 32": "swtpm: TPM2_GetRandom, 32 bytes",
    "virtio-crypto cbc 64": "virtio-crypto: AES-CBC of 64 bytes (another operation)",
    "virtio-crypto cbc 4096": "virtio-crypto: AES-CBC of 4 KiB (another operation)",
}
TABLE_PERCENTS = (5, 50, 90, 99, 99.9)


@dataclasses.dataclass(frozen=True)
class Spread:
    """A median over rounds and the quarters beside it."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: list[float]) -> "Spread":
        if len(values) < 2:
            return Spread(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(low, median, high)

    def text(self, digits: int = 3) -> str:
        return f"{number(self.median, digits)} ({number(self.low, digits)} .. {number(self.high, digits)})"


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, but no exponent."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text


def ratio(of: list[float], to: list[float]) -> Spread | None:
    """Round by round, so that a drift of the machine is in both."""
    pairs = [a / b for a, b in zip(of, to) if b]
    return Spread.of(pairs) if pairs else None


@dataclasses.dataclass
class Table:
    title: str
    heads: list[str]
    rows: list[list[str]]
    notes: list[str] = dataclasses.field(default_factory=list)

    def text(self) -> str:
        widths = [max(len(row[column]) for row in [self.heads, *self.rows]) for column in range(len(self.heads))]
        lines = [f"== {self.title}"]
        for row in [self.heads, *self.rows]:
            cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines + self.notes)

    def markdown(self) -> str:
        lines = [f"### {self.title}", ""]
        lines += ["| " + " | ".join(self.heads) + " |", "|---" * len(self.heads) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), *([""] if self.notes else [])])


class Results:
    """The lines of the measuring program, and what the runner has added."""

    def __init__(self, lines: list[dict]) -> None:
        self.lines = lines

    def of(self, kind: str, **wanted) -> list[dict]:
        return [line for line in self.lines
                if line["kind"] == kind and all(line.get(key) == value for key, value in wanted.items())]

    def one(self, kind: str, **wanted) -> dict:
        found = self.of(kind, **wanted)
        return found[0] if found else {}

    def medians(self, subject: str) -> list[float]:
        return self.one("latency", subject=subject, status="ran").get("medians_ns", [])

    def rates(self, subject: str, way: str, depth: int, threads: int) -> list[float]:
        return self.one("throughput", subject=subject, way=way, depth=depth, threads=threads,
                        status="ran").get("rates", [])

    def count(self, status: str) -> int:
        return sum(line.get("status") == status for line in self.lines)


def reasons(lines: list[dict], names: dict[str, str] | None = None) -> list[str]:
    return [f"{line['status']}: {(names or {}).get(line.get('subject', ''), line.get('subject', line['kind']))}"
            f"{' by ' + line['way'] if 'way' in line else ''}: {line['reason']}"
            for line in lines if line.get("status") in ("skipped", "failed")]


def latency_table(results: Results) -> Table | None:
    if not results.of("latency"):
        return None
    rows = []
    for subject, name in LATENCY_NAMES.items():
        line = results.one("latency", subject=subject, status="ran")
        if not line:
            continue
        percentiles = dict(map(tuple, line["percentiles_ns"]))
        cells = [number(percentiles[percent] / 1000) if percent in percentiles else "-" for percent in TABLE_PERCENTS]
        rounds = Spread.of([value / 1000 for value in line["medians_ns"]])
        beside = ratio(line["medians_ns"], results.medians(REFERENCE))
        rows.append([name, *cells, rounds.text(), beside.text() if beside else "-"])
    heads = ["one request at a time, us", *(f"p{percent:g}" for percent in TABLE_PERCENTS),
             "median of rounds (quartiles)", "times nvme Get Features"]
    return Table("Latency", heads, rows, reasons(results.of("latency"), LATENCY_NAMES))


def throughput_series(results: Results) -> dict[tuple[str, str], list[dict]]:
    """Points of each subject and way."""
    series: dict[tuple[str, str], list[dict]] = {}
    for line in results.of("throughput", status="ran"):
        series.setdefault((line["subject"], line["way"]), []).append(line)
    return series


def throughput_tables(results: Results) -> list[Table]:
    series = throughput_series(results)
    queued, plain = [], []
    for (subject, way), points in series.items():
        for threads in sorted({point["threads"] for point in points}):
            line = {point["depth"]: number(statistics.median(point["rates"]) / 1000)
                    for point in points if point["threads"] == threads}
            if way != "ioctl":
                queued.append([f"{subject}, {way}", str(threads), *line.values()])
        if way == "ioctl":
            plain.append([f"{subject}, {way}", *(number(statistics.median(point["rates"]) / 1000) for point in points)])
    tables = []
    if queued:
        depths = sorted({point["depth"] for points in series.values() for point in points})
        tables.append(Table("Throughput against queue depth", ["1000 requests/s at a depth of", "threads",
                                                               *map(str, depths)], queued))
    if plain:
        threads = sorted({point["threads"] for (_, way), points in series.items() if way == "ioctl"
                          for point in points})
        tables.append(Table("Throughput against threads", ["1000 requests/s, one at a time from threads",
                                                           *map(str, threads)], plain))
    if tables:
        tables[-1].notes = reasons(results.of("throughput"))
    return tables


def slower_on_the_fm_cpu(results: Results, subject: str, isa: str = "rv32im_zba_zbb") -> Spread | None:
    line = results.one("fmcpu", subject=subject, isa=isa, status="ran")
    return Spread(line["quartile1"], line["times_slower"], line["quartile3"]) if line else None


def fm_cpu_table(results: Results) -> Table | None:
    if not results.of("fmcpu"):
        return None
    rows = [[line["subject"], line["isa"], number(line["host_ms"]), number(line["fm_ms"]),
             slower_on_the_fm_cpu(results, line["subject"], line["isa"]).text()]
            for line in results.of("fmcpu", status="ran")]
    return Table("FM CPU", ["the same C code, -O2, processor time", "FM compiled for", "host, ms", "FM, ms",
                            "times slower (quartiles)"], rows, reasons(results.of("fmcpu")))


def other_table(results: Results) -> Table | None:
    rows, notes = [], []
    for line in results.of("transfer", status="ran"):
        rows.append([f"1 MiB of FM image, in pieces of {line['piece'] // 1024} KiB, MiB/s",
                     Spread.of(line["card_mib_s"]).text()])
        rows.append(["1 MiB copied in the guest (memcpy), MiB/s", Spread.of(line["memcpy_mib_s"]).text()])
    for line in results.of("channels", status="ran"):
        rows.append([f"{line['channels']} channels, {line['requests'] // line['channels']} NOPs in flight on each: "
                     "all came back, none twice", f"{number(line['seconds'])} s, {number(line['rate'] / 1000)} k/s"])
    for line in results.of("idle", status="ran"):
        rows.append(["the first idle card in QEMU, with its libraries: memory, MiB", Spread.of(line["first_mib"]).text()])
        rows.append(["each further idle card in QEMU: memory, MiB", Spread.of(line["card_mib"]).text()])
        rows.append(["each further idle card in QEMU: processor, % of one", Spread.of(line["card_percent"]).text()])
    for kind in ("transfer", "channels", "idle"):
        notes += reasons(results.of(kind))
    return Table("Other", ["", "median (quartiles)"], rows, notes) if rows or notes else None


@dataclasses.dataclass(frozen=True)
class Target:
    text: str
    limit: float
    at_least: bool
    value: Spread | None

    def row(self) -> list[str]:
        if self.value is None:
            return [self.text, "not measured", "-"]
        met = self.value.median >= self.limit if self.at_least else self.value.median <= self.limit
        return [self.text, self.value.text(), "met" if met else "NOT MET"]


def targets(results: Results) -> list[Target]:
    def latency(subject: str, other: str) -> Spread | None:
        return ratio(results.medians(subject), results.medians(other))

    def throughput(way: str) -> Spread | None:
        return ratio(results.rates("k7 nop", way, 32, 4), results.rates("nvme features", "uring", 32, 4))

    transfer = results.one("transfer", status="ran")
    idle = results.one("idle", status="ran")
    return [
        Target("NOP at most 0.25 of nvme Get Features (ioctl)", 0.25, False, latency("k7 nop", REFERENCE)),
        Target("GET_RANDOM of 32 bytes at most 0.01 of swtpm's", 0.01, False, latency("k7 random 32", "tpm random 32")),
        Target("FM echo of 64 bytes at most 1.3 of NOP", 1.3, False, latency("k7 echo 64", "k7 nop")),
        Target("NOPs at depth 32 from 4 threads, io_uring, at least 3 of nvme's io_uring", 3, True,
               throughput("uring")),
        Target("NOPs at depth 32 from 4 threads, submit, at least 3 of nvme's io_uring", 3, True,
               throughput("submit")),
        Target("1 MiB to the card at least 0.5 of memcpy", 0.5, True,
               ratio(transfer["card_mib_s"], transfer["memcpy_mib_s"]) if transfer else None),
        Target("SHA-256 on the FM CPU at most 12 times slower than on the host", 12, False,
               slower_on_the_fm_cpu(results, "Sha256")),
        Target("a sieve on the FM CPU at most 12 times slower than on the host", 12, False,
               slower_on_the_fm_cpu(results, "Sieve")),
        Target("each further idle card below 1 MiB", 1, False, Spread.of(idle["card_mib"]) if idle else None),
    ]


def target_table(results: Results) -> Table:
    return Table("Targets", ["target", "measured (quartiles)", ""], [target.row() for target in targets(results)],
                 ["A target that is not met is no failure."])


def circumstances(results: Results) -> list[str]:
    guest, host = results.one("environment"), results.one("host")
    lines = []
    if guest:
        driver = guest.get("driver") or {}
        lines.append(f"Linux {guest['kernel']} with {guest['processors']} processors under QEMU (TCG); driver "
                     f"{driver.get('version')}, driver_features {driver.get('driver_features')}. Reading the clock "
                     f"({guest['clocksource']}) costs {guest['clock_cost_ns']} ns, which is in every sample.")
    if host:
        lines.append(f"Host: {host['processors']} processors, others used {number(host['others_percent'], 2)} % of "
                     f"them meanwhile{', so these figures were TAKEN UNDER LOAD' if host['loaded'] else ''}.")
    return lines


def tables(results: Results) -> list[Table]:
    found = [latency_table(results), *throughput_tables(results), fm_cpu_table(results), other_table(results),
             target_table(results)]
    return [table for table in found if table]
