"use strict";
// Everything works without this script. With it the list follows the dials while they move.
(() => {
  const form = document.querySelector("form.dials");
  if (!form) return;
  const items = () => document.getElementById("items");
  const news = document.getElementById("news");
  const dials = [...form.querySelectorAll('input[type="range"]')];
  let latest = 0;
  let waiting = 0;

  const titles = () => [...items().querySelectorAll("h3")].map((heading) => heading.textContent);

  const show = (text, turn, tried) => {
    if (turn !== latest) return;
    const before = titles();
    const made = new DOMParser().parseFromString(text, "text/html").getElementById("items");
    if (!made) return;
    items().replaceChildren(...made.childNodes);
    const now = titles();
    // What was tried out and is set now is no news.
    if (!tried && before.join("\n") === now.join("\n")) return;
    const come = now.filter((title) => !before.includes(title)).length;
    news.textContent = come ? `The list has ${come} other${come === 1 ? "" : "s"} now. First: ${now[0]}.`
      : before.join("\n") === now.join("\n") ? "The list stays as it is." : `Another order. First: ${now[0]}.`;
  };

  const ask = async (address, options) => {
    const turn = ++latest;
    try {
      const answer = await fetch(address, { ...options, headers: { "X-Homespun": "fetch" }, credentials: "same-origin" });
      if (answer.status === 403) { location.reload(); return; }
      if (answer.ok) show(await answer.text(), turn, !options.method);
      else news.textContent = "That did not work. Load the page again.";
    } catch {
      news.textContent = "The application does not answer any more.";
    }
  };

  const preview = () => {
    const asked = new URLSearchParams(dials.map((dial) => [dial.name, dial.value]));
    ask(`list?${asked}`, {});
  };

  for (const dial of dials) {
    dial.addEventListener("input", () => {
      document.getElementById(`value-${dial.name}`).textContent = `${dial.value} %`;
      clearTimeout(waiting);
      waiting = setTimeout(preview, 80);
    });
    dial.addEventListener("change", () => {
      clearTimeout(waiting);
      ask(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)) });
    });
  }
  document.documentElement.classList.add("live");
})();
