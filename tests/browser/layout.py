"""What holds for every page: it fits its window, the keyboard reaches everything, and one sees where one is."""

from dataclasses import dataclass

from playwright.sync_api import Page, ViewportSize

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

CONTROLS = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
  const shown = element => element.checkVisibility({visibilityProperty: true}) && !element.matches(':disabled');
  const names = [], radios = new Set();
  document.activeElement?.blur?.();
  for (const element of document.querySelectorAll(wanted)) {
    if (!shown(element) || element.tabIndex < 0 || element.closest('[inert]')) continue;
    if (element.type === 'radio') {
      const group = (element.form?.id ?? '') + '/' + element.name;
      if (radios.has(group)) { continue; }
      radios.add(group);
    }
    const style = getComputedStyle(element);
    const radio = element.type === 'radio' ? `radio group ${element.name}` : null;
    const text = (element.getAttribute('aria-label') || element.innerText || element.value || element.name || '');
    const name = radio ?? `${names.length}: ${element.localName} ${text.trim().slice(0, 60)}`;
    element.__stop = {name, outline: style.outline, shadow: style.boxShadow};
    if (radio) for (const other of document.querySelectorAll(`input[name="${CSS.escape(element.name)}"]`))
      other.__stop = element.__stop;
    names.push(name);
  }
  return names;
}"""

STOP = """() => {
  const element = document.activeElement;
  if (!element || element === document.body || !element.__stop) return null;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
    && style.outline !== element.__stop.outline;
  const shadowed = style.boxShadow !== 'none' && style.boxShadow !== element.__stop.shadow;
  const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight
    && box.right > 0 && box.left < innerWidth;
  return {name: element.__stop.name, marked: outlined || shadowed, inside};
}"""

WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 3).map(element => element.outerHTML.slice(0, 120))"""


@dataclass(frozen=True)
class Tour:
    """What the Tab key did on a page.

    Attributes:
        controls: Everything that one could use with a mouse, in the document's order.
        reached: What the key came to.
        unmarked: What it came to without any visible sign.
        outside: What it came to without scrolling it into the window.
    """

    controls: tuple[str, ...]
    reached: tuple[str, ...]
    unmarked: tuple[str, ...]
    outside: tuple[str, ...]


def tour(page: Page) -> Tour:
    """Press Tab once for every control, and a few times more for what scrolls and is a stop of its own."""
    controls = tuple(page.evaluate(CONTROLS))
    stops = []
    for _ in range(len(controls) + 12):
        page.keyboard.press("Tab")
        if (stop := page.evaluate(STOP)) is not None:
            stops.append(stop)
        if {each["name"] for each in stops} >= set(controls):
            break
    marked = {each["name"] for each in stops if each["marked"]}
    return Tour(
        controls=controls,
        reached=tuple(dict.fromkeys(each["name"] for each in stops)),
        # The parts of a field for dates are stops of their own, some of which the browser marks inside the field.
        unmarked=tuple(dict.fromkeys(each["name"] for each in stops if each["name"] not in marked)),
        outside=tuple(each["name"] for each in stops if not each["inside"]),
    )


def keyboard_problems(page: Page) -> list[str]:
    """Return what somebody without a mouse would miss on a page."""
    found = tour(page)
    return [
        *(f"{page.url}: Tab does not reach {name}" for name in found.controls if name not in found.reached),
        *(f"{page.url}: nothing shows that {name} has the focus" for name in found.unmarked),
        *(f"{page.url}: {name} has the focus outside the window" for name in found.outside),
    ]


def width_problems(page: Page) -> list[str]:
    """Return what makes a page scroll sideways, if it does."""
    over = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{page.url}: {over} pixels too wide: {page.evaluate(WIDE)}"] if over > 0 else []
