"""Browser tabs that watch for what must never happen."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page


class Tabs:
    """Pages that watch for what must never happen: errors, and requests that leave the house."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(self, path: str, **options: Any) -> Page:
        """A page in a browser profile of its own. The options are those of a Playwright context."""
        context = self._browser.new_context(base_url=self._url, **options)
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        return self.open_in(context, path)

    def open_in(self, context: BrowserContext, path: str) -> Page:
        """A further tab of the same profile."""
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._watch(request.url))
        page.goto(path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _watch(self, url: str) -> None:
        if not url.startswith((self._url, self._url.replace("http", "ws", 1), "data:")):
            self.complaints.append(f"request to {url}")
