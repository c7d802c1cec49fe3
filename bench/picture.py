"""The picture of a bench: cost against the number of calls, as SVG."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 46, 52
ENGINE, FLOOR = "#1f5fa8", "#999999"


def ticks(most):
    """Four to eight round numbers from 0 to MOST or a little above."""
    if most <= 0:
        return [0, 1]
    step = 10 ** math.floor(math.log10(most))
    for part in (0.2, 0.5, 1, 2):
        if most / (step * part) <= 7:
            step *= part
            break
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def plain(value):
    return f"{value:,.10g}" if value >= 1 or value == 0 else f"{value:.3g}"


class Plot:
    """One pair of axes, both from 0, so that a straight line looks like one."""

    def __init__(self, at, title, x_label, y_label, lines):
        self.at, self.title = at, title
        self.x_label, self.y_label = x_label, y_label
        self.lines = lines
        points = [p for _, _, line in lines for p in line]
        self.x_ticks = ticks(max(x for x, _ in points))
        self.y_ticks = ticks(max(y for _, y in points))

    def x(self, value):
        return self.at + LEFT + value / self.x_ticks[-1] * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.y_ticks[-1] * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, anchor="middle", more=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'

    def axes(self):
        x0, x1 = self.x(0), self.x(self.x_ticks[-1])
        for t in self.y_ticks:
            yield f'<path d="M{x0:.1f} {self.y(t):.1f}H{x1:.1f}" stroke="#dddddd"/>'
            yield self.text(x0 - 6, self.y(t) + 4, plain(t), "end")
        for t in self.x_ticks:
            yield self.text(self.x(t), HEIGHT - BOTTOM + 16, plain(t))
        yield f'<path d="M{x0:.1f} {TOP}V{HEIGHT - BOTTOM}H{x1:.1f}" fill="none" stroke="#333333"/>'
        yield self.text((x0 + x1) / 2, 20, self.title, more='font-weight="bold"')
        yield self.text((x0 + x1) / 2, HEIGHT - 14, self.x_label)
        yield self.text(x0, TOP - 10, self.y_label, "start")

    def draw(self):
        yield from self.axes()
        for n, (name, color, line) in enumerate(self.lines):
            d = "M" + "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in line)
            yield f'<path d="{d}" fill="none" stroke="{color}" stroke-width="2"/>'
            for x, y in line:
                yield f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{color}"/>'
            y = TOP + 14 + 16 * n
            yield self.text(self.x(0) + 12, y, name, "start", f'fill="{color}"')


def plots_of(rows):
    """(title, x label, y label, lines) of what ROWS hold."""
    for workload, title, x_label in (
        ("prompt and RTP", "A prompt and RTP: CPU of all calls", "calls at once"),
        ("answered, CDR, BYE", "Answered, CDR, BYE: CPU of all calls", "calls a second"),
    ):
        points = [
            (int(r["size"].replace("/", " ").split()[0]), r)
            for r in rows
            if r["workload"] == workload and r.get("cost") and not r.get("refused")
        ]
        points.sort(key=lambda p: p[0])
        if points:
            yield title, x_label, "ms of CPU a second", [
                ("engine", ENGINE, [(n, n * r["cost"]) for n, r in points]),
                ("floor", FLOOR, [(n, n * r["floor"]) for n, r in points]),
            ]


def draw(rows):
    plots = [Plot(i * WIDTH, *plot) for i, plot in enumerate(plots_of(rows))]
    width = WIDTH * max(1, len(plots))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
        f'viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for plot in plots:
        parts.extend(plot.draw())
    return "\n".join([*parts, "</svg>", ""])
