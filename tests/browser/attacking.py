"""What a stranger's page tries with the windows of somebody who is signed in elsewhere in the same browser.

The stranger knows every address, which is more than they would. They come from another port of this machine (for a
browser the same site, so that cookies for this site alone are sent along) and from another site.
"""

import html
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

from tests.browser.site import Site

NOISE = (
    "blocked by CORS policy",
    "net::ERR_FAILED",
    "net::ERR_BLOCKED_BY_RESPONSE",
    "frame-ancestors",
    "X-Frame-Options",
    "origin was untrustworthy",
    r"status of (400|401|403|404|421)",
)
"""What a browser says while it refuses the stranger."""

READ = """async (addresses) => {
  const found = [];
  for (const address of addresses) {
    for (const mode of ['cors', 'no-cors']) {
      try {
        const text = await (await fetch(address, {credentials: 'include', mode})).text();
        if (text) found.push(`${address}: ${text}`);
      } catch { /* refused, as it should be */ }
    }
    const frame = document.createElement('iframe');
    const loaded = new Promise(done => { frame.onload = done; });
    frame.src = address;
    document.body.append(frame);
    await loaded;
    try {
      const text = frame.contentDocument && frame.contentDocument.body.innerText;
      if (text) found.push(`${address}: ${text}`);
    } catch { /* of another origin, as it should be */ }
  }
  return found;
}"""


def origins(stranger: Site) -> tuple[str, str]:
    """Return where the stranger's pages are: on another port, and on another site."""
    return stranger.address, f"http://localhost:{urlsplit(stranger.address).port}"


def lure(context: BrowserContext, origin: str) -> Page:
    """Have somebody open the stranger's page beside their own."""
    page = context.new_page()
    page.goto(f"{origin}/")
    return page


def read(page: Page, addresses: Sequence[str]) -> list[str]:
    """Return everything that the stranger's page could read, also what its frames show."""
    found: list[str] = page.evaluate(READ, list(addresses))
    framed = [frame.locator("body").inner_text() for frame in page.frames[1:] if frame.url in addresses]
    return [*found, *filter(None, framed)]


def send(page: Page, address: str, fields: Mapping[str, str]) -> str:
    """Have the stranger's page send a form to somebody's page, and return what it is answered."""
    inputs = "".join(
        f'<input name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in fields.items()
    )
    form = f'<form method="post" action="{html.escape(address)}">{inputs}<button>Win</button></form>'
    page.evaluate("form => { document.body.innerHTML = form; }", form)
    with page.expect_navigation():
        page.get_by_role("button", name="Win").click()
    return page.locator("body").inner_text()
