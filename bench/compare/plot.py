"""Plots as SVG, written inline: lines over a logarithmic or a percentile axis, and bars. They are
told apart by colour, by marker and by dashes, and carry their names at their ends, so that they can
be read on paper without colours. Knows nothing of benchmarks."""

import html
import math
from dataclasses import dataclass, field

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 66, 176, 14, 46
LABEL_STEP = 13  # between names at the right, at least


@dataclass(frozen=True)
class Style:
    colour: str
    marker: str = "circle"  # circle, square, triangle, diamond
    dash: str = ""  # of stroke-dasharray


@dataclass(frozen=True)
class Series:
    name: str
    style: Style
    points: tuple  # (x, y, low, high); low and high may be None


@dataclass(frozen=True)
class Axis:
    title: str
    kind: str = "log"  # log, percentile
    ticks: tuple = ()  # (value, text); for percentile and for named places
    text: object = field(default=None)  # of a tick's value


def place(value, kind):
    """Where a value stands on an axis without ends."""
    if kind == "percentile":  # each nine is a step
        return -math.log10(1 - min(value, 99.99999) / 100)
    return math.log10(value)


def short(value):
    """A number as short as a tick wants it."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def decades(low, high):
    """Ticks of a logarithmic axis: 1, 2, 5 of each power of ten, more if these are few, or only
    the powers if many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    if high < 6 * low:
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8)
    every = [m * 10.0 ** e for e in range(first, last + 1) for m in steps]
    return [t for t in every if low * 0.999 <= t <= high * 1.001]


def escape(text):
    return html.escape(str(text), quote=True)


def marker(style, x, y, size=3.6):
    fill = f'fill="{style.colour if not style.dash else "#fff"}" stroke="{style.colour}"'
    if style.marker == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {fill}/>'
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
        "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    }[style.marker]
    points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" {fill}/>'


