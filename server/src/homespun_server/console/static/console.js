// Says aloud what htmx replaced; everything else of the console works without scripts.
"use strict";

document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target.id ? document.getElementById(event.target.id) : event.detail.elt;
  const said = part && part.dataset ? part.dataset.said : "";
  if (said) {
    document.getElementById("status").textContent = said;
  }
});

// A sign-in that ended while a page was open: the whole page goes there, not a part of it.
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 401) {
    return;
  }
  document.getElementById("status").textContent = "That did not work; the page was left as it was.";
});
