# SPDX-License-Identifier: GPL-2.0-or-later
"""A real browser for tests: Chromium in a process of its own, which clicks, drags and looks."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("browser_process.py")


class Browser:
    """A page in Chromium. Use as a context manager.

    The sandbox and the graphics card are off, so that it runs as root and without a screen.
    """

    def __enter__(self):
        self._errors = []
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def tell(self, command, **words):
        self._process.stdin.write(json.dumps({"command": command, **words}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the browser ended at {command}"
        return json.loads(answer)

    def open(self, path):
        assert self.tell("load", path=str(path)), f"{path} did not load"

    def value(self, script):
        """The value of a JavaScript expression in the page."""
        answer = self.tell("evaluate", script=script)
        assert "failed" not in answer, answer
        return answer.get("value")

    def place(self, script):
        """Middle of an element of the page, after scrolling to it, in pixels of the window."""
        return self.value(
            f"(() => {{ const e = {script}; e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect();"
            " return [Math.round(b.left + b.width / 2), Math.round(b.top + b.height / 2)]; })()"
        )

    def click(self, script):
        """Click on the middle of an element with the mouse."""
        x, y = self.place(script)
        self.tell("click", x=x, y=y)

    def complaints(self):
        """Whatever the console says, and every address that the page asked for."""
        said = self.tell("said")
        # the tests' own looks at pixels make Chromium give advice
        messages = [words for words in said["messages"] if "willReadFrequently" not in words[1]]
        return messages + said["foreign"]
