"""A browser that opens the studio's pages, and waits until something is shown."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import (
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from helpers.studio import PASSWORD, Server
from helpers.tools import need

SECONDS = 60
"""How long to wait for something on a busy machine."""

AHEAD = """{
const { now } = Date;
const later = () => now() + 3 * 86_400_000;
window.Date = class extends Date {
  constructor(...parts) { super(...(parts.length ? parts : [later()])); }
  static now() { return later(); }
};
}"""

THEMES = {"light": "false", "dark": "true"}


def start(width: int = 1400, height: int = 900) -> webdriver.Chrome:
    """Start Chromium without a window."""
    options = Options()
    options.binary_location = need("chromium")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
        "--force-device-scale-factor=1", f"--window-size={width},{height}",
    ):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(need("chromedriver")))
    driver.set_page_load_timeout(60)
    return driver


class Page:
    """A browser with which one user looks at the server."""

    def __init__(self, driver: webdriver.Chrome, server: Server) -> None:
        self.driver, self.server = driver, server

    def sign_in(self, user: str | None) -> None:
        """Send a user's name with every request, as a browser does after it has asked for it."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        headers = {}
        if user is not None:
            token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})

    def open(self, path: str, user: str | None, theme: str = "light") -> None:
        """Open an address in a browser that has stored nothing, as at a first visit."""
        self.sign_in(user)
        self.driver.get(f"{self.server.uri}/health")
        self.driver.execute_script(
            "localStorage.clear();"
            "localStorage.setItem('_mlflow_dark_mode_toggle_enabled', arguments[0]);"
            "localStorage.setItem('databricks-dark-mode-pref', arguments[1]);",
            THEMES[theme],
            theme,
        )
        self.driver.get(f"{self.server.uri}/{path}")
        if not self._takes_input():
            self._in_another_tab()
            self.sign_in(user)
            self.driver.get(f"{self.server.uri}/{path}")

    @contextlib.contextmanager
    def clock_ahead(self) -> Iterator[None]:
        """Set the clock of pages that are opened meanwhile three days ahead."""
        tab = self.driver.current_window_handle
        source = {"source": AHEAD}
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        try:
            yield
        finally:
            if self.driver.current_window_handle == tab:
                self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def _takes_input(self) -> bool:
        """Return whether the mouse reaches the page.

        On a busy machine, Chromium without a window sometimes has a tab that no click or key
        reaches, whatever page is opened in it.
        """
        self.script("addEventListener('mousemove', () => window.moved = true, {capture: true})")
        deadline = time.monotonic() + 2
        x = 1
        while time.monotonic() < deadline:
            move = {"type": "mouseMoved", "x": x, "y": 1}
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", move)
            if self.script("return window.moved === true"):
                return True
            x = 3 - x  # a mouse that does not move makes no event
            time.sleep(0.05)
        return False

    def _in_another_tab(self) -> None:
        old = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        self.driver.switch_to.window(old)
        self.driver.close()
        self.driver.switch_to.window(new)

    def until(self, holds: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """Wait until ``holds()`` returns a true value, and return it. The message has ``what``."""
        ignored = [StaleElementReferenceException]
        waiting = WebDriverWait(self.driver, seconds, 0.05, ignored_exceptions=ignored)
        try:
            return waiting.until(lambda _: holds(), f"not seen within {seconds} s: {what}")
        except TimeoutException as error:
            shown = self.script("return document.body.innerText")
            log = "\n".join(each["message"] for each in self.driver.get_log("browser")[-5:])
            raise AssertionError(f"{error.msg}. The page:\n{shown}\nIts log:\n{log}") from None

    def find_all(self, selector: str) -> list[WebElement]:
        """Return all elements that a CSS selector matches now, without waiting."""
        return self.driver.find_elements("css selector", selector)

    def see(self, selector: str, text: str = "", seconds: float = SECONDS) -> WebElement:
        """Wait for a visible element of a selector that contains the text, and return it."""

        def find_shown() -> WebElement | None:
            for element in self.find_all(selector):
                if element.is_displayed() and text in element.text:
                    return element
            return None

        found: WebElement = self.until(find_shown, f"{selector} with {text!r}", seconds)
        return found

    def wait_until_gone(self, selector: str) -> None:
        """Wait until no element that a CSS selector matches is displayed."""
        self.until(
            lambda: not any(each.is_displayed() for each in self.find_all(selector)),
            f"no {selector}",
        )

    def click(self, selector: str, text: str = "") -> None:
        """Wait for an element with this text, and click it. Repeated if the page redraws it."""

        def click() -> bool:
            """Wait for an element with this text, and click it. Repeated if the page redraws it."""
            self.see(selector, text).click()
            return True

        self.until(click, f"{selector} to click")

    def press(self, *keys: str) -> None:
        """Press keys in the element that has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def shift(self, key: str) -> None:
        """Press a key while Shift is held."""
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def find_focused(self) -> WebElement:
        """Return the element that has the keyboard's focus."""
        return self.driver.switch_to.active_element

    def write(self, selector: str, text: str) -> WebElement:
        """Replace the text in a box, and return the box."""
        box = self.see(selector)
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text)
        return box

    def script(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript in the page, and return what it returns."""
        return self.driver.execute_script(code, *arguments)

    def run_names(self) -> list[str]:
        """Wait until All runs has finished its search, and return the names in the table."""
        self.until(
            lambda: self.find_all(".amlflow-scroller[aria-busy='false']"), "the end of the search"
        )
        return [each.text.removeprefix("↳ ") for each in self.find_all(".amlflow-table tbody th")]