def spread_out(wanted, low, high, step=LABEL_STEP):
    """Places in the order of `wanted`, as near to it as may be, `step` apart, between the ends."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = {}
    at = low
    for i in order:
        placed[i] = max(wanted[i], at)
        at = placed[i] + step
    limit = high
    for i in reversed(order):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - step
    return [placed[i] for i in range(len(wanted))]


class Frame:
    """The area of a plot and its two axes."""

    def __init__(self, x, y, across, up):
        self.x, self.y = x, y
        self.across = across  # (low, high) in values
        self.up = up

    def at_x(self, value):
        low, high = (place(v, self.x.kind) for v in self.across)
        share = (place(value, self.x.kind) - low) / (high - low or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def at_y(self, value):
        low, high = (place(v, self.y.kind) for v in self.up)
        share = (place(value, self.y.kind) - low) / (high - low or 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def grid(self):
        parts = []
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value in decades(*self.up):
            y = self.at_y(value)
            text = (self.y.text or short)(value)
            parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
                         f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" '
                         f'text-anchor="end">{escape(text)}</text>')
        ticks = self.x.ticks or tuple((v, short(v)) for v in decades(*self.across))
        for value, text in ticks:
            if not self.across[0] <= value <= self.across[1]:
                continue
            x = self.at_x(value)
            parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" '
                         f'y2="{bottom}"/><text class="tick" x="{x:.1f}" y="{bottom + 16}" '
                         f'text-anchor="middle">{escape(text)}</text>')
        parts.append(f'<text class="axis" x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 8}" '
                     f'text-anchor="middle">{escape(self.x.title)}</text>'
                     f'<text class="axis" transform="translate(14 {(TOP + bottom) / 2:.0f}) '
                     f'rotate(-90)" text-anchor="middle">{escape(self.y.title)}</text>')
        return parts


def whisker(style, x, low, high):
    if low is None or high is None or high - low < 0:
        return ""
    return (f'<path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 2.5:.1f} {low:.1f}h5M{x - 2.5:.1f} '
            f'{high:.1f}h5" stroke="{style.colour}" stroke-width="1" fill="none" opacity="0.6"/>')


def lines(series, x, y, description):
    """A plot of lines as an svg element, or nothing if there is nothing to show."""
    series = [s for s in series if s.points]
    if not series:
        return ""
    xs = [p[0] for s in series for p in s.points]
    ys = [v for s in series for p in s.points for v in p[1:4] if v is not None and v > 0]
    frame = Frame(x, y, (min(xs), max(xs)), (min(ys) / 1.1, max(ys) * 1.1))
    parts = [opening(description), *frame.grid()]
    for s in series:
        path = " ".join(f"{'L' if i else 'M'}{frame.at_x(p[0]):.1f} {frame.at_y(p[1]):.1f}"
                        for i, p in enumerate(s.points))
        dash = f' stroke-dasharray="{s.style.dash}"' if s.style.dash else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{s.style.colour}" '
                     f'stroke-width="1.7"{dash}/>')
        for p in s.points:
            at = frame.at_x(p[0])
            if p[2] is not None and p[2] > 0:
                parts.append(whisker(s.style, at, frame.at_y(p[2]), frame.at_y(p[3])))
            parts.append(marker(s.style, at, frame.at_y(p[1])))
    parts += names_at_ends(series, frame)
    return "".join(parts) + "</svg>"


def names_at_ends(series, frame):
    ends = [(frame.at_x(s.points[-1][0]), frame.at_y(s.points[-1][1])) for s in series]
    places = spread_out([y for _, y in ends], TOP + 6, HEIGHT - BOTTOM)
    parts = []
    for s, (x, y), at in zip(series, ends, places):
        edge = WIDTH - RIGHT + 14
        parts.append(f'<path d="M{x + 5:.1f} {y:.1f}L{edge - 3} {at:.1f}" '
                     f'stroke="{s.style.colour}" stroke-width="0.6" fill="none" opacity="0.6"/>'
                     f'{marker(s.style, edge + 4, at)}'
                     f'<text class="name" x="{edge + 13}" y="{at + 4:.1f}">'
                     f'{escape(s.name)}</text>')
    return parts


BAR, GAP, NAMES = 15, 6, 190  # heights, and the width of the names at the left


def bars(rows, title, description, text):
    """Horizontal bars from nought: rows of (name, style, value, low, high)."""
    rows = [r for r in rows if r[2] is not None]
    if not rows:
        return ""
    most = max(max(r[4] or 0, r[2]) for r in rows)
    height = len(rows) * (BAR + GAP) + 34
    room = WIDTH - NAMES - 110
    parts = [opening(description, height)]
    for i, (name, style, value, low, high) in enumerate(rows):
        top = 6 + i * (BAR + GAP)
        middle = top + BAR / 2
        length = value / most * room
        hollow = (f'fill="#fff" stroke="{style.colour}" stroke-dasharray="{style.dash}"'
                  if style.dash else f'fill="{style.colour}" stroke="{style.colour}"')
        parts.append(f'<text class="name" x="{NAMES - 8}" y="{middle + 4:.1f}" '
                     f'text-anchor="end">{escape(name)}</text>'
                     f'<rect x="{NAMES}" y="{top}" width="{length:.1f}" height="{BAR}" {hollow}/>')
        end = length
        if low is not None and high is not None and high > low:
            a, b = NAMES + low / most * room, NAMES + high / most * room
            end = max(end, b - NAMES)
            parts.append(f'<path d="M{a:.1f} {middle:.1f}H{b:.1f}M{a:.1f} {middle - 3:.1f}v6'
                         f'M{b:.1f} {middle - 3:.1f}v6" stroke="#000" fill="none"/>')
        parts.append(f'<text class="value" x="{NAMES + end + 6:.1f}" y="{middle + 4:.1f}">'
                     f'{escape(text(value))}</text>')
    parts.append(f'<text class="axis" x="{NAMES}" y="{height - 8}">{escape(title)}</text>')
    return "".join(parts) + "</svg>"


def opening(description, height=HEIGHT):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="{escape(description)}" xmlns="http://www.w3.org/2000/svg">')
