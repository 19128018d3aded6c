"""Browser tabs that watch for what must never happen."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, WebSocket

# Counts every change to what the page shows, from before its first script runs.
_COUNT_WRITES = """
window.writes = 0;
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  const observer = new MutationObserver(all => { window.writes += all.length; });
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  observer.observe(document.querySelector("main"), all);
});
"""


class Tabs:
    """Pages that note errors, and requests that leave the house.

    complaints  what was noted
    frames      what live connections of all pages received, as text
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.frames: list[str] = []

    def open(self, path: str, **options: Any) -> Page:
        """A page in a browser profile of its own. The options are those of a Playwright context."""
        context = self._browser.new_context(base_url=self._url, **options)
        context.set_default_timeout(15_000)
        context.add_init_script(_COUNT_WRITES)
        self._contexts.append(context)
        return self.open_in(context, path)

    def open_in(self, context: BrowserContext, path: str) -> Page:
        """A further tab of the same profile."""
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._watch(request.url))
        page.on("websocket", self._listen)
        page.goto(path)
        return page

    def still(self, path: str) -> Page:
        """The page as it is rendered, with no script running."""
        return self.open(path, java_script_enabled=False)

    def close(self) -> None:
        """Close all of them."""
        for context in self._contexts:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _watch(self, url: str) -> None:
        if not url.startswith((self._url, "data:")):
            self.complaints.append(f"request to {url}")

    def _listen(self, websocket: WebSocket) -> None:
        self._watch(websocket.url.replace("ws", "http", 1))
        websocket.on("framereceived", lambda frame: self.frames.append(str(frame)))
