"""What runs now and how long it will take: one line that is written over on a terminal, else a line
now and then. Knows nothing of what is measured."""

import sys
import time

EVERY = 20  # seconds between lines where there is no terminal


class Progress:
    def __init__(self, expected, to=sys.stderr):
        self.to = to
        self.terminal = to.isatty()
        self.begin = time.monotonic()
        self.expected, self.passed = expected, 0.0  # seconds as planned
        self.last = -EVERY

    def show(self, text):
        elapsed = time.monotonic() - self.begin
        line = f"{clock(elapsed)} {text}{self._left(elapsed)}"
        if self.terminal:
            print(f"\r\x1b[K{line[:110]}", end="", file=self.to, flush=True)
        elif elapsed - self.last >= EVERY:
            self.last = elapsed
            print(line, file=self.to, flush=True)

    def _left(self, elapsed):
        if self.passed <= 0 or self.passed >= self.expected:
            return f" (about {clock(self.expected)} in all)" if self.passed <= 0 else ""
        left = (self.expected - self.passed) * elapsed / self.passed
        return f" ({clock(left)} left)"

    def say(self, text):
        """A line that stays."""
        print(("\r\x1b[K" if self.terminal else "") + text, file=self.to, flush=True)

    def done(self, planned):
        """A piece of the plan has been done."""
        self.passed += planned

    def end(self):
        if self.terminal:
            print("\r\x1b[K", end="", file=self.to, flush=True)


def clock(seconds):
    seconds = int(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{seconds // 60}:{seconds % 60:02}"
