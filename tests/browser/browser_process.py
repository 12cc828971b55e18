# SPDX-License-Identifier: GPL-2.0-or-later
"""A Chromium (QtWebEngine) without a screen, told by lines of JSON on its standard input what a person would do.

Run by `chromium.Browser`. Every command is answered by one line of JSON; clicks and drags are real events of a
mouse over the page.
"""

import json
import os
import sys
import threading

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")  # Chromium's own sandbox does not run as root
os.environ.setdefault(
    "QTWEBENGINE_CHROMIUM_FLAGS",
    "--disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run",
)

from PySide6.QtCore import QEventLoop, QObject, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtTest import QTest
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile, QWebEngineUrlRequestInterceptor
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

WIDTH, HEIGHT = 1200, 900


class Requests(QWebEngineUrlRequestInterceptor):
    """Remembers every address that a page asks for and lets only the local file through."""

    def __init__(self):
        super().__init__()
        self.foreign = []

    def interceptRequest(self, info):
        url = info.requestUrl()
        if url.scheme() not in ("file", "data", "blob"):
            self.foreign.append(url.toString())
            info.block(True)


class Page(QWebEnginePage):
    """Remembers what the page says in its console."""

    def __init__(self, profile, parent):
        super().__init__(profile, parent)
        self.messages = []

    def javaScriptConsoleMessage(self, level, message, line, source):
        self.messages.append([level.name, f"{message} ({source}:{line})"])


class Commands(QObject):
    """Lines of standard input as events."""

    came = Signal(str)
    ended = Signal()

    def __init__(self):
        super().__init__()
        self.answered = threading.Semaphore(0)

    def read(self):
        for line in sys.stdin:
            self.came.emit(line)
            self.answered.acquire()  # one after the other: an answer is waited for in an event loop of its own
        self.ended.emit()


class Session:
    def __init__(self, commands):
        self.commands = commands
        self.profile = QWebEngineProfile()  # off the record: nothing is written
        self.requests = Requests()
        self.profile.setUrlRequestInterceptor(self.requests)
        self.view = QWebEngineView()
        self.page = Page(self.profile, self.view)
        self.view.setPage(self.page)
        self.view.resize(WIDTH, HEIGHT)
        self.view.show()

    def answer(self, line):
        words = json.loads(line)
        result = getattr(self, words.pop("command"))(**words)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        self.commands.answered.release()

    def load(self, path):
        self.page.messages.clear()
        self.requests.foreign.clear()
        return self._wait(lambda done: self._load(path, done))

    def _load(self, path, done):
        self.page.loadFinished.connect(done, Qt.ConnectionType.SingleShotConnection)
        self.view.load(QUrl.fromLocalFile(path))

    def evaluate(self, script):
        """The value of a JavaScript expression."""
        wrapped = f"JSON.stringify({{value: ({script})}})"
        text = self._wait(lambda done: self.page.runJavaScript(wrapped, 0, done))
        if not text:
            return {"failed": script, "messages": self.page.messages}
        return json.loads(text)

    def click(self, x, y):
        QTest.mouseClick(self.view.focusProxy(), Qt.MouseButton.LeftButton, pos=QPoint(x, y))
        return self._settle()

    def hover(self, x, y):
        QTest.mouseMove(self.view.focusProxy(), QPoint(x, y))
        return self._settle()

    def drag(self, x, y, to_x, to_y):
        target, left = self.view.focusProxy(), Qt.MouseButton.LeftButton
        QTest.mousePress(target, left, pos=QPoint(x, y))
        for i in range(1, 6):
            QTest.mouseMove(target, QPoint(x + (to_x - x) * i // 5, y + (to_y - y) * i // 5))
            QTest.qWait(20)
        QTest.mouseRelease(target, left, pos=QPoint(to_x, to_y))
        return self._settle()

    def screenshot(self, path):
        QTest.qWait(300)  # what was scrolled or clicked has to be painted
        return self.view.grab().save(path)

    def said(self):
        return {"messages": self.page.messages, "foreign": self.requests.foreign}

    def _settle(self):
        QTest.qWait(100)
        return True

    def _wait(self, begin):
        loop, results = QEventLoop(), []

        def done(*values):
            results.append(values[0] if values else None)
            loop.quit()

        QTimer.singleShot(60000, loop.quit)
        begin(done)
        if not results:
            loop.exec()
        return results[0] if results else None


def main():
    application = QApplication(sys.argv[:1])
    commands = Commands()
    session = Session(commands)
    commands.came.connect(session.answer, Qt.ConnectionType.QueuedConnection)
    commands.ended.connect(application.quit, Qt.ConnectionType.QueuedConnection)
    threading.Thread(target=commands.read, daemon=True).start()
    application.exec()
    os._exit(0)  # Qt takes seconds to take Chromium apart


if __name__ == "__main__":
    main()
